"""Stock before and after a scenario."""

import pytest

from orders.demo.stock import Level, compare_stock, on_hand_of, read_stock, reserved_of

pytestmark = pytest.mark.pure
SHA, CAN = ("iPhone15", "SHA"), ("iPhone15", "CAN")


def test_exactly_what_was_shipped_is_missing_no_problem() -> None:
    before = {SHA: Level(on_hand=5, reserved=1), CAN: Level(on_hand=3, reserved=0)}
    after = {SHA: Level(on_hand=4, reserved=1), CAN: Level(on_hand=3, reserved=0)}
    assert compare_stock(before, after, shipped={SHA: 1}) == []


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (Level(on_hand=5, reserved=0), "5 on hand, 0 reserved"),
        (Level(on_hand=3, reserved=0), "3 on hand, 0 reserved"),
        (Level(on_hand=4, reserved=1), "4 on hand, 1 reserved"),
    ],
    ids=["not shipped", "shipped twice", "still reserved"],
)
def test_other_stock_than_shipped_is_told(now: Level, told: str) -> None:
    (problem,) = compare_stock({SHA: Level(on_hand=5, reserved=0)}, {SHA: now}, shipped={SHA: 1})
    assert "iPhone15 in SHA" in problem.what
    assert (problem.expected, problem.actual) == ("4 on hand, 0 reserved", told)


def test_shelf_that_no_order_touched_must_not_change() -> None:
    other = ("MacPro", "CAN")
    before = {SHA: Level(on_hand=5, reserved=0), other: Level(on_hand=2, reserved=0)}
    after = {SHA: Level(on_hand=4, reserved=0), other: Level(on_hand=1, reserved=0)}
    (problem,) = compare_stock(before, after, shipped={SHA: 1})
    assert "MacPro in CAN" in problem.what


def test_shelf_that_disappeared_is_told() -> None:
    (problem,) = compare_stock({SHA: Level(on_hand=1, reserved=0)}, {}, shipped={})
    assert problem.actual == "no such shelf"


def test_pieces_are_added_up_over_warehouses() -> None:
    rows = [
        {"sku": "iPhone15", "warehouse": "SHA", "on_hand": 5, "reserved": 2, "available": 3},
        {"sku": "iPhone15", "warehouse": "CAN", "on_hand": 3, "reserved": 1, "available": 2},
        {"sku": "MacPro", "warehouse": "CAN", "on_hand": 9, "reserved": 9, "available": 0},
    ]
    stock = read_stock(rows)
    assert (on_hand_of(stock, "iPhone15"), reserved_of(stock, "iPhone15")) == (8, 3)
