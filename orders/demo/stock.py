"""Stock before and after: what must have changed, and what did."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Shelf = tuple[str, str]  # SKU, warehouse code


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Pieces of one product in one warehouse."""

    on_hand: int
    reserved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is not as it must be, in words."""

    what: str
    expected: str
    actual: str


Stock = Mapping[Shelf, Level]


def read_stock(rows: Iterable[Mapping[str, Any]]) -> Stock:
    """Return the levels of the rows of `GET /stock`."""
    return {
        (row["sku"], row["warehouse"]): Level(on_hand=int(row["on_hand"]), reserved=int(row["reserved"]))
        for row in rows
    }


def compare_stock(before: Stock, after: Stock, *, shipped: Mapping[Shelf, int]) -> list[Problem]:
    """Return each shelf that does not differ by exactly what was shipped from it; nothing stays reserved."""
    problems = []
    for shelf in sorted({*before, *after, *shipped}):
        was, now = before.get(shelf), after.get(shelf)
        if was is None or now is None:
            problems.append(_problem(shelf, _shown(was), _shown(now)))
            continue
        wanted = Level(on_hand=was.on_hand - shipped.get(shelf, 0), reserved=was.reserved)
        if now != wanted:
            problems.append(_problem(shelf, _shown(wanted), _shown(now)))
    return problems


def _problem(shelf: Shelf, expected: str, actual: str) -> Problem:
    return Problem(what=f"stock of {shelf[0]} in {shelf[1]}", expected=expected, actual=actual)


def _shown(level: Level | None) -> str:
    return "no such shelf" if level is None else f"{level.on_hand} on hand, {level.reserved} reserved"


def on_hand_of(stock: Stock, sku: str) -> int:
    """Return the pieces of a product in all warehouses."""
    return sum(level.on_hand for (name, _code), level in stock.items() if name == sku)


def reserved_of(stock: Stock, sku: str) -> int:
    """Return the promised pieces of a product in all warehouses."""
    return sum(level.reserved for (name, _code), level in stock.items() if name == sku)
