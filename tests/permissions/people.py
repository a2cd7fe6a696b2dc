"""One caller and one visitor of each kind, in the shop of the bad inputs."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.test import Client

from holo.apiauth.models import ApiKey
from holo.apiauth.scopes import OF_ORGANIZATION, TOKENS_PUBLIC, scopes_of_user
from holo.apiauth.services import create_api_key, sign_public_token
from holo.common.actor import Actor, OrganizationId, UserId
from holo.identity.models import Environment, Membership, User
from holo.identity.roles import Role
from tests.api.people import build_person
from tests.api.signers import BUYER
from tests.bad_inputs.world import World, a_project
from tests.logins import log_in
from tests.permissions.matrix import CALLERS, VISITORS

_GROUPS = ("viewer", "operator", "auditor")
_OPERATORS = ("session", "personal", "public")
Kind = ApiKey.Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls the API: with a header, or in a browser with a session."""

    person: User | None = None
    headers: dict[str, str] = field(default_factory=dict)
    client: Client | None = None


def build_callers(world: World) -> dict[str, Caller]:
    """Return one caller of each kind."""
    return {kind: _caller(world, kind) for kind in CALLERS}


def own_token(world: World, caller: Caller) -> str:
    """Return the id of a new personal token of a caller; of nobody's where the caller is no person."""
    owner = caller.person or world.shop.seller
    key, _text = _credential(world, owner, scopes=["organization:read"], kind=Kind.PERSONAL)
    return str(key.pk)


def _caller(world: World, kind: str) -> Caller:
    if kind == "nobody":
        return Caller()
    if kind == "organization":
        return Caller(headers=_bearer(_credential(world, None, scopes=OF_ORGANIZATION)[1]))
    person = _person(world, kind)
    if kind == "session":
        client = Client()
        log_in(client, person)
        return Caller(person=person, client=client)
    scopes = scopes_of_user(person)
    if kind == "personal":
        text = _credential(world, person, scopes=scopes, kind=Kind.PERSONAL)[1]
    elif kind == "public":
        text = _public_token(world, person)
    else:
        text = _credential(world, person, scopes=scopes)[1]
    return Caller(person=person, headers=_bearer(text))


def _bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def _person(world: World, kind: str) -> User:
    group = "operator" if kind in _OPERATORS else kind
    person = build_person(
        organization=None, groups=[group] if group in _GROUPS else [], superuser=kind == "superuser"
    )
    role = Role(kind) if kind in ("admin", "owner") else Role.MEMBER
    Membership.objects.create(organization=world.shop.organization, user=person, role=role)
    return person


def _credential(
    world: World,
    owner: User | None,
    *,
    scopes: Iterable[str],
    kind: ApiKey.Kind = Kind.KEY,
    environment_id: UUID | None = None,
) -> tuple[ApiKey, str]:
    return create_api_key(
        actor=None,
        owner_id=owner.pk if owner else None,
        organization_id=world.shop.organization.pk,
        name="matrix",
        scopes=scopes,
        kind=kind if owner else Kind.ORGANIZATION,
        environment_id=environment_id,
    )


def _public_token(world: World, person: User) -> str:
    organization = world.shop.organization
    project = a_project(organization)
    environment = Environment.objects.get(organization=organization, project__slug=project, slug="production")
    scopes = scopes_of_user(person)
    assert TOKENS_PUBLIC in scopes
    key, _text = _credential(world, person, scopes=scopes, environment_id=environment.pk)
    _claims, text = sign_public_token(
        actor=Actor(
            user_id=UserId(person.pk),
            organization_id=OrganizationId(organization.pk),
            label=person.email,
            scopes=scopes,
            api_key_id=key.pk,
            environment_id=environment.pk,
        ),
        expires_in=timedelta(hours=1),
        buyer=BUYER,
    )
    return text


def build_visitors(world: World) -> dict[str, tuple[User | None, Client]]:
    """Return each kind of visitor with a browser in which they are logged in."""
    return {kind: _visitor(world, kind) for kind in VISITORS}


def _visitor(world: World, kind: str) -> tuple[User | None, Client]:
    client = Client()
    if kind == "nobody":
        return None, client
    person = build_person(
        organization=world.shop.organization,
        groups=[kind] if kind in _GROUPS else [],
        superuser=kind == "superuser",
    )
    User.objects.filter(pk=person.pk).update(is_staff=kind != "customer")
    person.refresh_from_db()
    log_in(client, person)
    return person, client
