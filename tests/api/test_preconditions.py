"""`If-Match` on every change of what has an ETag: a stale one is 412, and nothing is changed."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from holo.audit.models import AuditEvent
from holo.common.api import preconditions
from holo.identity.models import Membership, Project
from holo.identity.roles import Role
from holo.identity.services import create_project, rename_project
from holo.secretstore.services import create_variable, get_variable
from tests.api.people import Api, build_key, code_of
from tests.identity.people import Team, build_team
from tests.racing import race
from tests.secretstore.conftest import ring

__all__ = ["ring"]
SCOPES = ["organization:read", "organization:write", "secrets:read", "secrets:write"]
CODE = "request.changed_meanwhile"
WHERE: dict[str, Any] = {"project": "shop", "environment": "production"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something that can be changed: where it is, and two changes of it."""

    path: str
    first: dict[str, str]
    second: dict[str, str]


@pytest.fixture
def team(fresh_database: str, ring: Any) -> Team:
    team = build_team()
    actor = team.actor(Role.OWNER)
    create_project(actor=actor, slug="shop", name="Shop")
    create_variable(actor=actor, **WHERE, name="A", value="0")
    return team


@pytest.fixture
def api(team: Team) -> Api:
    return Api(build_key(owner=team.people[Role.OWNER], organization=team.organization, scopes=SCOPES))


@pytest.fixture(params=["member", "project", "variable"])
def thing(request: pytest.FixtureRequest, team: Team) -> Thing:
    things = {
        "member": Thing(
            path=f"/api/v1/members/{team.people[Role.MEMBER].pk}",
            first={"role": "admin"},
            second={"role": "auditor"},
        ),
        "project": Thing(path="/api/v1/projects/shop", first={"name": "One"}, second={"name": "Two"}),
        "variable": Thing(
            path="/api/v1/projects/shop/environments/production/variables/A",
            first={"value": "1"},
            second={"value": "2"},
        ),
    }
    return things[request.param]


def send(api: Api, method: str, path: str, body: object = None, **headers: str) -> Any:
    data = b"" if body is None else json.dumps(body).encode()
    return api.client.generic(method, path, data, content_type="application/json", headers=headers)


def patch(api: Api, thing: Thing, body: dict[str, str], tag: str | None = None, **headers: str) -> Any:
    sent = headers if tag is None else {"If-Match": tag, **headers}
    return send(api, "PATCH", thing.path, body, **sent)


def test_a_change_of_the_seen_state_is_made_and_gives_the_next_tag(api: Api, thing: Thing) -> None:
    seen = api.get(thing.path)["ETag"]
    first = patch(api, thing, thing.first, seen)
    assert first.status_code == 200
    assert first["ETag"] not in ("", seen)
    assert api.get(thing.path)["ETag"] == first["ETag"]
    assert patch(api, thing, thing.second, first["ETag"]).status_code == 200


def test_a_change_of_another_state_is_refused_and_changes_nothing(api: Api, thing: Thing) -> None:
    seen = api.get(thing.path)["ETag"]
    assert patch(api, thing, thing.first).status_code == 200
    before = (api.get(thing.path).content, AuditEvent.objects.exclude(action__endswith="_read").count())
    refused = patch(api, thing, thing.second, seen)
    assert (refused.status_code, code_of(refused)) == (412, CODE)
    assert refused["Content-Type"] == "application/problem+json"
    after = (api.get(thing.path).content, AuditEvent.objects.exclude(action__endswith="_read").count())
    assert after == before


def test_a_stale_change_to_what_is_stored_already_is_refused_too(api: Api, thing: Thing) -> None:
    seen = api.get(thing.path)["ETag"]
    patch(api, thing, thing.first)
    assert patch(api, thing, thing.first, seen).status_code == 412


@pytest.mark.parametrize("form", ["*", "{tag}", '"x", {tag}', '{tag} , "x"'])
def test_what_names_the_state(api: Api, thing: Thing, form: str) -> None:
    tag = api.get(thing.path)["ETag"]
    assert patch(api, thing, thing.first, form.format(tag=tag)).status_code == 200


@pytest.mark.parametrize("form", ["W/{tag}", '"x"', "x", "", '"*"', "{bare}", 'W/"x", "y"'])
def test_what_does_not_name_the_state(api: Api, thing: Thing, form: str) -> None:
    """Tags are compared strongly: a weak one fits nothing."""
    tag = api.get(thing.path)["ETag"]
    refused = patch(api, thing, thing.first, form.format(tag=tag, bare=tag.strip('"')))
    assert (refused.status_code, code_of(refused)) == (412, CODE)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("*", 412),
        ("{tag}", 412),
        ("W/{tag}", 412),
        ('"x", {tag}', 412),
        ('"x"', 200),
        ("{bare}", 200),
        ("", 200),
    ],
)
def test_a_state_that_is_excluded_is_not_changed(api: Api, thing: Thing, form: str, status: int) -> None:
    seen = api.get(thing.path)
    header = form.format(tag=seen["ETag"], bare=seen["ETag"].strip('"'))
    answer = patch(api, thing, thing.first, **{"If-None-Match": header})
    assert answer.status_code == status
    assert (api.get(thing.path).content == seen.content) is (status == 412)
    if status == 412:
        assert code_of(answer) == CODE


def test_what_is_not_there_is_not_found_whatever_is_named(api: Api) -> None:
    for path in ("projects/none", "projects/shop/environments/production/variables/NONE"):
        body = {"name": "x"} if path.endswith("none") else {"value": "x"}
        assert send(api, "PATCH", f"/api/v1/{path}", body, **{"If-Match": "*"}).status_code == 404


def test_what_is_made_gives_its_tag(api: Api) -> None:
    made = api.post("/api/v1/projects", {"slug": "new", "name": "New"})
    assert made["ETag"] == api.get("/api/v1/projects/new")["ETag"]
    base = "/api/v1/projects/shop/environments/production/variables"
    made = api.post(base, {"name": "NEW", "value": "1"})
    assert made["ETag"] == api.get(f"{base}/NEW")["ETag"]


def test_a_stale_delete_is_refused(team: Team, api: Api) -> None:
    variable = "/api/v1/projects/shop/environments/production/variables/A"
    member = f"/api/v1/members/{team.people[Role.MEMBER].pk}"
    for path, change in ((variable, {"value": "1"}), (member, {"role": "auditor"})):
        seen = api.get(path)["ETag"]
        present = send(api, "PATCH", path, change)["ETag"]
        assert send(api, "DELETE", path, **{"If-Match": seen}).status_code == 412
        assert api.get(path).status_code == 200
        assert send(api, "DELETE", path, **{"If-Match": present}).status_code == 200
        assert api.get(path).status_code == 404


def test_a_variable_made_anew_has_no_old_tag(api: Api) -> None:
    base = "/api/v1/projects/shop/environments/production/variables"
    seen = api.get(f"{base}/A")["ETag"]
    send(api, "DELETE", f"{base}/A")
    assert api.post(base, {"name": "A", "value": "0"}).status_code == 201
    assert send(api, "PATCH", f"{base}/A", {"value": "1"}, **{"If-Match": seen}).status_code == 412


def test_the_value_of_a_variable_is_kept_by_no_client(api: Api) -> None:
    read = api.get("/api/v1/projects/shop/environments/production/variables/A")
    assert read["Cache-Control"] == "no-store"
    assert "ETag" in read.headers


def test_a_repeated_change_gets_its_first_answer(api: Api, thing: Thing) -> None:
    """The change itself makes the tag stale; a call that is sent again after a lost answer is no conflict."""
    seen = api.get(thing.path)["ETag"]
    first = patch(api, thing, thing.first, seen, **{"Idempotency-Key": "k-1"})
    again = patch(api, thing, thing.first, seen, **{"Idempotency-Key": "k-1"})
    assert (again.status_code, again.content, again["ETag"]) == (200, first.content, first["ETag"])
    assert again["Idempotent-Replayed"] == "true"


def test_a_refused_change_leaves_its_key_free(api: Api, thing: Thing) -> None:
    """Who reads again and decides anew sends the same call with the tag of now."""
    seen = api.get(thing.path)["ETag"]
    present = patch(api, thing, thing.first)["ETag"]
    assert patch(api, thing, thing.second, seen, **{"Idempotency-Key": "k-1"}).status_code == 412
    assert patch(api, thing, thing.second, present, **{"Idempotency-Key": "k-1"}).status_code == 200


def renames(team: Team, api: Api) -> list[Callable[[], int]]:
    """Return changes of one project by callers who have all seen the same."""
    seen = api.get("/api/v1/projects/shop")["ETag"]
    key = build_key(owner=team.people[Role.OWNER], organization=team.organization, scopes=SCOPES)

    def rename(name: str) -> int:
        body = {"name": name}
        answer = send(Api(key), "PATCH", "/api/v1/projects/shop", body, **{"If-Match": seen})
        return int(answer.status_code)

    return [lambda name=f"Name {number}": rename(name) for number in range(8)]  # type: ignore[misc]


def test_of_changes_of_one_state_at_once_one_is_made(team: Team, api: Api) -> None:
    assert Counter(race(renames(team, api))) == {200: 1, 412: 7}


def test_compared_before_the_lock_all_changes_are_made(
    team: Team, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The positive control: who compares first and locks afterwards lets everybody through."""
    calls = renames(team, api)
    everybody = threading.Barrier(len(calls))

    def early(**wanted: Any) -> Project:
        check = wanted.pop("check")
        check(Project.objects.get(slug="shop"))
        everybody.wait(60)
        return rename_project(**wanted)

    monkeypatch.setattr("holo.identity.services.rename_project", early)
    assert Counter(race(calls)) == {200: 8}


def test_without_the_header_nothing_is_compared(
    api: Api, thing: Thing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preconditions, "names_etag", lambda *_args, **_kw: pytest.fail("compared"))
    assert patch(api, thing, thing.first).status_code == 200


def test_a_stale_change_leaves_the_old_value(team: Team, api: Api) -> None:
    path = "/api/v1/projects/shop/environments/production/variables/A"
    assert send(api, "PATCH", path, {"value": "9"}, **{"If-Match": '"x"'}).status_code == 412
    _secret, value = get_variable(actor=team.actor(Role.OWNER), **WHERE, name="A")
    assert value == "0"
    assert Membership.objects.filter(organization=team.organization).count() == 4


def endpoints(patterns: list[Any], prefix: str = "") -> list[tuple[str, Any]]:
    found = []
    for each in patterns:
        path = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            found += endpoints(each.url_patterns, path)
        elif isinstance(each, URLPattern) and path.startswith("api/"):
            found.append((path, getattr(each.callback, "cls", None)))
    return found


@pytest.mark.pure
def test_every_change_of_what_is_read_at_the_same_address_honours_it() -> None:
    missing = {
        f"{method} {path}"
        for path, view in endpoints(get_resolver().url_patterns)
        for method in ("PATCH", "PUT", "DELETE")
        if method in getattr(view, "required_scopes", ())
        and (method != "DELETE" or "GET" in view.required_scopes)
        and method not in view.if_match
    }
    assert missing == set()
