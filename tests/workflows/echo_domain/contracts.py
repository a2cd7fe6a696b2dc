"""Values of every kind that a contract may hold."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel


class Colour(StrEnum):
    """An enumeration."""

    RED = "red"
    BLUE = "blue"


class Leaf(BaseModel, frozen=True):
    """What is nested."""

    amount: Decimal
    colour: Colour
    note: str | None = None


class Tree(BaseModel, frozen=True):
    """What crosses."""

    id: UUID
    at: datetime
    day: date
    span: timedelta
    leaf: Leaf
    leaves: tuple[Leaf, ...]
    named: dict[str, list[Leaf]]
    missing: Leaf | None = None
    number: int = 0


def example() -> Tree:
    """Return a tree with a value of each kind."""
    leaf = Leaf(amount=Decimal("12345678901234567890.123456789"), colour=Colour.BLUE)
    return Tree(
        id=UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
        at=datetime(2026, 11, 27, 9, 46, 40, 123456, tzinfo=UTC),
        day=date(2026, 2, 28),
        span=timedelta(days=1, microseconds=1),
        leaf=leaf,
        leaves=(leaf, Leaf(amount=Decimal("0.10"), colour=Colour.RED, note="¥ \u0000 ½")),
        named={"a": [leaf], "b": []},
    )


class Mode(StrEnum):
    """What the workflow does with it."""

    ECHO = "echo"
    WRONG_ARGUMENT = "wrong argument"
    WRONG_RESULT = "wrong result"


class Activity:
    """Names of the activities."""

    ECHO = "echo"
    ECHO_LIST = "echo_list"
    WRONG = "wrong"
