"""What another site can make a browser do here: nothing by a link, and no leap from here to elsewhere."""

from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group
from django.test import Client, override_settings
from django.urls import reverse

from tests.api.people import PASSWORD, build_person
from tests.bad_inputs.cases.rows import As, Sent
from tests.bad_inputs.conftest import world
from tests.bad_inputs.surface import endpoints
from tests.bad_inputs.world import World, changed, written
from tests.builders import build_organization
from tests.logins import enrol, log_in
from tests.permissions import surface
from tests.stories import build_person as build_worker

__all__ = ["world"]

# A session is prolonged by a look; who read a secret and who tried what they may not is written down.
_NOTES = {"django_session", "staff_staffsession", "audit_auditevent"}
# Asks servers that these tests do not start.
_NEEDS_SERVERS = {"ready"}
ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "http:evil.example",
    "https:/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://testserver@evil.example/",
    "https://testserver.evil.example/",
    " https://evil.example",
    "/\t/evil.example",
    "\x08//evil.example",
)


@pytest.fixture(scope="module")
def root(world: World) -> Client:
    """Who may open every page."""
    person = build_worker(world.shop.organization, "root", auditor=True, is_staff=True, is_superuser=True)
    person.groups.add(*Group.objects.all())
    client = Client(raise_request_exception=False)
    log_in(client, person)
    return client


@override_settings(DEMO=False)
def test_opening_any_page_changes_nothing(world: World, root: Client) -> None:
    for endpoint in endpoints():
        if not endpoint.name.startswith("authorization"):
            world.target_for(endpoint)
    opened = 0
    for name, route in surface.pages().items():
        if name in _NEEDS_SERVERS:
            continue
        path, _key = surface.address(name, route)
        for method in (root.get, root.head):
            before = written()
            answer = method(path)
            assert answer.status_code < 500, name
            assert changed(before) <= _NOTES, name
        opened += answer.status_code == 200
    assert opened > 50


def test_reading_from_the_api_changes_nothing(world: World) -> None:
    asked = [endpoint for endpoint in endpoints() if endpoint.method == "GET"]
    for endpoint in asked:
        world.target_for(endpoint)
        before = written()
        status = world.send(endpoint, Sent(label="read"), As.GOOD).status_code
        assert status < 500, endpoint
        assert changed(before) <= _NOTES | {"apiauth_apikey"}, endpoint
    assert len(asked) > 10


def test_control_a_write_is_seen(world: World) -> None:
    before = written()
    world.shop.organization.save()
    assert changed(before) == {"identity_organization"}


FOREIGN = ("cross-site", "same-site", "", "SAME-ORIGIN ,none")
SIBLING = "https://pos.example.com"

FORMS = ("/admin/login/", "/admin/login/code/", "/admin/logout/", "/i18n/setlang/", "/invitations/x")


@pytest.mark.parametrize("site", FOREIGN)
def test_write_that_a_browser_sends_for_another_site_is_refused(world: World, site: str) -> None:
    # Neither tokens nor `Origin` are asked for here, so that this alone refuses.
    client = Client(headers={"Sec-Fetch-Site": site})
    log_in(client, build_person(organization=world.shop.organization, superuser=True))
    writes = [endpoint for endpoint in endpoints() if endpoint.method != "GET"]
    # What they name is made before anything is counted.
    for endpoint in writes:
        world.target_for(endpoint)
    before = written()
    for path in (*FORMS, reverse("admin:identity_user_add")):
        assert client.post(path, {"language": "en"}).status_code == 403, path
        assert client.get(path).status_code != 403, path
    for endpoint in writes:
        answer = world.send(endpoint, Sent(label=site), As.SESSION, client=client)
        assert (answer.status_code, answer.json()["code"]) == (403, "request.cross_site"), endpoint
    assert changed(before) <= {"django_session", "staff_staffsession"}


@pytest.mark.parametrize("site", ["same-origin", "none", None])
def test_control_of_the_same_origin_it_is_taken(world: World, site: str | None) -> None:
    client = Client(headers={"Sec-Fetch-Site": site} if site else {})
    for path in FORMS:
        assert client.post(path, {"language": "en"}).status_code != 403, path


def test_sibling_host_writes_where_it_is_trusted(world: World) -> None:
    sibling = {"Sec-Fetch-Site": "same-site", "Origin": SIBLING}
    for trusted, status in (
        ([SIBLING], 302),
        (["https://*.example.com"], 302),
        (["http://pos.example.com", "https://pos.example.com:8443", "https://example.com"], 403),
    ):
        with override_settings(CSRF_TRUSTED_ORIGINS=trusted):
            answer = Client(headers=sibling).post("/i18n/setlang/", {"language": "en"})
            assert answer.status_code == status, trusted
            afar = {**sibling, "Sec-Fetch-Site": "cross-site"}
            assert Client(headers=afar).post("/i18n/setlang/", {"language": "en"}).status_code == 403


def test_key_in_a_header_is_sent_by_no_browser_of_itself(world: World) -> None:
    write = next(each for each in endpoints() if (each.name, each.method) == ("order-list", "POST"))
    answer = world.send(write, Sent(label="key", headers={"Sec-Fetch-Site": "cross-site"}))
    assert answer.status_code == 201


@pytest.mark.parametrize("credential", ["Basic dTpw", "x", "", "Bearer"])
def test_what_a_browser_may_send_of_itself_is_no_key(world: World, credential: str) -> None:
    """A proxy that asks for a password makes a browser send it with whatever any site makes it send."""
    client = Client(headers={"Sec-Fetch-Site": "cross-site", "Authorization": credential})
    log_in(client, build_person(organization=world.shop.organization, superuser=True))
    for path in (*FORMS, reverse("admin:identity_user_add"), "/api/v1/orders"):
        assert client.post(path, {"language": "en"}).status_code == 403, path


@pytest.mark.django_db
@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_address_leads_to_another_host(target: str) -> None:
    person = build_person(organization=build_organization(), superuser=True)
    wanted = {"username": person.email, "password": PASSWORD}
    for path, data in (("/admin/login/", wanted), ("/i18n/setlang/", {"language": "en"})):
        for secure in (False, True):
            for sent, query in (({**data, "next": target}, {}), (data, {"next": target})):
                answer = Client().post(path, sent, secure=secure, query_params=query)
                assert answer.status_code == 302, path
                to = urlsplit(answer["Location"].strip())
                assert (to.scheme, to.netloc) == ("", ""), (path, answer["Location"])
                assert not answer["Location"].startswith(("//", "/\\")), (path, answer["Location"])


@pytest.mark.django_db
def test_control_a_page_of_this_host_is_led_to() -> None:
    person = build_person(organization=build_organization(), superuser=True)
    wanted = {"username": person.email, "password": PASSWORD, "next": "/admin/orders/"}
    client, device = Client(), enrol(person)
    client.post("/admin/login/", wanted)
    assert client.post("/admin/login/code/", {"code": device.code()})["Location"] == "/admin/orders/"
