"""Which warehouse serves what: a pure choice over stock rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """One locked stock row: where it is and how much of it may still be promised."""

    stock_level_id: int
    product_id: UUID
    warehouse_id: UUID
    warehouse_code: str
    priority: int
    available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many pieces a shelf is to give."""

    shelf: Shelf
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """A product of which less is available than asked for, all active warehouses together."""

    product_id: UUID
    requested: int
    available: int


def find_shortages(*, wants: Mapping[UUID, int], shelves: Sequence[Shelf]) -> list[Shortage]:
    """Return the products (of product → quantity ≥ 1) that the shelves together cannot serve."""
    available = dict.fromkeys(wants, 0)
    for shelf in shelves:
        available[shelf.product_id] += shelf.available
    return [
        Shortage(product_id=product_id, requested=quantity, available=available[product_id])
        for product_id, quantity in wants.items()
        if available[product_id] < quantity
    ]


def allocate(*, wants: Mapping[UUID, int], shelves: Sequence[Shelf]) -> list[Share]:
    """Share the wanted pieces out over the shelves, which must suffice (`find_shortages`).

    The whole basket comes from the first warehouse, by priority and then code, that can serve all of it: one
    parcel is cheaper than two. Else each product is taken by warehouse priority. `shelves` holds each product
    at most once per warehouse.
    """
    ranked = sorted(shelves, key=lambda shelf: (shelf.priority, shelf.warehouse_code, shelf.stock_level_id))
    return _from_one_warehouse(wants, ranked) or _split(wants, ranked)


def _from_one_warehouse(wants: Mapping[UUID, int], ranked: Sequence[Shelf]) -> list[Share]:
    able: dict[UUID, list[Share]] = {}
    for shelf in ranked:
        shares = able.setdefault(shelf.warehouse_id, [])
        if shelf.available >= wants[shelf.product_id]:
            shares.append(Share(shelf=shelf, quantity=wants[shelf.product_id]))
    return next((shares for shares in able.values() if len(shares) == len(wants)), [])


def _split(wants: Mapping[UUID, int], ranked: Sequence[Shelf]) -> list[Share]:
    missing = dict(wants)
    shares = []
    for shelf in ranked:
        quantity = min(shelf.available, missing[shelf.product_id])
        if quantity > 0:
            shares.append(Share(shelf=shelf, quantity=quantity))
            missing[shelf.product_id] -= quantity
    return shares
