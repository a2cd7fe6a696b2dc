"""Gateways and carriers that answer nonsense: the order is parked with a reason, and its cancel ends."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar

import pytest
from pytest_django import Settings

from orders import outside, services
from orders.models import Order
from orders.outside import OddAnswerError, OutsideFailedError
from orders.ports import Label, Parcel
from orders.sandbox.carrier import SandboxCarrier
from orders.states import TERMINAL, Status
from tests.chaos.books import disagreements
from tests.live import Live, eventually, reaches, status_of
from tests.orders import odd
from tests.stories import PHONE, Shop, build_shop
from tests.verify.conftest import run
from workflows.runtime.policies import ATTEMPTS

# One of each kind; `tests/orders/test_outside.py` has them all.
NONSENSE = ("none", "value_error", "exit", "application_error", "pending", "other_amount")
# The next try looks the charge up, is told the truth and goes on.
ONCE = [
    *(f"odd:{operation}:{name}" for operation in ("authorise", "capture") for name in NONSENSE),
    *(f"odd:any:{name}" for name in odd.TEXTS),
]
FOR_GOOD = [f"odd:any:{name}" for name in NONSENSE]
NO_LABEL = [f"odd:create_label:{name}" for name in ("none", "value_error", "exit", *odd.EMPTY_LABEL)]
ODD_LABEL = [f"odd:create_label:{name}" for name in odd.LABELS]
REFUND_ONCE = [f"odd:refund:{name}" for name in NONSENSE]
NO_REFUND = [f"odd:unwind:{name}" for name in NONSENSE]
CODES = {OddAnswerError.code, OutsideFailedError.code}
PATIENCE = 150.0


@pytest.fixture
def shop(live: Live, settings: Settings) -> Iterator[Shop]:
    """A shop whose gateway and carrier are odd until they are healed."""
    settings.PAYMENT_GATEWAY, settings.CARRIER = "tests.orders.odd.OddGateway", "tests.orders.odd.OddCarrier"
    outside.payment_gateway.cache_clear()
    outside.carrier.cache_clear()
    odd.heal(healed=False)
    yield build_shop(stock=200)
    odd.heal()
    outside.payment_gateway.cache_clear()
    outside.carrier.cache_clear()


def paid(shop: Shop, cases: list[str], *, carrier: str | None = None) -> dict[str, Order]:
    """Place and pay one order for each case, which is the token, or without `carrier` its mode."""
    orders = {case: shop.place(PHONE, carrier=carrier or case) for case in cases}
    for case, order in orders.items():
        reaches(order, Status.AWAITING_PAYMENT)
        shop.pay(order, token=case if carrier else "tok_ok")
    return orders


def all_come_to(orders: dict[str, Order], status: Status) -> None:
    """Wait until each order is in `status`."""
    left = dict(orders)
    deadline = time.monotonic() + PATIENCE
    while left:
        found = {case: status_of(order) for case, order in left.items()}
        left = {case: order for case, order in left.items() if found[case] != status}
        wrong = {case: found[case] for case in left}
        assert time.monotonic() < deadline, wrong
        assert not set(wrong.values()) & (TERMINAL - {status}), wrong
        time.sleep(0.1)


def assert_told(orders: dict[str, Order]) -> None:
    """Each has one parked step with a reason, and nothing that must stay secret."""
    for case, order in orders.items():
        step = order.parked_steps.get(resolved_at__isnull=True)
        assert step.error_code in CODES, (case, step.error_code)
        assert step.attempts == ATTEMPTS, (case, step.attempts)
        assert step.message, case
        assert odd.CARD not in step.message
        assert odd.SECRET not in step.message


def cancelled(shop: Shop, orders: dict[str, Order]) -> None:
    """Cancel each order."""
    for order in orders.values():
        services.cancel_order(actor=shop.seller_actor, order_id=order.pk)


def test_one_odd_answer_is_looked_up_and_the_order_goes_on(shop: Shop) -> None:
    before = shop.stock()
    orders = paid(shop, ONCE, carrier="ok") | paid(shop, ODD_LABEL)
    all_come_to(orders, Status.COMPLETED)
    assert run("verify", "--grace=0").violated() == set()
    assert disagreements(shop, before, *orders.values()) == []


def test_nonsense_for_good_parks_the_order_and_a_cancel_ends_it_once_the_gateway_is_well(shop: Shop) -> None:
    before = shop.stock()
    orders = paid(shop, FOR_GOOD, carrier="ok") | paid(shop, NO_LABEL)
    all_come_to(orders, Status.NEEDS_ATTENTION)
    assert_told(orders)
    assert run("verify", "--grace=0").violated() == set()
    odd.heal()
    cancelled(shop, orders)
    all_come_to(orders, Status.CANCELLED)
    assert run("verify", "--grace=0").violated() == set()
    assert disagreements(shop, before, *orders.values()) == []


def test_cancel_under_nonsense_parks_again_and_says_so(shop: Shop) -> None:
    before = shop.stock()
    orders = paid(shop, ["odd:any:pending", "odd:any:exit"], carrier="ok")
    all_come_to(orders, Status.NEEDS_ATTENTION)
    cancelled(shop, orders)
    for order in orders.values():
        eventually(partial(_parked_twice, order))
    assert_told(orders)
    odd.heal()
    for order in orders.values():
        services.request_retry(actor=shop.seller_actor, order_id=order.pk)
    all_come_to(orders, Status.CANCELLED)
    assert disagreements(shop, before, *orders.values()) == []


def _parked_twice(order: Order) -> bool:
    return order.events.filter(kind="parked").count() == 2


class CancellingCarrier(SandboxCarrier):
    """Makes no label; during the last try somebody cancels the order."""

    tries = 0
    cancel: ClassVar[Callable[[], object]]

    def create_label(self, parcel: Parcel) -> Label:
        """Fail."""
        CancellingCarrier.tries += 1
        if CancellingCarrier.tries == ATTEMPTS:
            CancellingCarrier.cancel()
        raise ValueError("no label")


def test_cancel_during_the_last_try_of_a_step_is_carried_out(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shop.stock()
    settings.CARRIER = f"{__name__}.CancellingCarrier"
    (order,) = paid(shop, ["ok"], carrier="ok").values()
    monkeypatch.setattr(CancellingCarrier, "cancel", partial(cancelled, shop, {"": order}), raising=False)
    all_come_to({"cancelled": order}, Status.CANCELLED)
    assert CancellingCarrier.tries == ATTEMPTS
    assert disagreements(shop, before, order) == []


def test_refund_is_booked_only_when_the_gateway_says_refunded(shop: Shop) -> None:
    """The carrier takes none of these, so all are paid back."""
    before = shop.stock()
    once, never = paid(shop, REFUND_ONCE, carrier="fail"), paid(shop, NO_REFUND, carrier="fail")
    all_come_to(once, Status.REFUNDED)
    all_come_to(never, Status.NEEDS_ATTENTION)
    assert_told(never)
    assert run("verify", "--grace=0").violated() == set()
    odd.heal()
    for order in never.values():
        services.request_retry(actor=shop.seller_actor, order_id=order.pk)
    all_come_to(never, Status.REFUNDED)
    assert run("verify", "--grace=0").violated() == set()
    assert disagreements(shop, before, *once.values(), *never.values()) == []
