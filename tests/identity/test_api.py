"""Members, projects and environments as clients of the API see them."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from holo.identity.models import Membership, Project, User
from holo.identity.roles import Role
from holo.identity.services import create_project
from tests.api.people import Api, build_key, code_of
from tests.identity.people import Team, add_member, build_team

pytestmark = pytest.mark.usefixtures("fresh_database")
SCOPES = ["organization:read", "organization:write"]


@pytest.fixture
def team(fresh_database: str) -> Team:
    """An organisation, and a stranger to it with a project of the same name."""
    stranger = build_team()
    create_project(actor=stranger.actor(Role.OWNER), slug="shop", name="Theirs")
    return build_team()


def api_of(team: Team, role: Role) -> Api:
    person = team.people[role]
    return Api(build_key(owner=person, organization=team.organization, scopes=SCOPES))


def change(api: Api, method: str, path: str, body: object = None, **headers: str) -> Any:
    data = b"" if body is None else json.dumps(body).encode()
    return api.client.generic(method, path, data, content_type="application/json", headers=headers)


def test_a_project_is_made_seen_renamed_and_given_an_environment(team: Team) -> None:
    api = api_of(team, Role.OWNER)
    made = api.post("/api/v1/projects", {"slug": "shop", "name": "Shop"})
    assert (made.status_code, made["Location"]) == (201, "/api/v1/projects/shop")
    added = api.post("/api/v1/projects/shop/environments", {"slug": "pr-1", "kind": "preview"})
    assert (added.status_code, added.json()["kind"]) == (201, "preview")
    renamed = change(api, "PATCH", "/api/v1/projects/shop", {"name": "Web shop"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Web shop")
    seen = api.get("/api/v1/projects/shop").json()
    assert seen == renamed.json()
    kinds = [(one["slug"], one["kind"]) for one in seen["environments"]]
    assert kinds == [(kind, kind) for kind in ("development",)] + [("pr-1", "preview")] + [
        (kind, kind) for kind in ("production", "staging")
    ]
    listed = api.get("/api/v1/projects/shop/environments?kind=preview").json()["results"]
    assert listed == [added.json()]
    assert [one["slug"] for one in api.get("/api/v1/projects").json()["results"]] == ["shop"]


def test_a_repeated_key_makes_one_project(team: Team) -> None:
    api = api_of(team, Role.OWNER)
    answers = [
        api.post("/api/v1/projects", {"slug": "shop", "name": "Shop"}, headers={"Idempotency-Key": "one"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert answers[1]["Idempotent-Replayed"] == "true"
    assert Project.objects.filter(organization=team.organization).count() == 1


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("Ann@BU\u0308CHER.example", "%20ann@b\u00fccher.example%20"),
        ("ann@\u00c4PFEL.example", "ANN@\u00e4pfel.EXAMPLE"),
        ("ma\u0131l@example.com", "ma\u0131l@EXAMPLE.com"),
        ("ma\u0130l2@example.com", "MA\u0130L2@example.com"),
    ],
    ids=ascii,
)
def test_a_member_is_found_by_the_address_in_whatever_form(team: Team, stored: str, asked: str) -> None:
    person = User.objects.create_user(stored, None)
    Membership.objects.create(organization=team.organization, user=person)
    other = User.objects.create_user("mail@example.com", None)
    Membership.objects.create(organization=team.organization, user=other)
    listed = api_of(team, Role.OWNER).get(f"/api/v1/members?email={asked}").json()["results"]
    assert [one["user_id"] for one in listed] == [str(person.pk)]


def test_members_are_listed_changed_and_removed(team: Team) -> None:
    api = api_of(team, Role.OWNER)
    listed = api.get("/api/v1/members").json()["results"]
    assert [one["role"] for one in listed] == [role.value for role in Role]
    assert {one["email"] for one in listed} == {person.email for person in team.people.values()}
    assert [one["role"] for one in api.get("/api/v1/members?role=auditor").json()["results"]] == ["auditor"]
    member = team.people[Role.MEMBER]
    path = f"/api/v1/members/{member.pk}"
    by_address = api.get(f"/api/v1/members?email={member.email.upper()}").json()["results"]
    assert by_address == [api.get(path).json()]
    changed = change(api, "PATCH", path, {"role": "admin"})
    assert (changed.status_code, changed.json()["role"]) == (200, "admin")
    key = {"Idempotency-Key": "once"}
    removed = [change(api, "DELETE", path, **key) for _ in range(2)]
    assert [(one.status_code, one.json()["role"]) for one in removed] == [(200, "admin")] * 2
    assert removed[1]["Idempotent-Replayed"] == "true"
    assert api.get(path).status_code == 404
    assert code_of(change(api, "DELETE", path)) == "request.not_found"


def test_a_plain_member_sees_and_changes_nothing(team: Team) -> None:
    create_project(actor=team.actor(Role.OWNER), slug="shop", name="Shop")
    api = api_of(team, Role.MEMBER)
    assert len(api.get("/api/v1/members").json()["results"]) == len(Role)
    assert api.get("/api/v1/projects/shop").status_code == 200
    refused = change(api, "PATCH", "/api/v1/projects/shop", {"name": "Mine"})
    assert (refused.status_code, code_of(refused)) == (403, "identity.role_required")
    assert refused.json()["details"] == {"roles": ["owner", "admin"]}


def test_what_belongs_to_others_is_nowhere_to_be_seen(team: Team) -> None:
    api = api_of(team, Role.OWNER)
    theirs = Membership.objects.exclude(organization=team.organization).first()
    assert theirs is not None
    assert api.get("/api/v1/projects").json()["results"] == []
    assert api.get(f"/api/v1/members?email={theirs.user.email}").json()["results"] == []
    for path in ("projects/shop", "projects/shop/environments", f"members/{theirs.user_id}"):
        answer = api.get(f"/api/v1/{path}")
        assert (answer.status_code, code_of(answer)) == (404, "request.not_found"), path


@pytest.mark.parametrize("path", ["members", "projects"])
def test_a_list_takes_the_same_number_of_queries_for_any_number_of_rows(team: Team, path: str) -> None:
    api = api_of(team, Role.OWNER)
    counts = []
    for number in range(3):
        add_member(team.organization, Role.MEMBER)
        create_project(actor=team.actor(Role.OWNER), slug=f"p-{number}", name="x")
        with CaptureQueriesContext(connection) as queries:
            assert api.get(f"/api/v1/{path}").status_code == 200
        counts.append(len(queries))
    # The first call notes that the key was used.
    assert counts[1] == counts[2]
