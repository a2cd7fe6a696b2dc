"""One caller and one visitor of each kind, in the shop of the bad inputs."""

from django.test import Client

from holo.apiauth.scopes import SCOPES, scopes_of_user
from holo.identity.models import Membership, User
from holo.identity.roles import Role
from tests.api.people import build_key, build_person
from tests.bad_inputs.world import World
from tests.permissions.matrix import CALLERS, VISITORS

_GROUPS = ("viewer", "operator", "auditor")


def build_callers(world: World) -> dict[str, dict[str, str]]:
    """Return the headers of each kind of caller of the API."""
    return {kind: _headers(world, kind) for kind in CALLERS}


def _headers(world: World, kind: str) -> dict[str, str]:
    if kind == "nobody":
        return {}
    own = world.shop.organization
    person = build_person(
        organization=None, groups=[kind] if kind in _GROUPS else [], superuser=kind == "superuser"
    )
    role = Role(kind) if kind in ("admin", "owner") else Role.MEMBER
    Membership.objects.create(organization=own, user=person, role=role)
    scopes = sorted(scopes_of_user(person) & set(SCOPES))
    return {"Authorization": f"Bearer {build_key(owner=person, organization=own, scopes=scopes)}"}


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
    client.force_login(person)
    return person, client
