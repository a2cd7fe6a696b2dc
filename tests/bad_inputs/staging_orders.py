"""Scenes of orders, of keys that were sent before, and of what is out of order."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection

from holo.common.ids import uuid7
from holo.common.rates import Rate
from holo.common.throttles import listen_again
from holo.idempotency.models import IdempotencyLog
from holo.secretstore.keyring import make_entry, parse_keyring
from holo.stack.ports import free_port
from holo.stack.valkey import ValkeyServer
from inventory.models import Product
from orders.models import Order
from orders.services import cancel_order
from orders.states import Status
from tests.api.people import build_key
from tests.bad_inputs.cases.rows import Sent
from tests.bad_inputs.staging import ENDPOINTS, Ready, around, scene
from tests.bad_inputs.surface import Endpoint
from tests.bad_inputs.world import (
    World,
    awaiting_approval,
    awaiting_payment,
    join,
)
from tests.builders import build_product
from tests.stories import MAC, PHONE, charge, hand_over, label, unwind

# --- What is wanted -------------------------------------------------------------------------------


def _place(*items: object, **fields: object) -> Ready:
    change = (("/items", list(items)), *((f"/{name}", value) for name, value in fields.items()))
    return Ready(sent=Sent(label="items", change=change))


@scene("unknown sku")
def _unknown(world: World, endpoint: Endpoint) -> Ready:
    return _place(PHONE, "no-such-sku")


@scene("more than there is")
def _lacking(world: World, endpoint: Endpoint) -> Ready:
    product = build_product(organization=world.shop.organization)
    return _place(PHONE, product.sku, amount="1000.00")


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


@scene("a buyer of much")
def _hoarder(world: World, endpoint: Endpoint) -> Ready:
    most = settings.ORDER_BUYER_PIECES
    return _place({"sku": PHONE, "quantity": most + 1}, buyer=uuid7().hex, amount=f"{(most + 1) * 500}.00")


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
    "placed": lambda world: world.shop.place_without_hold(PHONE),
    "awaiting payment": lambda world: awaiting_payment(world.shop),
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
    return Ready(order=order)


@scene("decided")
def _decided(world: World, endpoint: Endpoint) -> Ready:
    order = awaiting_approval(world.shop)
    assert world.send(endpoint, Sent(label="first"), order=order).status_code == 202
    return Ready(order=order)


@scene("decision overdue")
def _decision_overdue(world: World, endpoint: Endpoint) -> Ready:
    order = world.shop.place(MAC, approval_deadline_seconds=0)
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


@around("fingerprint secret lost")
def _fingerprint_secret_lost(world: World, endpoint: Endpoint) -> Iterator[Ready]:
    before, headers = settings.KEYRING, {"Idempotency-Key": uuid7().hex}
    first = world.send(endpoint, Sent(label="first", headers=headers))
    assert first.status_code == 201, first.content
    settings.KEYRING = parse_keyring(make_entry("k9"))
    try:
        yield Ready(sent=Sent(label="second", headers=headers))
    finally:
        settings.KEYRING = before


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
