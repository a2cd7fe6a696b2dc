"""Changes of stock inside somebody's transaction: reserve, extend, release, consume.

Each is two statements at most: one that locks, one that changes everything it has to. This is the hot path
of the product, and a round trip under a row lock is what a popular product's sales per second are made of.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import IntegrityError, connection
from django.utils.translation import gettext as _

from holo.common.db import require_transaction
from holo.common.ids import uuid7
from inventory.allocation import Share, Shortage, allocate, find_shortages
from inventory.errors import AlreadyReservedError, QuantityOutOfRangeError, ReservationEndedError
from inventory.locks import lock_held_stock, lock_shelves
from inventory.models import Reservation
from inventory.waiting import waiting_for

__all__ = [
    "Held",
    "HeldLine",
    "Owner",
    "Short",
    "Shortage",
    "Want",
    "consume_reservation",
    "extend_reservation",
    "note_refused_demand",
    "release_reservation",
    "reserve_stock",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """On whose behalf stock is held: a type such as `orders.order` and its id, kept as data."""

    owner_type: str
    owner_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """How many pieces (≥ 1) of a product are wanted."""

    product_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLine:
    """How many pieces of a product one warehouse holds."""

    product_id: UUID
    warehouse_id: UUID
    warehouse_code: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The hold that was made; lines by warehouse priority."""

    reservation_id: UUID
    expires_at: datetime
    lines: tuple[HeldLine, ...]
    # What the statement returned that was sent with the hold.
    written_at: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """That nothing is held, because of these products."""

    shortages: tuple[Shortage, ...]


# One statement, so that the row locks last one round trip less. The guard repeats under the row's own version
# what `allocate` decided before; the count of rows that passed it comes back.
_HOLD = """
WITH share (stock_level_id, product_id, warehouse_id, quantity) AS (
    SELECT * FROM unnest(%(stock_levels)s::bigint[], %(products)s::uuid[], %(warehouses)s::uuid[],
                         %(quantities)s::integer[])
), hold AS (
    INSERT INTO inventory_reservation (id, organization_id, owner_type, owner_id, expires_at, state)
    VALUES (%(id)s, %(organization)s, %(owner_type)s, %(owner_id)s, %(expires_at)s, 'held')
), line AS (
    INSERT INTO inventory_reservationline
        (organization_id, reservation_id, stock_level_id, product_id, warehouse_id, quantity)
    SELECT %(organization)s, %(id)s, stock_level_id, product_id, warehouse_id, quantity FROM share
)
UPDATE inventory_stocklevel s SET reserved = s.reserved + share.quantity
FROM share WHERE s.id = share.stock_level_id AND s.on_hand - s.reserved >= share.quantity
"""
# In one order, so that two refusals of the same products never wait for each other in a circle. The commit
# does not wait for the disk, as the next refusal waits for the commit: a crash may lose the last counts.
_REFUSED = """
SET LOCAL synchronous_commit = off;
INSERT INTO inventory_refuseddemand (organization_id, product_id, day, refusals, pieces)
SELECT %(organization)s, product_id, (now() AT TIME ZONE 'UTC')::date, 1, pieces
FROM unnest(%(products)s::uuid[], %(pieces)s::bigint[]) AS wanted (product_id, pieces) ORDER BY product_id
ON CONFLICT (product_id, day) DO UPDATE
SET refusals = inventory_refuseddemand.refusals + 1, pieces = inventory_refuseddemand.pieces + excluded.pieces
"""
_RELEASE = """
WITH ended AS (
    UPDATE inventory_reservation SET state = %(state)s, ended_at = clock_timestamp()
    WHERE id = %(id)s AND state = 'held' RETURNING id
)
UPDATE inventory_stocklevel s SET reserved = s.reserved - l.quantity
FROM inventory_reservationline l JOIN ended ON ended.id = l.reservation_id
WHERE s.id = l.stock_level_id
"""
_CONSUME = """
WITH ended AS (
    UPDATE inventory_reservation SET state = 'consumed', ended_at = clock_timestamp()
    WHERE id = %(id)s AND state = 'held' RETURNING id, owner_type, owner_id
), shipped AS (
    INSERT INTO inventory_stockmovement
        (organization_id, stock_level_id, product_id, warehouse_id, kind, quantity, reservation_line_id,
         owner_type, owner_id, actor_label, note)
    SELECT l.organization_id, l.stock_level_id, l.product_id, l.warehouse_id, 'shipment', -l.quantity, l.id,
           ended.owner_type, ended.owner_id, %(actor_label)s, ''
    FROM inventory_reservationline l JOIN ended ON ended.id = l.reservation_id
)
UPDATE inventory_stocklevel s SET on_hand = s.on_hand - l.quantity, reserved = s.reserved - l.quantity
FROM inventory_reservationline l JOIN ended ON ended.id = l.reservation_id
WHERE s.id = l.stock_level_id
"""


def reserve_stock(
    *,
    organization_id: UUID,
    owner: Owner,
    wants: Sequence[Want],
    expires_at: datetime,
    most_waiting: int | None = None,
    then: Callable[[Held], str] | None = None,
) -> Held | Short:
    """Hold all that is wanted, or nothing.

    `most_waiting`: how many threads of this process may wait for one product at once; None for any number.
    `then` returns a statement that is sent with the hold: a round trip less while stock is locked. What it
    returns is in `Held.written_at`.

    Wants of one product are added up. The whole basket from one active warehouse if one can serve it (lowest
    priority number first), else split by warehouse priority, product by product.
    Locks: stock rows of the wanted products by primary key. A shortage changes nothing. Raises
    QuantityOutOfRangeError, AlreadyReservedError if the owner holds something (the transaction is then lost,
    as after any broken constraint), and BusyError where the locks are not had in time or too many wait.
    """
    basket = _basket(wants)
    with waiting_for(basket, most=most_waiting):
        shelves = lock_shelves(organization_id=organization_id, product_ids=basket)
    shortages = find_shortages(wants=basket, shelves=shelves)
    if shortages:
        return Short(shortages=tuple(shortages))
    shares = allocate(wants=basket, shelves=shelves)
    held = Held(reservation_id=uuid7(), expires_at=expires_at, lines=tuple(_line(share) for share in shares))
    written_at = _write_hold(held, organization_id, owner, shares, then(held) if then else "")
    return replace(held, written_at=written_at)


def note_refused_demand(*, organization_id: UUID, wanted: Mapping[UUID, int]) -> None:
    """Count, by product and day (UTC), that an order of so many pieces was refused for want of stock."""
    require_transaction()
    values: dict[str, Any] = {
        "organization": organization_id,
        "products": list(wanted),
        "pieces": list(wanted.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_REFUSED, values)


def extend_reservation(*, owner: Owner, expires_at: datetime) -> None:
    """Move the expiry of the owner's hold. Raises ReservationEndedError if nothing is held."""
    require_transaction()
    held = Reservation.objects.filter(
        owner_type=owner.owner_type, owner_id=owner.owner_id, state=Reservation.State.HELD
    )
    if held.update(expires_at=expires_at) == 0:
        raise _ended(_latest_state(owner))


def release_reservation(*, owner: Owner, state: Literal["released", "expired"] = "released") -> bool:
    """Give back what the owner holds; False if nothing is held (never, or no more), which is no error.

    Locks: the held stock rows by primary key, then the reservation.
    """
    reservation_id = lock_held_stock(owner_type=owner.owner_type, owner_id=owner.owner_id)
    if reservation_id is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, {"id": reservation_id, "state": state})
        return bool(cursor.rowcount > 0)


def consume_reservation(*, owner: Owner, actor_label: str) -> bool:
    """Ship what the owner holds: it leaves the shelves, with one movement per line.

    False if that was done before. Locks: the held stock rows by primary key, then the reservation. Raises
    ReservationEndedError if the hold was released, has expired or never was.
    """
    reservation_id = lock_held_stock(owner_type=owner.owner_type, owner_id=owner.owner_id)
    if reservation_id is not None:
        with connection.cursor() as cursor:
            cursor.execute(_CONSUME, {"id": reservation_id, "actor_label": actor_label})
            if cursor.rowcount > 0:
                return True
    state = _latest_state(owner)
    if state == Reservation.State.CONSUMED:
        return False
    raise _ended(state)


def _basket(wants: Sequence[Want]) -> dict[UUID, int]:
    basket: Counter[UUID] = Counter()
    for want in wants:
        if want.quantity < 1:
            raise QuantityOutOfRangeError(_("a quantity is at least 1"), product_id=str(want.product_id))
        basket[want.product_id] += want.quantity
    if not basket:
        raise QuantityOutOfRangeError(_("nothing is wanted"))
    return dict(basket)


def _write_hold(
    held: Held, organization_id: UUID, owner: Owner, shares: Sequence[Share], then: str
) -> object:
    """Write the hold, and what comes with it; return the one value that this returns."""
    try:
        with connection.cursor() as cursor:
            hold = cursor.mogrify(
                _HOLD,
                {
                    "id": held.reservation_id,
                    "organization": organization_id,
                    "owner_type": owner.owner_type,
                    "owner_id": owner.owner_id,
                    "expires_at": held.expires_at,
                    "stock_levels": [share.shelf.stock_level_id for share in shares],
                    "products": [share.shelf.product_id for share in shares],
                    "warehouses": [share.shelf.warehouse_id for share in shares],
                    "quantities": [share.quantity for share in shares],
                },
            )
            cursor.execute(f"{hold}; {then}" if then else hold)
            updated = cursor.rowcount
            row = cursor.fetchone() if then and cursor.nextset() else None
    except IntegrityError as error:
        if "inventory_reservation_held_once" in str(error):
            raise AlreadyReservedError(_("the owner holds a reservation already")) from error
        raise
    if updated != len(shares):
        # Cannot be while the rows are locked; if it is, rolling back is the only right answer.
        raise AssertionError(f"{updated} of {len(shares)} stock rows could give what was allocated")
    return None if row is None else row[0]


def _line(share: Share) -> HeldLine:
    return HeldLine(
        product_id=share.shelf.product_id,
        warehouse_id=share.shelf.warehouse_id,
        warehouse_code=share.shelf.warehouse_code,
        quantity=share.quantity,
    )


def _latest_state(owner: Owner) -> str | None:
    return (
        Reservation.objects.filter(owner_type=owner.owner_type, owner_id=owner.owner_id)
        .order_by("-created_at", "-id")
        .values_list("state", flat=True)
        .first()
    )


def _ended(state: str | None) -> ReservationEndedError:
    return ReservationEndedError(_("nothing is held (any more)"), state=state or "absent")
