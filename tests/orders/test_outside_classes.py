"""Answers and errors of classes that a gateway's adapter wrote itself: what these claim is not believed."""

import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from holo.common.money import Money
from orders.outside import CheckedCarrier, OddAnswerError, OutsideFailedError
from orders.ports import ChargeState, Label
from tests.orders.odd import CARD, SECRET
from tests.orders.test_outside import PARCEL, Gateway, asked, said

pytestmark = pytest.mark.pure


class Restless(ChargeState):
    """A state that is another one each time it is read."""

    __slots__ = ("_states",)

    def __init__(self, states: Iterator[str]) -> None:
        """Be like the right answer but for the state."""
        super().__init__(state="captured", amount=said("captured").amount, reference="ref")
        object.__setattr__(self, "_states", states)

    def __getattribute__(self, name: str) -> Any:
        return next(self._states) if name == "state" else object.__getattribute__(self, name)


class Agreeing(str):
    """A text that is equal to any other."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("captured")


class AgreeingMoney(Money):
    """An amount that is equal to any other."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True


def test_state_is_read_once() -> None:
    assert asked("lookup", lambda: Restless(iter(["captured", "pending", "pending"]))).state == "captured"
    with pytest.raises(OddAnswerError, match="answered the state “pending”"):
        asked("lookup", lambda: Restless(iter(["pending", "captured", "captured"])))


def test_text_that_claims_to_be_an_allowed_state_is_none() -> None:
    with pytest.raises(OddAnswerError, match="answered the state “pending”"):
        asked("lookup", lambda: said(Agreeing("pending")))


def test_allowed_state_of_another_text_class_becomes_plain_text() -> None:
    assert type(asked("lookup", lambda: said(Agreeing("captured"))).state) is str


def test_amount_that_claims_to_be_the_one_asked_for_is_not() -> None:
    with pytest.raises(OddAnswerError, match="answered 1 minor units of EUR"):
        asked("lookup", lambda: said("captured", amount=AgreeingMoney(minor=1, currency="EUR")))


class _Nameless(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise ValueError(f"card {CARD} with {SECRET}")


class NamelessError(Exception, metaclass=_Nameless):
    """An error whose class has no name."""


class ClasslessError(Exception):
    """An error that does not say which class it is of."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise ValueError(f"card {CARD} with {SECRET}")


class TracelessError(Exception):
    """An error that does not say where it was raised."""

    @property
    def __traceback__(self) -> Any:  # type: ignore[override]
        raise ValueError(f"card {CARD} with {SECRET}")


ERRORS: dict[str, type[Exception]] = {
    "name": NamelessError,
    "class": ClasslessError,
    "traceback": TracelessError,
}


@pytest.mark.parametrize("missing", ERRORS)
def test_error_that_fails_when_it_is_looked_at_goes_on_without_its_text(missing: str) -> None:
    def fail() -> None:
        raise ERRORS[missing](f"card {CARD} with {SECRET}")

    with pytest.raises(OutsideFailedError, match=r"refund failed: .*Error: card") as raised:
        asked("refund", fail)
    shown = "".join(traceback.format_exception(raised.value))
    assert CARD not in shown
    assert SECRET not in shown


def test_refusal_that_the_adapter_raises_in_our_name_goes_on_without_its_text() -> None:
    def fail() -> None:
        raise OddAnswerError(f"card {CARD} " + "x" * 1000)

    with pytest.raises(OddAnswerError, match=r"card \[card number\] x+$") as raised:
        asked("refund", fail)
    assert len(str(raised.value)) == 300


def test_name_of_a_class_is_cleaned_and_cut() -> None:
    answer = type("A\u202e\n" + "a" * 1000, (), {})
    with pytest.raises(OddAnswerError, match=r"refund answered A a{78} instead of"):
        asked("refund", answer)


@pytest.mark.parametrize("number", ["7412003450129", "772203456789011", "4312345678903"])
def test_numbers_of_a_carrier_that_pass_for_a_card_stay(number: str) -> None:
    label = CheckedCarrier(Gateway(lambda: Label(reference=number, tracking_number=number))).create_label(
        PARCEL
    )
    assert (label.reference, label.tracking_number) == (number, number)
