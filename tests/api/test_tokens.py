"""Tokens of people and of organisations: whom they act for, what they can do, and when they end."""

import json
import logging
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client

from holo.apiauth.errors import (
    AddressNotAllowedError,
    KeyEndedError,
    OwnKeyOnlyError,
    ScopeNotHeldError,
)
from holo.apiauth.models import ApiKey
from holo.apiauth.scopes import OF_ORGANIZATION, ORDERS_AUDIT, SCOPES
from holo.apiauth.services import create_api_key, revoke_api_key, rotate_api_key
from holo.audit.models import AuditEvent
from holo.common.actor import Actor, OrganizationId
from holo.idempotency.models import IdempotencyLog
from holo.identity.errors import RoleRequiredError
from holo.identity.models import Membership, User
from holo.identity.operations import require_manager
from holo.identity.roles import Role
from tests.api.people import Api, code_of
from tests.identity.people import Team, build_team
from tests.logins import log_in
from tests.planting import plant
from tests.racing import race

Kind = ApiKey.Kind
PERSONAL, OF_ALL, WHOAMI = "/api/v1/tokens/personal", "/api/v1/tokens/organization", "/api/v1/whoami"
WISH = {"name": "laptop", "scopes": ["organization:read"]}


@pytest.fixture
def team(fresh_database: str) -> Team:
    """An organisation with somebody of each role."""
    return build_team()


def browser(person: User) -> Api:
    """A logged-in person who sends the CSRF token by not being asked for it."""
    api = Api()
    api.client = Client()
    log_in(api.client, person)
    return api


def token(team: Team, role: Role = Role.MEMBER, **wish: Any) -> str:
    answer = browser(team.people[role]).post(PERSONAL, {**WISH, **wish})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["token"])


def organization_token(team: Team, *scopes: str) -> str:
    wanted = list(scopes) or ["organization:read"]
    answer = browser(team.people[Role.ADMIN]).post(OF_ALL, {"name": "ci", "scopes": wanted})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["token"])


def status(text: str, path: str = WHOAMI) -> int:
    return int(Api(text).get(path).status_code)


def test_personal_token_acts_as_its_user_with_the_role_of_this_moment(team: Team) -> None:
    text = token(team, Role.ADMIN, scopes=["organization:read", "organization:write"])
    assert text.startswith("holo_pat_")
    who = Api(text).get(WHOAMI).json()
    admin = team.people[Role.ADMIN]
    assert (who["kind"], who["role"], who["user"]["id"]) == ("personal_token", "admin", str(admin.pk))
    assert who["organization"]["slug"] == team.organization.slug
    project = {"slug": "shop", "name": "Shop"}
    assert Api(text).post("/api/v1/projects", project).status_code == 201
    Membership.objects.filter(user=admin).update(role=Role.MEMBER)
    again = Api(text).post("/api/v1/projects", {"slug": "depot", "name": "Depot"})
    assert code_of(again) == "identity.role_required"
    assert Api(text).get(WHOAMI).json()["role"] == "member"


@pytest.mark.parametrize("end", ["membership", "inactive"])
def test_personal_token_is_dead_when_its_user_is_gone(team: Team, end: str) -> None:
    text = token(team)
    assert status(text) == 200
    if end == "membership":
        Membership.objects.filter(user=team.people[Role.MEMBER]).delete()
    else:
        User.objects.filter(pk=team.people[Role.MEMBER].pk).update(is_active=False)
    assert status(text) == 401


def test_organization_token_acts_for_nobody_and_outlives_its_maker(team: Team) -> None:
    text = organization_token(team, "organization:read", "organization:write")
    assert text.startswith("holo_oat_")
    who = Api(text).get(WHOAMI).json()
    assert (who["kind"], who["user"], who["role"]) == ("organization_token", None, None)
    Membership.objects.filter(user=team.people[Role.ADMIN]).delete()
    assert Api(text).post("/api/v1/projects", {"slug": "shop", "name": "Shop"}).status_code == 201
    made = AuditEvent.objects.get(action="identity.project_created")
    assert (made.actor_id, made.api_key_id) == (None, ApiKey.objects.get().pk)
    assert made.actor_label == f"token {ApiKey.objects.get().prefix}"


def test_organization_token_counts_as_admin_and_never_as_owner(team: Team) -> None:
    text = organization_token(team, "organization:write")
    for role, expected in (("member", 201), ("admin", 201), ("owner", 403)):
        wish = {"email": f"{role}@example.com", "role": role}
        assert Api(text).post("/api/v1/invitations", wish).status_code == expected
    member = f"/api/v1/members/{team.people[Role.OWNER].pk}"
    assert Api(text).client.delete(member).status_code == 403


@pytest.mark.parametrize("scope", sorted(set(SCOPES) - OF_ORGANIZATION))
def test_organization_token_has_no_scope_that_a_person_answers_for(team: Team, scope: str) -> None:
    owner = team.people[Role.OWNER]
    User.objects.filter(pk=owner.pk).update(is_superuser=True)
    answer = browser(owner).post(OF_ALL, {"name": "ci", "scopes": [scope]})
    assert code_of(answer) == "apiauth.scope_not_held"
    # Written past the command, it is of no use either.
    text = organization_token(team)
    plant(ApiKey.objects.all(), scopes=sorted(SCOPES))
    assert scope not in Api(text).get(WHOAMI).json()["scopes"]
    assert ORDERS_AUDIT not in OF_ORGANIZATION


@pytest.mark.parametrize("role", [Role.MEMBER, Role.AUDITOR])
def test_only_managers_make_and_end_tokens_of_the_organization(team: Team, role: Role) -> None:
    api = browser(team.people[role])
    assert code_of(api.post(OF_ALL, WISH)) == "identity.role_required"
    organization_token(team)
    address = f"{OF_ALL}/{ApiKey.objects.get().pk}"
    assert code_of(api.client.delete(address)) == "identity.role_required"
    assert ApiKey.objects.get().revoked_at is None


def test_token_has_no_scope_that_its_maker_lacks(team: Team) -> None:
    api = browser(team.people[Role.OWNER])
    for path in (PERSONAL, OF_ALL):
        answer = api.post(path, {"name": "x", "scopes": ["orders:read"]})
        assert code_of(answer) == "apiauth.scope_not_held"
    assert not ApiKey.objects.exists()


def test_nobody_makes_a_personal_token_for_somebody_else(team: Team) -> None:
    with pytest.raises(OwnKeyOnlyError):
        create_api_key(
            actor=team.actor(Role.OWNER),
            kind=Kind.PERSONAL,
            owner_id=team.people[Role.MEMBER].pk,
            organization_id=team.organization.pk,
            name="",
            scopes=["organization:read"],
        )
    assert not ApiKey.objects.exists()


def test_tokens_are_listed_and_ended_by_their_own_people_alone(team: Team) -> None:
    token(team)
    mine = browser(team.people[Role.MEMBER])
    other = browser(team.people[Role.OWNER])
    foreign = browser(build_team().people[Role.OWNER])
    address = f"{PERSONAL}/{ApiKey.objects.get().pk}"
    assert [row["name"] for row in mine.get(PERSONAL).json()["results"]] == ["laptop"]
    assert other.get(PERSONAL).json()["results"] == []
    for stranger in (other, foreign):
        assert stranger.client.delete(address).status_code == 404
    assert (
        browser(team.people[Role.ADMIN])
        .client.delete(address.replace("personal", "organization"))
        .status_code
        == 404
    )
    assert ApiKey.objects.get().revoked_at is None
    assert mine.client.delete(address).status_code == 200
    assert ApiKey.objects.get().revoked_at is not None


def test_token_made_with_a_token_stays_within_it_and_ends_with_it(team: Team) -> None:
    wide = ["organization:read", "tokens:write", "tokens:read"]
    first = token(team, scopes=wide, networks=["127.0.0.0/8"], expires_in_days=2)
    api = Api(first)
    assert code_of(api.post(PERSONAL, {"name": "x", "scopes": ["secrets:read"]})) == "apiauth.scope_not_held"
    beyond = api.post(PERSONAL, {**WISH, "networks": ["0.0.0.0/0"]})
    assert code_of(beyond) == AddressNotAllowedError.code
    assert ApiKey.objects.count() == 1
    second = api.post(PERSONAL, {**WISH, "scopes": wide}).json()
    third = Api(second["token"]).post(PERSONAL, WISH).json()
    parent = ApiKey.objects.get(made_with=None)
    for made in (second, third):
        assert made["networks"] == ["127.0.0.0/8"]
        assert ApiKey.objects.get(pk=made["id"]).expires_at == parent.expires_at
    revoke_api_key(actor=None, key_id=parent.pk)
    assert [status(text) for text in (first, second["token"], third["token"])] == [401, 401, 401]
    assert AuditEvent.objects.filter(action="apiauth.key_revoked").count() == 3


def test_key_of_an_environment_makes_no_token_of_the_whole(team: Team) -> None:
    owner = team.people[Role.OWNER]
    browser(owner).post("/api/v1/projects", {"slug": "shop", "name": "Shop"})
    environment = team.organization.environments.get(slug="production")
    _key, text = create_api_key(
        actor=None,
        owner_id=owner.pk,
        organization_id=team.organization.pk,
        environment_id=environment.pk,
        name="",
        scopes=["tokens:write", "organization:read"],
    )
    for path in (PERSONAL, OF_ALL):
        assert code_of(Api(text).post(path, WISH)) == ScopeNotHeldError.code
    assert ApiKey.objects.count() == 1


def test_of_making_and_revoking_at_once_nothing_made_survives(team: Team) -> None:
    for _round in range(5):
        wide = token(team, scopes=["organization:read", "tokens:write"])
        parent = ApiKey.objects.order_by("-created_at")[0]
        outcomes = race(
            [
                lambda wide=wide: Api(wide).post(PERSONAL, WISH).status_code,  # type: ignore[misc]
                lambda parent=parent: revoke_api_key(actor=None, key_id=parent.pk),  # type: ignore[misc]
            ]
        )
        assert outcomes[0] in (201, 401, 409), outcomes
        assert not ApiKey.objects.filter(made_with=parent, revoked_at=None).exists()


def test_end_is_seen_at_once_through_another_connection(team: Team) -> None:
    texts = [token(team), organization_token(team)]
    assert [status(text) for text in texts] == [200, 200]
    # As another process would: by a connection of its own.
    with psycopg.connect(_dsn(), autocommit=True) as other:
        other.execute("UPDATE apiauth_apikey SET revoked_at = now()")
    assert [status(text) for text in texts] == [401, 401]


def _dsn() -> str:
    made = connection.get_connection_params()
    return psycopg.conninfo.make_conninfo(
        **{name: made[name] for name in ("host", "port", "user", "password", "dbname") if made.get(name)}
    )


def test_text_of_a_token_is_kept_nowhere(team: Team, caplog: pytest.LogCaptureFixture) -> None:
    api = browser(team.people[Role.OWNER])
    with caplog.at_level(logging.DEBUG):
        answer = api.post(PERSONAL, WISH, headers={"Idempotency-Key": "once"})
        text = answer.json()["token"]
        replay = api.post(PERSONAL, WISH, headers={"Idempotency-Key": "once"})
    assert (replay.status_code, replay.json()["token"]) == (201, None)
    assert replay.json() == {**answer.json(), "token": None}
    assert ApiKey.objects.count() == 1
    secret = text[len("holo_pat_") + 8 :]
    assert secret not in caplog.text
    kept = [json.dumps(row, default=str) for row in AuditEvent.objects.values()]
    kept += [repr(row) + bytes(row["body"] or b"").decode() for row in IdempotencyLog.objects.values()]
    kept += [json.dumps(row, default=str) for row in ApiKey.objects.values()]
    assert len(kept) >= 3
    assert not any(secret in row for row in kept)


def test_tokens_are_replaced_as_keys_are(team: Team) -> None:
    old = token(team)
    key = ApiKey.objects.get()
    new, text = rotate_api_key(actor=team.actor(Role.MEMBER), key_id=key.pk)
    assert (new.kind, text[:9]) == (Kind.PERSONAL, "holo_pat_")
    assert (status(old), status(text)) == (200, 200)
    organization_token(team)
    shared = ApiKey.objects.get(kind=Kind.ORGANIZATION)
    with pytest.raises(RoleRequiredError):
        rotate_api_key(actor=team.actor(Role.MEMBER), key_id=shared.pk)
    _new, shared_text = rotate_api_key(actor=team.actor(Role.ADMIN), key_id=shared.pk)
    assert (shared_text[:9], status(shared_text)) == ("holo_oat_", 200)


def test_a_replacement_of_what_was_made_with_an_ended_key_is_refused(team: Team) -> None:
    api = Api(token(team, scopes=["organization:read", "tokens:write"]))
    made = api.post(PERSONAL, WISH).json()
    parent = ApiKey.objects.get(made_with=None)
    revoke_api_key(actor=None, key_id=parent.pk)
    with pytest.raises(KeyEndedError):
        rotate_api_key(actor=team.actor(Role.MEMBER), key_id=made["id"])


@pytest.mark.parametrize(
    "columns", [{"kind": "personal", "owner": None}, {"kind": "organization"}, {"kind": "other"}]
)
def test_database_refuses_a_kind_without_its_owner(team: Team, columns: dict[str, Any]) -> None:
    token(team)
    with pytest.raises(IntegrityError, match="apiauth_apikey_owner_by_kind"), transaction.atomic():
        plant(ApiKey.objects.all(), **columns)


def test_command_makes_tokens_of_each_kind(team: Team) -> None:
    out = StringIO()
    words = ("--organization", team.organization.slug, "--scopes", "organization:read")
    call_command("api_key", "create", "--kind", "organization", *words, stdout=out)
    person = ("--user", team.people[Role.MEMBER].email, *words)
    call_command("api_key", "create", "--kind", "personal", *person, stdout=out)
    shared, own = out.getvalue().split()
    assert (shared[:9], own[:9]) == ("holo_oat_", "holo_pat_")
    assert (status(shared), status(own)) == (200, 200)
    listed = StringIO()
    call_command("api_key", "list", "--json", stdout=listed)
    assert {row["kind"] for row in json.loads(listed.getvalue())} == {"personal", "organization"}


# --- Who am I -------------------------------------------------------------------------------------


def test_session_and_key_are_told_who_they_are(team: Team) -> None:
    owner = team.people[Role.OWNER]
    by_session = browser(owner).get(WHOAMI).json()
    assert (by_session["kind"], by_session["credential"], by_session["expires_at"]) == ("session", None, None)
    assert (by_session["role"], by_session["user"]["email"]) == ("owner", owner.email)
    key, text = create_api_key(
        actor=None,
        owner_id=owner.pk,
        organization_id=team.organization.pk,
        name="till",
        scopes=["organization:read"],
    )
    by_key = Api(text).get(WHOAMI).json()
    assert (by_key["kind"], by_key["environment"]) == ("api_key", None)
    assert by_key["scopes"] == ["organization:read"]
    assert by_key["credential"] == {"id": str(key.pk), "prefix": key.prefix, "name": "till"}
    assert by_key["expires_at"].startswith(key.expires_at.strftime("%Y-%m-%dT%H:%M"))
    assert Api().get(WHOAMI).status_code == 401


def test_organization_token_is_no_system(team: Team) -> None:
    """What has no person is not for that reason the system, which may do everything."""
    made, _text = create_api_key(
        actor=None,
        kind=Kind.ORGANIZATION,
        owner_id=None,
        organization_id=team.organization.pk,
        name="ci",
        scopes=["organization:write"],
    )
    actor = Actor(
        user_id=None,
        organization_id=OrganizationId(team.organization.pk),
        label="token",
        api_key_id=made.pk,
    )
    with transaction.atomic():
        assert require_manager(actor) == Role.ADMIN
