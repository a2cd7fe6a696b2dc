"""The only row locks of this app. Global order: order, approval request, stock rows by pk.

Each is one round trip of several statements: the first takes the lock; those after it read, so that they see
what was committed while the lock was waited for. In one statement the lock's wait would not be seen: its
sub-selects keep the view of the moment at which it began.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from holo.common.actor import Actor
from holo.common.db import require_transaction
from holo.common.errors import NotFoundError
from holo.common.rows import columns, from_row, width
from inventory.models import Warehouse
from orders.models import Order, Payment, Shipment

# `no key`: rows that refer to the order can still be inserted elsewhere; nothing changes its key.
_ORDER = f"""
SELECT FROM orders_order WHERE id = {{which}} FOR NO KEY UPDATE;
SELECT {columns(Order, "o")},
    EXISTS (SELECT FROM orders_orderabort WHERE order_id = o.id),
    EXISTS (SELECT FROM orders_orderhandover WHERE order_id = o.id), clock_timestamp()
FROM orders_order o WHERE o.id = {{which}}
"""  # noqa: S608 # of the code's own words
_OWN_ORDER = _ORDER.format(
    which="""(
    SELECT id FROM orders_order WHERE id = %(id)s AND organization_id = %(organization)s
        AND buyer = coalesce(%(buyer)s, buyer)
    )"""
)
_ANY_ORDER = _ORDER.format(which="%(id)s")
_PAYMENT = f"""
{_ORDER.format(which="(SELECT order_id FROM orders_payment WHERE id = %(id)s)")};
SELECT {columns(Payment, "p")} FROM orders_payment p WHERE p.id = %(id)s
"""  # noqa: S608 # of the code's own words
_SHIPMENT = f"""
{_ORDER.format(which="(SELECT order_id FROM orders_shipment WHERE id = %(id)s)")};
SELECT {columns(Shipment, "s")}, {columns(Warehouse, "w")}
FROM orders_shipment s JOIN inventory_warehouse w ON w.id = s.warehouse_id WHERE s.id = %(id)s
"""  # noqa: S608 # of the code's own words


def lock_order(order_id: UUID, *, actor: Actor | None = None) -> Order:
    """Lock one order, one that the actor reaches if given. Raises NotFoundError."""
    if actor is None:
        return _order(*_results(_ANY_ORDER, {"id": order_id}))
    reach = {"organization": actor.organization_id, "buyer": actor.buyer}
    return _order(*_results(_OWN_ORDER, {"id": order_id, **reach}))


def lock_room(organization_id: UUID, whose: str) -> None:
    """Let one order of a buyer, or from one place, be placed at a time, until the transaction ends."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 4712))", [f"{organization_id}|{whose}"]
        )


def lock_payment(payment_id: UUID) -> tuple[Order, Payment]:
    """Lock the order of a payment, which guards the payment too, and return both. Raises NotFoundError."""
    found, payment = _results(_PAYMENT, {"id": payment_id})
    order = _order(found)
    return order, from_row(Payment, payment or ())


def lock_shipment(shipment_id: UUID) -> tuple[Order, Shipment]:
    """Lock a shipment's order, which guards the shipment too; return both. Raises NotFoundError."""
    found, row = _results(_SHIPMENT, {"id": shipment_id})
    order = _order(found)
    assert row is not None, "an order that a shipment names has that shipment"
    own = width(Shipment)
    shipment = from_row(Shipment, row[:own])
    shipment.warehouse = from_row(Warehouse, row[own:])
    return order, shipment


def _results(sql: str, parameters: Mapping[str, UUID | str | None]) -> list[tuple[Any, ...] | None]:
    """Run the statements; return the first row of each but the first, which only locks."""
    require_transaction()
    rows: list[tuple[Any, ...] | None] = []
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        while cursor.nextset():
            rows.append(cursor.fetchone())
    return rows


def _order(row: tuple[Any, ...] | None) -> Order:
    if row is None:
        raise NotFoundError(_("there is no such order"))
    order = from_row(Order, row[:-3])
    order.aborted, order.handed_over, order.locked_at = row[-3:]
    return order
