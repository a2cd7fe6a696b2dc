"""What is no address that a mail can be sent to is refused wherever one is entered."""

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from holo.common.addresses import validate_address, validate_single_line
from holo.common.ids import uuid7
from holo.environment import Environment
from holo.identity.models import Organization, User
from holo.identity.roles import Role
from tests.api.people import Api, build_key
from tests.identity.people import build_team
from tests.logins import log_in

BAD = (
    "a@example.com\r\nBcc: b@example.com",
    "a@example.com\nBcc: b@example.com",
    "a\n@example.com",
    '"a\x01b"@example.com',
    '"a\tb"@example.com',
    '"a\x7fb"@example.com',
    '"a b"@example.com',
    "a@exam\u200bple.com",
    "a@exam\u3164ple.com",
    "a@exam\u2800ple.com",
    "a@exam\u034fple.com",
    "a@exam\u2028ple.com",
    "a@" + "ü" * 63 + ".com",
    # Mail to these would go to strasse.example, ff.example, viii.example, σ.example and example.com.
    "a@straße.example",
    "a@ﬀ.example",
    "a@ⅷ.example",
    "a@ς.example",
    "a@ｅxample.com",
    "a@example.com, b@example.com",
    "A <a@example.com>",
    "a@example..com",
    "nobody",
    "",
)
GOOD = (
    "a@example.com",
    "o'hara+tag@mail.example.co.uk",
    "a@bücher.example",
    "a@例子.example",
    "a@BÜCHER.example",
)


@pytest.mark.pure
@pytest.mark.parametrize("text", BAD)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        validate_address(text)


@pytest.mark.pure
@pytest.mark.parametrize("text", GOOD)
def test_address_is_taken(text: str) -> None:
    validate_address(text)


@pytest.mark.pure
@pytest.mark.parametrize("text", ["A\r\nBcc: b@example.com", "A\nB", "A\x00", "A\x85B", "A\u2028B"])
def test_name_of_several_lines_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        validate_single_line(text)


@pytest.mark.django_db
@pytest.mark.parametrize("text", [bad for bad in BAD if bad])
def test_api_refuses_to_invite_or_create(text: str) -> None:
    team = build_team()
    scopes = ["organization:write", "users:write"]
    api = Api(build_key(owner=team.people[Role.OWNER], organization=team.organization, scopes=scopes))
    bodies = {
        "/api/v1/invitations": {"email": text, "role": "member"},
        "/api/v1/workflows/user": {"user_id": "u", "action": "create", "email": text, "name": "Wang Fang"},
    }
    for address, body in bodies.items():
        response = api.post(address, body)
        assert response.status_code in (400, 422), address
        assert [error["pointer"] for error in response.json()["errors"]] == ["/email"]


@pytest.mark.django_db
@pytest.mark.parametrize("text", [bad for bad in BAD if bad])
def test_admin_and_command_line_refuse_to_make_a_person(text: str) -> None:
    root = User.objects.create_superuser(f"{uuid7().hex}@example.com")
    client = Client()
    log_in(client, root)
    fields = {"email": text, "name": "x", "usable_password": "false"}
    page = client.post(reverse("admin:identity_user_add"), fields)
    assert page.status_code == 200
    assert page.context["adminform"].form.errors["email"]
    with pytest.raises(CommandError):
        call_command("createsuperuser", interactive=False, email=text)
    assert User.objects.get() == root


@pytest.mark.django_db
def test_admin_refuses_an_organisations_name_of_several_lines() -> None:
    root = User.objects.create_superuser(f"{uuid7().hex}@example.com")
    client = Client()
    log_in(client, root)
    fields = {"slug": "shop", "name": "A\r\nBcc: b@example.com"}
    page = client.post(reverse("admin:identity_organization_add"), fields)
    assert page.context["adminform"].form.errors["name"]
    client.post(reverse("admin:identity_organization_add"), {**fields, "name": "A"})
    assert Organization.objects.get().name == "A", "the control"


@pytest.mark.pure
@pytest.mark.parametrize("text", ["x", "a@b", "A\nBcc: <a@example.com>", "A <a b@example.com>"])
def test_sender_that_would_break_every_mail_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFAULT_FROM_EMAIL", text)
    problems: list[str] = []
    assert Environment(problems).sender("DEFAULT_FROM_EMAIL", default="holo@example.com")
    assert problems


@pytest.mark.pure
@pytest.mark.parametrize(
    "text", ["a@example.com", "Holo <a@example.com>", "Ho\u4e2d <a@example.com>", "$HOME@example.com"]
)
def test_sender_may_have_a_name(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFAULT_FROM_EMAIL", text)
    problems: list[str] = []
    assert Environment(problems).sender("DEFAULT_FROM_EMAIL", default="holo@example.com") == text
    assert problems == []
