"""The request id, and the headers that fence in the browser."""

import re

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory, override_settings

from holo.common.logs import ContextFilter
from holo.identity import context_processors
from holo.identity.demo import DEMO_OPERATOR, DEMO_PASSWORD
from holo.identity.models import User
from tests.api.people import PASSWORD

LIVE = "/healthz/live"


@pytest.mark.parametrize("given", ["a", "A-z_0.9", "x" * 64])
def test_good_request_id_is_kept(given: str) -> None:
    assert Client().get(LIVE, headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\r\nb", "ä", "<script>"])
def test_bad_request_id_is_replaced(given: str) -> None:
    made = Client().get(LIVE, headers={"X-Request-ID": given})["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)


def test_request_id_is_in_the_log_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(ContextFilter())
    caplog.set_level("INFO", "holo.access")
    Client().get("/api/nothing", headers={"X-Request-ID": "r-7"})
    assert [vars(record)["context"]["request_id"] for record in caplog.records] == ["r-7"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/login/", "/api/docs", "/api/errors", "/api/nothing", LIVE])
def test_every_answer_forbids_inline_scripts_and_frames(path: str) -> None:
    response = Client().get(path)
    policy = dict(part.split(" ", 1) for part in response["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"


@pytest.mark.django_db
def test_docs_page_has_no_inline_script_and_no_foreign_address() -> None:
    page = Client().get("/api/docs").content.decode()
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)
    assert scripts
    assert all('src="/' in attributes and not body.strip() for attributes, body in scripts)
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    start = re.findall(r'src="([^"]*script[^"]*)"', page)
    assert "SwaggerUIBundle" in Client().get(start[-1].replace("&amp;", "&")).content.decode()


@pytest.mark.django_db
def test_start_page_leads_to_the_admin() -> None:
    assert Client().get("/")["Location"] == "/admin/"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("demo", "password", "shown"),
    [(True, DEMO_PASSWORD, True), (True, PASSWORD, False), (False, DEMO_PASSWORD, False)],
)
def test_banner_is_shown_while_a_demo_password_works(
    demo: bool, password: str, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_processors, "_looked", {})
    User.objects.create_user(DEMO_OPERATOR, password)
    request = RequestFactory().get("/admin/")
    request.user = AnonymousUser()
    with override_settings(DEMO=demo):
        assert context_processors.demo_banner(request) == {"demo_credentials": shown}
