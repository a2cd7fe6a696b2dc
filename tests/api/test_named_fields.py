"""A refusal of an input names the field of the body, or the header, that it is about."""

import json
from typing import Any

import pytest

from holo.identity.roles import Role
from holo.identity.services import create_project
from tests.api.people import Api, build_key
from tests.identity.people import Team, add_member, build_team

pytestmark = pytest.mark.django_db
SCOPES = ["organization:read", "organization:write", "users:read", "users:write", "tokens:write"]


@pytest.fixture
def team(db: None) -> Team:
    """An organisation with a project."""
    team = build_team()
    create_project(actor=team.actor(Role.OWNER), slug="shop", name="Shop")
    return team


@pytest.fixture
def api(team: Team) -> Api:
    """Its owner."""
    return Api(build_key(owner=team.people[Role.OWNER], organization=team.organization, scopes=SCOPES))


def told(answer: Any) -> dict[str, Any]:
    body = json.loads(answer.content)
    assert 400 <= answer.status_code < 500, body
    return dict(body.get("details", {}))


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("projects", {"slug": "shop", "name": "Twice"}, "slug"),
        ("projects/shop/environments", {"slug": "staging", "kind": "staging"}, "slug"),
        ("workflows/user", {"user_id": "nobody", "action": "delete"}, "user_id"),
    ],
)
def test_a_refusal_by_a_rule_names_its_field(api: Api, path: str, body: object, field: str) -> None:
    assert told(api.post(f"/api/v1/{path}", body))["field"] == field


def test_a_taken_address_is_named(api: Api, team: Team) -> None:
    taken = add_member(team.organization, Role.MEMBER).email
    wanted = {"user_id": "u", "action": "create", "email": taken, "name": "Somebody"}
    assert told(api.post("/api/v1/workflows/user", wanted))["field"] == "email"
    invited = {"email": taken, "role": "member"}
    assert told(api.post("/api/v1/invitations", invited))["field"] == "email"


@pytest.mark.parametrize(
    ("headers", "header"),
    [
        ({"Idempotency-Key": "a,b"}, "Idempotency-Key"),
        ({"X-Organization": "nobodys"}, "X-Organization"),
        ({"Content-Encoding": "gzip"}, "Content-Encoding"),
    ],
)
def test_a_refused_header_is_named(api: Api, headers: dict[str, str], header: str) -> None:
    wanted = {"slug": "other", "name": "Other"}
    assert told(api.post("/api/v1/projects", wanted, headers=headers))["header"] == header


def test_a_key_with_another_body_names_its_header(api: Api) -> None:
    headers = {"Idempotency-Key": "one"}
    assert api.post("/api/v1/projects", {"slug": "a", "name": "A"}, headers=headers).status_code == 201
    assert told(api.post("/api/v1/projects", {"slug": "b", "name": "B"}, headers=headers)) == {
        "header": "Idempotency-Key"
    }


@pytest.mark.parametrize("media_type", ["text/plain", ""])
def test_another_media_type_names_its_header(api: Api, media_type: str) -> None:
    answer = api.client.generic("POST", "/api/v1/projects", b"{}", content_type=media_type)
    assert (answer.status_code, told(answer)["header"]) == (415, "Content-Type")
