"""A cancel that meets a step which is being parked: it is carried out, without an operator's retry."""

import pytest

from orders import services
from orders.models import Order
from orders.states import Status
from orders.steps import Failure, Next, Step
from tests.stories import PHONE, Shop, build_shop, charge, unwind

pytestmark = pytest.mark.django_db
FAILURE = Failure(step="create_label", attempts=6, error_code="orders.adapter_failed", message="no")


@pytest.fixture
def shop() -> Shop:
    """A shop of its own."""
    return build_shop()


@pytest.fixture
def order(shop: Shop) -> Order:
    """A paid order whose label is asked for."""
    order = shop.place(PHONE)
    charge(shop.pay(order))
    services.begin_label(shipment_id=order.shipments.get().pk)
    return order


def park(order: Order, *, forward: bool = True) -> Step:
    return services.park_order(order_id=order.pk, failures=[FAILURE], forward=forward)


def is_asked_at_once(step: Step) -> bool:
    """Tell whether the process reads the rows without waiting for somebody to wake it."""
    return step.next == Next.ATTENTION and step.deadline is not None


def retried(order: Order) -> Next:
    return services.settle_retry(order_id=order.pk).next


def test_control_step_of_an_order_that_is_wanted_waits_for_an_operator(order: Order) -> None:
    assert not is_asked_at_once(park(order))
    assert retried(order) == Next.ATTENTION


def test_cancel_during_the_last_try_is_carried_out(shop: Shop, order: Order) -> None:
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    assert is_asked_at_once(park(order))
    assert is_asked_at_once(park(order)), "the answer was lost, and the step is taken again"
    assert retried(order) == Next.RETRY
    assert unwind(order).status == Status.CANCELLED


def test_second_failure_after_the_cancel_waits_for_an_operator(shop: Shop, order: Order) -> None:
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    park(order)
    assert retried(order) == Next.RETRY
    assert not is_asked_at_once(park(order))
    assert retried(order) == Next.ATTENTION


def test_cancel_of_what_is_parked_is_one_retry_and_not_two(shop: Shop, order: Order) -> None:
    park(order)
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    assert retried(order) == Next.RETRY
    assert not is_asked_at_once(park(order))


def test_undoing_that_fails_waits_for_an_operator(shop: Shop, order: Order) -> None:
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    assert not is_asked_at_once(park(order, forward=False))
    assert retried(order) == Next.ATTENTION
