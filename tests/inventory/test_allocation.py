"""Which warehouse serves what, for every small stock there can be."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.allocation import Share, Shelf, allocate, find_shortages

pytestmark = pytest.mark.pure

PRODUCTS = [UUID(int=number) for number in range(1, 5)]
WAREHOUSES = [UUID(int=number) for number in range(101, 105)]


def shelf(product: int, warehouse: int, available: int, *, priority: int | None = None) -> Shelf:
    """Return a shelf; the warehouse's number is its priority unless said otherwise."""
    return Shelf(
        stock_level_id=product * 10 + warehouse,
        product_id=PRODUCTS[product],
        warehouse_id=WAREHOUSES[warehouse],
        warehouse_code=f"W{warehouse}",
        priority=warehouse if priority is None else priority,
        available=available,
    )


def taken(shares: list[Share]) -> list[tuple[str, int, int]]:
    """Return (warehouse, product number, quantity) of each share."""
    return [
        (share.shelf.warehouse_code, PRODUCTS.index(share.shelf.product_id), share.quantity)
        for share in shares
    ]


def test_one_warehouse_can_serve_all_it_serves_all_despite_lower_priority() -> None:
    shelves = [shelf(0, 0, 5), shelf(1, 0, 0), shelf(0, 1, 2), shelf(1, 1, 1)]
    assert taken(allocate(wants={PRODUCTS[0]: 2, PRODUCTS[1]: 1}, shelves=shelves)) == [
        ("W1", 0, 2),
        ("W1", 1, 1),
    ]


def test_no_warehouse_can_serve_all_each_product_is_split_by_priority() -> None:
    shelves = [shelf(0, 1, 9), shelf(0, 0, 2), shelf(1, 1, 1)]
    assert taken(allocate(wants={PRODUCTS[0]: 10, PRODUCTS[1]: 1}, shelves=shelves)) == [
        ("W0", 0, 2),
        ("W1", 0, 8),
        ("W1", 1, 1),
    ]


def test_equal_priorities_the_code_decides() -> None:
    shelves = [shelf(0, 1, 5, priority=7), shelf(0, 0, 5, priority=7)]
    assert taken(allocate(wants={PRODUCTS[0]: 1}, shelves=shelves)) == [("W0", 0, 1)]


def test_too_little_every_short_product_is_named() -> None:
    shortages = find_shortages(
        wants={PRODUCTS[0]: 3, PRODUCTS[1]: 1, PRODUCTS[2]: 1},
        shelves=[shelf(0, 0, 1), shelf(0, 1, 1), shelf(1, 0, 1)],
    )
    assert [(short.product_id, short.requested, short.available) for short in shortages] == [
        (PRODUCTS[0], 3, 2),
        (PRODUCTS[2], 1, 0),
    ]


@st.composite
def stocks(draw: st.DrawFn) -> tuple[dict[UUID, int], list[Shelf]]:
    """Return wants and the shelves that there are for them."""
    wanted = draw(st.lists(st.sampled_from(range(4)), min_size=1, unique=True))
    wants = {PRODUCTS[number]: draw(st.integers(1, 6)) for number in wanted}
    priorities = [draw(st.integers(0, 2)) for _ in WAREHOUSES]
    places = draw(st.lists(st.tuples(st.sampled_from(wanted), st.sampled_from(range(4))), unique=True))
    return wants, [
        shelf(product, warehouse, draw(st.integers(0, 6)), priority=priorities[warehouse])
        for product, warehouse in places
    ]


@given(stocks())
def test_any_stock_is_shared_out_exactly_or_is_short(stock: tuple[dict[UUID, int], list[Shelf]]) -> None:
    """Nothing is invented or lost, no shelf gives more than it has, and the preference holds."""
    wants, shelves = stock
    total = {
        product: sum(shelf.available for shelf in shelves if shelf.product_id == product) for product in wants
    }
    shortages = find_shortages(wants=wants, shelves=shelves)
    assert {short.product_id for short in shortages} == {p for p in wants if total[p] < wants[p]}
    if shortages:
        return
    shares = allocate(wants=wants, shelves=shelves)
    for product, quantity in wants.items():
        assert sum(share.quantity for share in shares if share.shelf.product_id == product) == quantity
    assert all(0 < share.quantity <= share.shelf.available for share in shares)
    assert len({share.shelf.stock_level_id for share in shares}) == len(shares)
    able = _able_to_serve_all(wants, shelves)
    if able:
        assert {share.shelf.warehouse_id for share in shares} == {able[0]}
    else:
        _assert_better_shelves_are_empty(shares, shelves)


def _able_to_serve_all(wants: dict[UUID, int], shelves: list[Shelf]) -> list[UUID]:
    ranks = {shelf.warehouse_id: (shelf.priority, shelf.warehouse_code) for shelf in shelves}
    has = {(shelf.warehouse_id, shelf.product_id): shelf.available for shelf in shelves}
    able = [w for w in ranks if all(has.get((w, product), 0) >= wants[product] for product in wants)]
    return sorted(able, key=lambda warehouse: ranks[warehouse])


def _assert_better_shelves_are_empty(shares: list[Share], shelves: list[Shelf]) -> None:
    given_away = {share.shelf.stock_level_id: share.quantity for share in shares}
    for share in shares:
        used = share.shelf
        better = [
            other
            for other in shelves
            if other.product_id == used.product_id
            and (other.priority, other.warehouse_code) < (used.priority, used.warehouse_code)
        ]
        assert all(given_away.get(other.stock_level_id, 0) == other.available for other in better)
