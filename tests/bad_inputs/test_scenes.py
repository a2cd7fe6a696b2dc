"""Every row about what is in the database: a good request, refused for that, and nothing written."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from holo.apiauth.keys import make_key
from holo.apiauth.models import ApiKey
from holo.apiauth.rates import Rate
from holo.apiauth.scopes import ORGANIZATION_WRITE, SECRETS_READ, SECRETS_WRITE, TOKENS_PUBLIC
from holo.apiauth.services import create_api_key, revoke_api_key
from holo.apiauth.throttles import listen_again
from holo.common.ids import uuid7
from holo.idempotency.models import IdempotencyLog
from holo.identity.models import Membership, User, UserChange
from holo.identity.roles import Role
from holo.identity.services import close_user_change
from holo.stack.ports import free_port
from holo.stack.valkey import ValkeyServer
from inventory.models import Product
from orders.models import Order
from orders.services import cancel_order
from orders.states import Status
from tests.api.people import build_key, build_person
from tests.api.signers import Signer, build_signer
from tests.bad_inputs.answers import check_problem
from tests.bad_inputs.cases.rows import As, Scene, Sent
from tests.bad_inputs.cases.scenes import SCENES
from tests.bad_inputs.surface import Endpoint, endpoints
from tests.bad_inputs.world import (
    World,
    a_project,
    a_user_change,
    awaiting_approval,
    awaiting_payment,
    changed,
    join,
    placed,
    written,
)
from tests.builders import build_product
from tests.identity.people import add_member, build_team
from tests.logins import log_in, show_no_code_since
from tests.stories import MAC, PHONE, charge, hand_over, label, reserve, unwind

ENDPOINTS = {str(endpoint): endpoint for endpoint in endpoints()}
pytestmark = pytest.mark.usefixtures("short_waits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What to send: the good request for an order, with these changes; by a browser, where there is one."""

    order: Order | None = None
    sent: Sent = field(default_factory=lambda: Sent(label="good"))
    client: Client | None = None


Maker = Callable[[World, Endpoint], Ready]
_MAKERS: dict[str, Callable[[World, Endpoint], AbstractContextManager[Ready]]] = {}


def scene(name: str) -> Callable[[Maker], Maker]:
    """Register what prepares a scene."""

    def register(maker: Maker) -> Maker:
        @contextmanager
        def ready(world: World, endpoint: Endpoint) -> Iterator[Ready]:
            yield maker(world, endpoint)

        _MAKERS[name] = ready
        return maker

    return register


def around(
    name: str,
) -> Callable[[Callable[[World, Endpoint], Iterator[Ready]]], Callable[..., Iterator[Ready]]]:
    """Register what prepares a scene and holds something while the request is sent."""

    def register(maker: Callable[[World, Endpoint], Iterator[Ready]]) -> Callable[..., Iterator[Ready]]:
        _MAKERS[name] = contextmanager(maker)
        return maker

    return register


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=f"{case.id}-{case.endpoint}-{case.scene}".replace(" ", "-")) for case in SCENES],
)
def test_good_request_is_refused(world: World, case: Scene, caplog: pytest.LogCaptureFixture) -> None:
    endpoint = ENDPOINTS[case.endpoint]
    with _MAKERS[case.scene](world, endpoint) as ready:
        answer_at = _measured(world, endpoint, ready, down=case.scene == "database down")
        body = check_problem(
            answer_at,
            case,
            status=case.status,
            pointer=case.pointer,
            log=caplog if case.scene != "database down" else _Deaf(),  # type: ignore[arg-type]
        )
    assert set(case.tells) <= set(body.get("details", {}))
    assert ("Retry-After" in answer_at) == case.retry_after


class _Deaf:
    """A database that is away is worth an error in the log."""

    records = ()


def _measured(world: World, endpoint: Endpoint, ready: Ready, *, down: bool) -> Any:
    """Send the request; whatever it did to the database fails the test."""
    if down:
        return world.send(endpoint, ready.sent, order=ready.order)
    before = written()
    caller = As.NOBODY if ready.client else As.GOOD
    answer = world.send(endpoint, ready.sent, caller, order=ready.order, client=ready.client)
    assert changed(before) == set()
    return answer


def test_every_scene_is_prepared_and_every_preparation_used() -> None:
    assert {case.scene for case in SCENES} == set(_MAKERS)


# --- What is wanted -------------------------------------------------------------------------------


def _place(*items: object, **fields: object) -> Ready:
    change = (("/items", list(items)), *((f"/{name}", value) for name, value in fields.items()))
    return Ready(sent=Sent(label="items", change=change))


@scene("unknown sku")
def _unknown(world: World, endpoint: Endpoint) -> Ready:
    return _place(PHONE, "no-such-sku")


@scene("inactive sku")
def _inactive(world: World, endpoint: Endpoint) -> Ready:
    product = build_product(organization=world.shop.organization)
    Product.objects.filter(pk=product.pk).update(active=False)
    return _place(PHONE, product.sku)


@scene("price times quantity")
def _overflow(world: World, endpoint: Endpoint) -> Ready:
    product = build_product(organization=world.shop.organization, price_minor=2**62)
    return _place({"sku": product.sku, "quantity": 3})


@scene("huge amount")
def _huge(world: World, endpoint: Endpoint) -> Ready:
    return _place(PHONE, amount="9" * 20)


@scene("another amount")
def _mismatch(world: World, endpoint: Endpoint) -> Ready:
    return _place(PHONE, amount="1.00")


@scene("client_ref taken")
def _taken(world: World, endpoint: Endpoint) -> Ready:
    name = uuid7().hex
    sent = Sent(label="first", change=(("/client_ref", name),))
    assert world.send(endpoint, sent).status_code == 201
    return Ready(sent=sent)


@scene("another currency")
def _currency(world: World, endpoint: Endpoint) -> Ready:
    """Only an owner of the tables can plant such a price; the service refuses it all the same."""
    product = build_product(organization=world.shop.organization)
    with psycopg.connect(settings.MIGRATE_DATABASE_URL) as owner:
        owner.execute("ALTER TABLE inventory_product DROP CONSTRAINT inventory_product_currency")
        owner.execute("UPDATE inventory_product SET currency = 'USD' WHERE id = %s", [product.pk])
    return _place(PHONE, product.sku)


# --- The state of an order ------------------------------------------------------------------------


def _completed(world: World) -> Order:
    order = _handed_over(world)
    for shipment in order.shipments.all():
        hand_over(shipment.pk)
    return order


def _handed_over(world: World) -> Order:
    order = awaiting_payment(world.shop)
    charge(world.shop.pay(order))
    for shipment in order.shipments.all():
        label(shipment.pk)
    return order


def _cancelled(world: World) -> Order:
    order = _being_cancelled(world)
    unwind(order)
    order.refresh_from_db()
    assert order.status == Status.CANCELLED
    return order


def _being_cancelled(world: World) -> Order:
    order = awaiting_payment(world.shop)
    cancel_order(actor=world.shop.seller_actor, order_id=order.pk)
    return order


_STATES: dict[str, Callable[[World], Order]] = {
    "placed": lambda world: placed(world.shop),
    "awaiting payment": lambda world: awaiting_payment(world.shop),
    "awaiting approval": lambda world: awaiting_approval(world.shop),
    "being cancelled": _being_cancelled,
    "cancelled": _cancelled,
    "completed": _completed,
    "handed over": _handed_over,
}
_DECISION = (("/digest", "0" * 64),)


def _in_state(name: str) -> None:
    @scene(name)
    def ready(world: World, endpoint: Endpoint) -> Ready:
        sent = Sent(label=name, body=b'{"action": "APPROVE"}') if endpoint.name == "order-audit" else None
        order = _STATES[name](world)
        return Ready(order=order, sent=sent) if sent else Ready(order=order)


for _name in _STATES:
    _in_state(_name)


@scene("being paid")
def _being_paid(world: World, endpoint: Endpoint) -> Ready:
    order = awaiting_payment(world.shop)
    world.shop.pay(order)
    return Ready(order=order)


@scene("payment overdue")
def _payment_overdue(world: World, endpoint: Endpoint) -> Ready:
    order = world.shop.place(PHONE, payment_deadline_seconds=0)
    reserve(order)
    return Ready(order=order)


@scene("decided")
def _decided(world: World, endpoint: Endpoint) -> Ready:
    order = awaiting_approval(world.shop)
    assert world.send(endpoint, Sent(label="first"), order=order).status_code == 202
    return Ready(order=order)


@scene("decision overdue")
def _decision_overdue(world: World, endpoint: Endpoint) -> Ready:
    order = world.shop.place(MAC, approval_deadline_seconds=0)
    reserve(order)
    return Ready(order=order)


@scene("withdrawn")
def _withdrawn(world: World, endpoint: Endpoint) -> Ready:
    order = awaiting_approval(world.shop)
    cancel_order(actor=world.shop.seller_actor, order_id=order.pk)
    return Ready(order=order)


@scene("another digest")
def _another_digest(world: World, endpoint: Endpoint) -> Ready:
    return Ready(order=awaiting_approval(world.shop), sent=Sent(label="digest", change=_DECISION))


@scene("own order")
def _own(world: World, endpoint: Endpoint) -> Ready:
    join(world.shop.seller, "auditor")
    key = build_key(owner=world.shop.seller, organization=world.shop.organization, scopes=["orders:audit"])
    sent = Sent(label="maker", headers={"Authorization": f"Bearer {key}"})
    return Ready(order=awaiting_approval(world.shop), sent=sent)


# --- Idempotency keys and locks -------------------------------------------------------------------


@scene("key used")
def _key_used(world: World, endpoint: Endpoint) -> Ready:
    order = world.order_for(endpoint, fresh=True) if endpoint.has_id else None
    headers = {"Idempotency-Key": uuid7().hex}
    first = world.send(endpoint, Sent(label="first", headers=headers), order=order)
    assert first.status_code in (201, 202), first.content
    pointer, value = {
        "order-list": ("/items/0/quantity", 2),
        "order-pay": ("/token", "tok_other"),
        "order-audit": ("/action", "REJECT"),
    }[endpoint.name]
    change = ((pointer, value),) + ((("/amount", "1000.00"),) if endpoint.name == "order-list" else ())
    return Ready(order=order, sent=Sent(label="second", headers=headers, change=change))


@around("key in flight")
def _key_in_flight(world: World, endpoint: Endpoint) -> Iterator[Ready]:
    order = world.order_for(endpoint, fresh=True) if endpoint.has_id else None
    probe, key = uuid7().hex, uuid7().hex
    world.send(endpoint, Sent(label="probe", headers={"Idempotency-Key": probe}), order=order)
    scope = IdempotencyLog.objects.get(key=probe).scope
    with psycopg.connect(settings.MIGRATE_DATABASE_URL) as first:
        first.execute(
            "INSERT INTO idempotency_idempotencylog (scope, key, fingerprint, headers, created_at)"
            " VALUES (%s, %s, '', '{}', now())",
            [scope, key],
        )
        yield Ready(order=order, sent=Sent(label="racer", headers={"Idempotency-Key": key}))
        first.rollback()


@around("order locked")
def _order_locked(world: World, endpoint: Endpoint) -> Iterator[Ready]:
    order = world.order_for(endpoint, fresh=True)
    with psycopg.connect(settings.MIGRATE_DATABASE_URL) as other:
        other.execute("SELECT 1 FROM orders_order WHERE id = %s FOR UPDATE", [order.pk])
        table = "approvals_approvalrequest"
        other.execute(f"SELECT 1 FROM {table} WHERE subject_id = %s FOR UPDATE".encode(), [order.pk])
        yield Ready(order=order)
        other.rollback()


@around("database down")
def _database_down(world: World, endpoint: Endpoint) -> Iterator[Ready]:
    order = world.order_for(endpoint) if endpoint.has_id else None
    if endpoint.name == "order-audit" and endpoint.method == "POST":
        sent = Sent(label="down", body=b'{"action": "APPROVE"}')
    else:
        sent = Sent(label="down")
    before = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = free_port()
    try:
        yield Ready(order=order, sent=sent)
    finally:
        connection.close()
        connection.settings_dict["PORT"] = before


@around("call too many")
def _call_too_many(world: World, endpoint: Endpoint) -> Iterator[Ready]:
    kept = settings.RATES, settings.REDIS_URL
    with tempfile.TemporaryDirectory() as folder:
        server = ValkeyServer(Path(folder), port=free_port())
        server.start()
        try:
            server.wait_ready()
            settings.REDIS_URL = server.url
            settings.RATES = {**settings.RATES, "credential": Rate(quota=1, seconds=60, burst=1)}
            listen_again()
            world.send(ENDPOINTS["GET order-list"], Sent(label="the last one"))
            yield Ready()
        finally:
            settings.RATES, settings.REDIS_URL = kept
            server.stop()


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


def _with_key(text: str) -> Ready:
    return Ready(sent=Sent(label="key", headers={"Authorization": f"Bearer {text}"}))


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
    return _with_key(text[:-1] + ("a" if text[-1] != "a" else "b"))


@scene("wrong secret")
def _wrong_secret(world: World, endpoint: Endpoint) -> Ready:
    _person, key, _text = _fresh_key(world)
    return _with_key(f"holo_org_{key.prefix}{make_key().text[-28:]}")


@scene("expired key")
def _expired_key(world: World, endpoint: Endpoint) -> Ready:
    _person, key, text = _fresh_key(world)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=Now() - timedelta(seconds=1))
    return _with_key(text)


@scene("revoked key")
def _revoked_key(world: World, endpoint: Endpoint) -> Ready:
    _person, key, text = _fresh_key(world)
    revoke_api_key(actor=None, key_id=key.pk)
    return _with_key(text)


@scene("owner gone")
def _owner_gone(world: World, endpoint: Endpoint) -> Ready:
    person, _key, text = _fresh_key(world)
    User.objects.filter(pk=person.pk).update(is_active=False)
    return _with_key(text)


@scene("owner left")
def _owner_left(world: World, endpoint: Endpoint) -> Ready:
    person, _key, text = _fresh_key(world)
    Membership.objects.filter(user=person).delete()
    return _with_key(text)


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
    assert world.send(endpoint, _with_key(signer.sign()).sent).status_code == 200
    return signer


@scene("public token expired")
def _public_token_expired(world: World, endpoint: Endpoint) -> Ready:
    signer = _signer(world, endpoint)
    return _with_key(signer.forge(signer.secret(), exp=datetime.now(UTC) - timedelta(seconds=1)))


@scene("public token claim_invalid")
def _public_token_claim(world: World, endpoint: Endpoint) -> Ready:
    signer = _signer(world, endpoint)
    return _with_key(signer.forge(signer.secret(), aud="other"))


@scene("public token signature_invalid")
def _public_token_signature(world: World, endpoint: Endpoint) -> Ready:
    return _with_key(_signer(world, endpoint).sign()[:-4] + "AAAA")


@scene("public token used")
def _public_token_used(world: World, endpoint: Endpoint) -> Ready:
    used = _with_key(build_signer().sign(one_time=True))
    assert world.send(endpoint, used.sent).status_code == 200
    return used


@scene("key of no environment")
def _key_of_no_environment(world: World, endpoint: Endpoint) -> Ready:
    return _with_key(
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
    Membership.objects.filter(pk=member.pk).update(reference=f"u-{member.pk}")
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
