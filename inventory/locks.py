"""The only row locks of this app. Order: stock rows by primary key, then the reservation they belong to.

Every change of a reservation with stock takes its stock rows first, so that reserve, release and consume of
any two owners meet in the same order. `NO KEY`, because no key column of a stock row ever changes: foreign
key checks of others need not wait.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from holo.common.db import QUERY_CANCELED, require_transaction, sqlstate
from holo.common.errors import BusyError
from inventory.allocation import Shelf
from inventory.models import Product, StockLevel

# `lock_timeout` limits the wait for each row; all of them together have the same time.
_SHELVES = """
SET LOCAL statement_timeout = %(wait)s;
SELECT s.id, s.product_id, s.warehouse_id, w.code, w.priority, s.on_hand - s.reserved
FROM inventory_stocklevel s JOIN inventory_warehouse w ON w.id = s.warehouse_id
WHERE s.organization_id = %(organization)s AND s.product_id = ANY(%(products)s) AND w.active
ORDER BY s.id FOR NO KEY UPDATE OF s;
SET LOCAL statement_timeout = %(usual)s
"""
_HELD = """
SELECT r.id, r.expires_at
FROM inventory_stocklevel s
JOIN inventory_reservationline l ON l.stock_level_id = s.id
JOIN inventory_reservation r ON r.id = l.reservation_id
WHERE r.owner_type = %s AND r.owner_id = %s AND r.state = 'held'
ORDER BY s.id FOR NO KEY UPDATE OF s
"""


def lock_shelves(*, organization_id: UUID, product_ids: Iterable[UUID]) -> list[Shelf]:
    """Lock the stock rows of these products in all active warehouses, in one statement, by primary key.

    The figures are those after the lock: PostgreSQL reads a row again that it had to wait for. Raises
    BusyError where they are not had within DB_LOCK_TIMEOUT_MS, all waits together.
    """
    require_transaction()
    values: dict[str, Any] = {
        "organization": organization_id,
        "products": list(product_ids),
        "wait": settings.DB_LOCK_TIMEOUT_MS,
        "usual": settings.DB_STATEMENT_TIMEOUT_MS,
    }
    with connection.cursor() as cursor:
        try:
            cursor.execute(_SHELVES, values)
        except DatabaseError as error:
            if sqlstate(error) != QUERY_CANCELED:
                raise
            raise BusyError(_("the stock is held by other calls")) from error
        cursor.nextset()
        rows = cursor.fetchall()
    return [
        Shelf(
            stock_level_id=row[0],
            product_id=row[1],
            warehouse_id=row[2],
            warehouse_code=row[3],
            priority=row[4],
            available=row[5],
        )
        for row in rows
    ]


def lock_held_stock(*, owner_type: str, owner_id: UUID) -> UUID | None:
    """Lock the stock rows that an owner's open reservation holds; return its id, or None if there is none.

    Whether it is still open afterwards is for the caller's guarded update to find out.
    """
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [owner_type, owner_id])
        row = cursor.fetchone()
    return None if row is None else row[0]


def lock_product(*, organization_id: UUID, product_id: UUID) -> Product | None:
    """Lock one product of the organisation; None if there is none."""
    require_transaction()
    return (
        Product.objects.select_for_update(no_key=True)
        .filter(organization_id=organization_id, pk=product_id)
        .first()
    )


def lock_stock_level(stock_level_id: int) -> StockLevel:
    """Lock one stock row. Raises StockLevel.DoesNotExist."""
    require_transaction()
    return StockLevel.objects.select_for_update(no_key=True).get(pk=stock_level_id)
