"""Reads of products, stock and holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median_low
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet, Sum

from inventory.allocation import Shortage
from inventory.models import Product, Reservation, StockLevel, StockMovement
from inventory.operations import Owner, Want

_AVAILABLE = """
SELECT s.product_id, sum(s.on_hand - s.reserved)
FROM inventory_stocklevel s JOIN inventory_warehouse w ON w.id = s.warehouse_id
WHERE s.organization_id = %s AND s.product_id = ANY(%s) AND w.active GROUP BY s.product_id
"""
# So many receipts of a product say what is usual.
_RECEIPTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class StockLevelView:
    """How much of a product lies in one warehouse, how much of it is promised, and what is left."""

    stock_level_id: int
    product_id: UUID
    sku: str
    warehouse_id: UUID
    warehouse_code: str
    on_hand: int
    reserved: int
    available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingLine:
    """How many pieces of a product a hold has in one warehouse."""

    product_id: UUID
    sku: str
    warehouse_id: UUID
    warehouse_code: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldView:
    """An owner's newest hold: `state` is `held`, `consumed`, `released` or `expired`."""

    reservation_id: UUID
    state: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    lines: tuple[HoldingLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StockDrift:
    """A shelf whose counters differ from what its rows add up to."""

    stock_level_id: int
    organization_id: UUID
    on_hand: int
    moved: int
    reserved: int
    held: int


def find_short(*, organization_id: UUID, wants: Sequence[Want]) -> list[Shortage]:
    """Return the products of which there is less than is wanted at this moment, without a lock.

    `wants` names each product once.
    """
    with connection.cursor() as cursor:
        cursor.execute(_AVAILABLE, [organization_id, [want.product_id for want in wants]])
        available = dict(cursor.fetchall())
    return [
        Shortage(product_id=want.product_id, requested=want.quantity, available=there)
        for want in wants
        if (there := int(available.get(want.product_id, 0))) < want.quantity
    ]


def list_products(organization_id: UUID) -> QuerySet[Product]:
    """Return what the organisation sells now, by SKU."""
    return Product.objects.filter(organization_id=organization_id, active=True).order_by("sku")


def get_products_by_sku(
    *, organization_id: UUID, skus: Iterable[str], include_inactive: bool = False
) -> dict[str, Product]:
    """Return the products of these SKUs in one query; a SKU that names none is simply not in the answer."""
    products = Product.objects.filter(organization_id=organization_id, sku__in=list(skus))
    if not include_inactive:
        products = products.filter(active=True)
    return {product.sku: product for product in products}


def list_stock(organization_id: UUID) -> QuerySet[StockLevel]:
    """Return the organisation's stock levels with product and warehouse, by SKU and warehouse priority."""
    return (
        StockLevel.objects.filter(organization_id=organization_id)
        .select_related("product", "warehouse")
        .order_by("product__sku", "warehouse__priority", "warehouse__code")
    )


def usual_receipt(product_id: UUID) -> int:
    """Return how many pieces usually arrive at once, 0 if none ever did.

    It is the median of the product's last receipts: a single one of a billion does not make the next usual.
    """
    receipts = StockMovement.objects.filter(product_id=product_id, kind=StockMovement.Kind.RECEIPT)
    last = list(receipts.order_by("-id").values_list("quantity", flat=True)[:_RECEIPTS])
    return median_low(last) if last else 0


def stock_snapshot(organization_id: UUID) -> dict[str, tuple[int, int]]:
    """Return on hand and reserved by SKU, all warehouses together, as of one moment."""
    rows = (
        StockLevel.objects.filter(organization_id=organization_id)
        .order_by("product__sku")
        .values_list("product__sku")
        .annotate(Sum("on_hand"), Sum("reserved"))
    )
    return {sku: (on_hand, reserved) for sku, on_hand, reserved in rows}


def get_holding(owner: Owner) -> HeldView | None:
    """Return the owner's newest hold in whatever state, None if there never was one."""
    reservation = (
        Reservation.objects.filter(owner_type=owner.owner_type, owner_id=owner.owner_id)
        .order_by("-created_at", "-id")
        .first()
    )
    if reservation is None:
        return None
    lines = reservation.lines.select_related("product", "warehouse").order_by(
        "warehouse__priority", "warehouse__code", "id"
    )
    return HeldView(
        reservation_id=reservation.pk,
        state=reservation.state,
        created_at=reservation.created_at,
        expires_at=reservation.expires_at,
        ended_at=reservation.ended_at,
        lines=tuple(
            HoldingLine(
                product_id=line.product_id,
                sku=line.product.sku,
                warehouse_id=line.warehouse_id,
                warehouse_code=line.warehouse.code,
                quantity=line.quantity,
            )
            for line in lines
        ),
    )


def is_holding(owner: Owner) -> bool:
    """Tell whether stock is held for the owner."""
    return Reservation.objects.filter(
        owner_type=owner.owner_type, owner_id=owner.owner_id, state=Reservation.State.HELD
    ).exists()


def has_consumed(owner: Owner) -> bool:
    """Tell whether goods have left for the owner."""
    return Reservation.objects.filter(
        owner_type=owner.owner_type, owner_id=owner.owner_id, state=Reservation.State.CONSUMED
    ).exists()


# The rows are the truth and the counters a sum of them; one statement, so that all is of one moment.
_DRIFT = """
WITH moved AS (
    SELECT stock_level_id, sum(quantity) AS total FROM inventory_stockmovement
    WHERE organization_id = %(organization)s::uuid OR %(organization)s::uuid IS NULL GROUP BY stock_level_id
), held AS (
    SELECT l.stock_level_id, sum(l.quantity) AS total
    FROM inventory_reservation r JOIN inventory_reservationline l ON l.reservation_id = r.id
    WHERE r.state = 'held' AND (r.organization_id = %(organization)s::uuid OR %(organization)s::uuid IS NULL)
    GROUP BY l.stock_level_id
)
SELECT s.id, s.organization_id, s.on_hand, coalesce(moved.total, 0), s.reserved, coalesce(held.total, 0)
FROM inventory_stocklevel s
LEFT JOIN moved ON moved.stock_level_id = s.id LEFT JOIN held ON held.stock_level_id = s.id
WHERE (s.organization_id = %(organization)s::uuid OR %(organization)s::uuid IS NULL)
  AND (s.on_hand <> coalesce(moved.total, 0) OR s.reserved <> coalesce(held.total, 0))
ORDER BY s.id
"""


def list_stock_drift(organization_id: UUID | None) -> list[StockDrift]:
    """Return the shelves whose `on_hand` is not the sum of movements or `reserved` not that of open holds.

    Those of one organisation, or of all where it is None.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DRIFT, {"organization": organization_id})
        return [
            StockDrift(
                stock_level_id=row[0],
                organization_id=row[1],
                on_hand=row[2],
                moved=row[3],
                reserved=row[4],
                held=row[5],
            )
            for row in cursor.fetchall()
        ]
