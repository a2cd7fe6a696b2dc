"""Scenes of credentials, sessions, organisations and their people."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models.functions import Now
from django.test import Client

from holo.apiauth.keys import make_key
from holo.apiauth.models import ApiKey
from holo.apiauth.scopes import (
    ORDERS_READ,
    ORDERS_WRITE,
    ORGANIZATION_WRITE,
    SECRETS_READ,
    SECRETS_WRITE,
    TOKENS_PUBLIC,
)
from holo.apiauth.services import create_api_key, revoke_api_key
from holo.identity.models import Membership, User, UserChange
from holo.identity.roles import Role
from holo.identity.services import close_user_change
from tests.api.people import Api, build_key, build_person
from tests.api.signers import Signer, build_signer
from tests.bad_inputs.cases.rows import MISSING, Sent
from tests.bad_inputs.staging import ENDPOINTS, Ready, scene, with_key
from tests.bad_inputs.surface import Endpoint
from tests.bad_inputs.world import (
    World,
    a_project,
    a_user_change,
    join,
    placed,
)
from tests.builders import build_product, build_stock, build_warehouse
from tests.identity.people import add_member, build_team
from tests.logins import log_in, show_no_code_since
from tests.planting import plant

# --- Cursors and keys -----------------------------------------------------------------------------


def _cursor(world: World, endpoint: Endpoint) -> str:
    placed(world.shop)
    placed(world.shop)
    page = world.send(endpoint, Sent(label="page", query="limit=1")).json()
    return str(page["next"]).partition("cursor=")[2].partition("&")[0]


@scene("foreign cursor")
def _foreign_cursor(world: World, endpoint: Endpoint) -> Ready:
    cursor = _cursor(world, ENDPOINTS["GET stock-list"])
    return Ready(sent=Sent(label="foreign", query=f"cursor={cursor}"))


@scene("tampered cursor")
def _tampered_cursor(world: World, endpoint: Endpoint) -> Ready:
    cursor = _cursor(world, endpoint)
    other = "A" if cursor[4] != "A" else "B"
    return Ready(sent=Sent(label="tampered", query=f"cursor={cursor[:4]}{other}{cursor[5:]}"))


def _fresh_key(world: World) -> tuple[User, ApiKey, str]:
    organization = world.shop.organization
    person = build_person(organization=organization, groups=["viewer"])
    key, text = create_api_key(
        actor=None, owner_id=person.pk, organization_id=organization.pk, name="", scopes=["orders:read"]
    )
    return person, key, text


@scene("bad checksum")
def _bad_checksum(world: World, endpoint: Endpoint) -> Ready:
    _person, _key, text = _fresh_key(world)
    return with_key(text[:-1] + ("a" if text[-1] != "a" else "b"))


@scene("wrong secret")
def _wrong_secret(world: World, endpoint: Endpoint) -> Ready:
    _person, key, _text = _fresh_key(world)
    return with_key(f"holo_org_{key.prefix}{make_key().text[-28:]}")


@scene("expired key")
def _expired_key(world: World, endpoint: Endpoint) -> Ready:
    _person, key, text = _fresh_key(world)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=Now() - timedelta(seconds=1))
    return with_key(text)


@scene("revoked key")
def _revoked_key(world: World, endpoint: Endpoint) -> Ready:
    _person, key, text = _fresh_key(world)
    revoke_api_key(actor=None, key_id=key.pk)
    return with_key(text)


@scene("owner gone")
def _owner_gone(world: World, endpoint: Endpoint) -> Ready:
    person, _key, text = _fresh_key(world)
    User.objects.filter(pk=person.pk).update(is_active=False)
    return with_key(text)


@scene("owner left")
def _owner_left(world: World, endpoint: Endpoint) -> Ready:
    person, _key, text = _fresh_key(world)
    Membership.objects.filter(user=person).delete()
    return with_key(text)


# --- The organisation -----------------------------------------------------------------------------


def _as(world: World, role: Role, **fields: Any) -> Ready:
    """Send as a new member of the shop who is this."""
    organization = world.shop.organization
    key = build_key(
        owner=add_member(organization, role),
        organization=organization,
        scopes=[ORGANIZATION_WRITE, SECRETS_READ, SECRETS_WRITE],
    )
    return Ready(sent=Sent(label=role, headers={"Authorization": f"Bearer {key}"}, **fields))


@scene("plain member")
def _plain_member(world: World, endpoint: Endpoint) -> Ready:
    world.target_for(endpoint)
    return _as(world, Role.MEMBER)


@scene("role not held")
def _role_not_held(world: World, endpoint: Endpoint) -> Ready:
    world.target_for(endpoint)
    return _as(world, Role.ADMIN, change=(("/role", "owner"),))


@scene("last owner")
def _last_owner(world: World, endpoint: Endpoint) -> Ready:
    team = build_team()
    owner = team.people[Role.OWNER]
    key = build_key(owner=owner, organization=team.organization, scopes=[ORGANIZATION_WRITE])
    headers = {"Authorization": f"Bearer {key}"}
    return Ready(sent=Sent(label="last", headers=headers, object_id=str(owner.pk)))


@scene("project slug taken")
def _project_slug_taken(world: World, endpoint: Endpoint) -> Ready:
    return Ready(
        sent=Sent(label="taken", change=(("/slug", a_project(world.shop.organization)), ("/name", "x")))
    )


@scene("environment slug taken")
def _environment_slug_taken(world: World, endpoint: Endpoint) -> Ready:
    world.target_for(endpoint)
    return Ready(sent=Sent(label="taken", change=(("/slug", "production"),)))


@scene("short name")
def _short_name(world: World, endpoint: Endpoint) -> Ready:
    return Ready(sent=Sent(label="form", change=(("/slug", "Web--shop"),)))


@scene("already member")
def _already_member(world: World, endpoint: Endpoint) -> Ready:
    address = world.shop.seller.email.upper()
    return Ready(sent=Sent(label="member", change=(("/email", address),)))


@scene("no address")
def _no_address(world: World, endpoint: Endpoint) -> Ready:
    return Ready(sent=Sent(label="no address", change=(("/email", "nobody"),)))


@scene("variable exists")
def _variable_exists(world: World, endpoint: Endpoint) -> Ready:
    name = world.target_for(endpoint)
    return Ready(sent=Sent(label="exists", change=(("/name", name),)))


@scene("other entity tag")
def _other_entity_tag(world: World, endpoint: Endpoint) -> Ready:
    world.target_for(endpoint)
    return Ready(sent=Sent(label="stale", headers={"If-Match": '"of-an-earlier-state"'}))


@scene("no variable name")
def _no_variable_name(world: World, endpoint: Endpoint) -> Ready:
    world.target_for(endpoint)
    return Ready(sent=Sent(label="name", change=(("/name", "A-B"),)))


@scene("no dotenv")
def _no_dotenv(world: World, endpoint: Endpoint) -> Ready:
    world.target_for(endpoint)
    return Ready(sent=Sent(label="dotenv", change=(("/dotenv", "A=1\nhunter2 is no line"),)))


@scene("foreign address")
def _foreign_address(world: World, endpoint: Endpoint) -> Ready:
    _key, text = create_api_key(
        actor=None,
        owner_id=world.shop.seller.pk,
        organization_id=world.shop.organization.pk,
        name="",
        scopes=["orders:read"],
        networks=["203.0.113.0/24"],
    )
    return Ready(sent=Sent(label="foreign", headers={"Authorization": f"Bearer {text}"}))


# --- Public tokens ----------------------------------------------------------------------------------


def _signer(world: World, endpoint: Endpoint) -> Signer:
    """Return a key whose tokens are taken; the first leaves a row of the secret that was read."""
    signer = build_signer()
    assert world.send(endpoint, with_key(signer.sign()).sent).status_code == 200
    return signer


@scene("public token expired")
def _public_token_expired(world: World, endpoint: Endpoint) -> Ready:
    signer = _signer(world, endpoint)
    return with_key(signer.forge(signer.secret(), exp=datetime.now(UTC) - timedelta(seconds=1)))


@scene("public token claim_invalid")
def _public_token_claim(world: World, endpoint: Endpoint) -> Ready:
    signer = _signer(world, endpoint)
    return with_key(signer.forge(signer.secret(), aud="other"))


@scene("public token signature_invalid")
def _public_token_signature(world: World, endpoint: Endpoint) -> Ready:
    return with_key(_signer(world, endpoint).sign()[:-4] + "AAAA")


@scene("public token used")
def _public_token_used(world: World, endpoint: Endpoint) -> Ready:
    signer = build_signer(None, ORDERS_WRITE)
    product = build_product(organization=signer.organization)
    build_stock(product=product, warehouse=build_warehouse(organization=signer.organization), on_hand=1)
    sku = product.sku
    text = signer.sign(scopes=[ORDERS_READ, ORDERS_WRITE], one_time=True)
    assert Api(text).post("/api/v1/orders", {"items": [sku]}).status_code == 201
    return with_key(text)


@scene("public token of no buyer")
def _public_token_of_no_buyer(world: World, endpoint: Endpoint) -> Ready:
    headers = {"Authorization": f"Bearer {build_signer().text}"}
    change = (("/buyer", MISSING), ("/scopes", [ORDERS_READ]))
    return Ready(sent=Sent(label="no buyer", headers=headers, change=change))


@scene("key of no environment")
def _key_of_no_environment(world: World, endpoint: Endpoint) -> Ready:
    return with_key(
        build_key(
            owner=world.shop.seller,
            organization=world.shop.organization,
            scopes=[TOKENS_PUBLIC, "orders:read"],
        )
    )


# --- Changes of users -------------------------------------------------------------------------------


def _known(world: World) -> str:
    """Return what the organisation calls one of its members."""
    member = Membership.objects.get(user=add_member(world.shop.organization, Role.MEMBER))
    plant(Membership.objects.filter(pk=member.pk), reference=f"u-{member.pk}")
    return f"u-{member.pk}"


def _changed(*change: tuple[str, str]) -> Ready:
    return Ready(sent=Sent(label="change", change=change))


@scene("user exists")
def _user_exists(world: World, endpoint: Endpoint) -> Ready:
    return _changed(("/user_id", _known(world)))


@scene("user unknown")
def _user_unknown(world: World, endpoint: Endpoint) -> Ready:
    return _changed(("/action", "update"))


@scene("email taken")
def _email_taken(world: World, endpoint: Endpoint) -> Ready:
    return _changed(("/email", world.shop.seller.email.upper()))


@scene("user shared")
def _user_shared(world: World, endpoint: Endpoint) -> Ready:
    reference = _known(world)
    member = Membership.objects.get(organization=world.shop.organization, reference=reference)
    Membership.objects.create(organization=build_team().organization, user=member.user)
    return _changed(("/user_id", reference), ("/action", "update"))


@scene("user change running")
def _user_change_running(world: World, endpoint: Endpoint) -> Ready:
    running = UserChange.objects.get(pk=a_user_change(world.shop.organization).split("-", 2)[2])
    return _changed(("/user_id", running.reference))


@scene("user change over")
def _user_change_over(world: World, endpoint: Endpoint) -> Ready:
    workflow_id = a_user_change(world.shop.organization)
    close_user_change(change_id=UUID(workflow_id.split("-", 2)[2]), code="")
    return Ready(sent=Sent(label="over", object_id=workflow_id))


@scene("stale session")
def _stale_session(world: World, endpoint: Endpoint) -> Ready:
    owner = add_member(world.shop.organization, Role.OWNER)
    join(owner, "operator", "auditor")
    client = Client()
    log_in(client, owner)
    show_no_code_since(client)
    return Ready(client=client, sent=Sent(label="stale", object_id=world.target_for(endpoint, fresh=True)))
