"""Every step in every state of an order: what the rows do not call for changes nothing and calls nobody."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.common.clock import database_now
from inventory.models import Reservation
from orders import services
from orders.errors import StepNotAllowedError
from orders.models import Order, OrderAbort, OrderHandover, Payment, SandboxCharge, SandboxLabel
from orders.preconditions import PRECONDITIONS
from orders.states import Status
from orders.steps import Failure
from tests.stories import (
    EAST_ONLY,
    MAC,
    SOUTH_ONLY,
    Shop,
    build_shop,
    charge,
    hand_over,
    label,
    reserve,
    unwind,
    unwind_labels,
    unwind_payment,
)

pytestmark = pytest.mark.django_db

APPROVE, REJECT = ApprovalDecision.Verdict.APPROVE, ApprovalDecision.Verdict.REJECT


def placed(shop: Shop) -> Order:
    """Return an order that an earlier version placed."""
    return shop.place_without_hold(EAST_ONLY, SOUTH_ONLY)


def out_of_stock(shop: Shop) -> Order:
    order = shop.place_without_hold(EAST_ONLY, quantity=1000)
    services.reserve_order_stock(order_id=order.pk)
    return order


def awaiting_approval(shop: Shop) -> Order:
    return shop.place(MAC)


def decided(verdict: ApprovalDecision.Verdict) -> Callable[[Shop], Order]:
    def build(shop: Shop) -> Order:
        order = awaiting_approval(shop)
        request = ApprovalRequest.objects.get(subject_id=order.pk)
        decide(actor=shop.auditor_actor, request_id=request.pk, verdict=verdict, reason="checked by phone")
        return order

    return build


def awaiting_payment(shop: Shop) -> Order:
    return shop.place(EAST_ONLY, SOUTH_ONLY)


def payment_late(shop: Shop) -> Order:
    order = awaiting_payment(shop)
    Order.objects.filter(pk=order.pk).update(payment_deadline=database_now() - timedelta(minutes=1))
    return order


def payment_requested(shop: Shop) -> Order:
    order = awaiting_payment(shop)
    shop.pay(order)
    return order


def charge_sent(shop: Shop) -> Order:
    order = payment_requested(shop)
    services.begin_payment(payment_id=order.payments.get().pk)
    return order


def fulfilling(shop: Shop) -> Order:
    order = payment_requested(shop)
    charge(order.payments.get().pk)
    return order


def label_sent(shop: Shop) -> Order:
    order = fulfilling(shop)
    services.begin_label(shipment_id=order.shipments.all()[0].pk)
    return order


def one_label(shop: Shop) -> Order:
    order = fulfilling(shop)
    label(order.shipments.all()[0].pk)
    return order


def past_the_pivot(shop: Shop) -> Order:
    order = one_label(shop)
    label(order.shipments.filter(state="preparing").get().pk)
    return order


def completed(shop: Shop) -> Order:
    order = past_the_pivot(shop)
    for shipment in order.shipments.all():
        hand_over(shipment.pk)
    return order


def cancelled(build: Callable[[Shop], Order]) -> Callable[[Shop], Order]:
    def built(shop: Shop) -> Order:
        order = build(shop)
        services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
        return order

    return built


def undone(shop: Shop) -> Order:
    order = cancelled(one_label)(shop)
    unwind_labels(order)
    unwind_payment(order)
    services.release_order_stock(order_id=order.pk)
    return order


def closed(shop: Shop) -> Order:
    order = cancelled(one_label)(shop)
    unwind(order)
    return order


def parked(build: Callable[[Shop], Order]) -> Callable[[Shop], Order]:
    def built(shop: Shop) -> Order:
        order = build(shop)
        failure = Failure(step="any", attempts=6, error_code="orders.odd_answer", message="odd")
        services.park_order(order_id=order.pk, failures=[failure])
        return order

    return built


def of_payments(step: Callable[..., object]) -> Callable[[Order], object]:
    return lambda order: [step(payment.pk) for payment in order.payments.all()]


def of_shipments(step: Callable[..., object]) -> Callable[[Order], object]:
    return lambda order: [step(shipment.pk) for shipment in order.shipments.all()]


STEPS: dict[str, Callable[[Order], object]] = {
    "reserve_stock": reserve,
    "apply_decision": lambda order: services.settle_approval(order_id=order.pk),
    "settle_payment": lambda order: services.settle_payment(order_id=order.pk),
    "charge": of_payments(charge),
    "create_label": of_shipments(label),
    "fail_shipment": of_shipments(lambda pk: services.fail_shipment(shipment_id=pk)),
    "hand_over": of_shipments(hand_over),
    "void_label": unwind_labels,
    "refund_payment": unwind_payment,
    "release_stock": lambda order: services.release_order_stock(order_id=order.pk),
    "close_order": lambda order: services.close_order(order_id=order.pk),
    "settle_retry": lambda order: services.settle_retry(order_id=order.pk),
}
# Of each state: what does something there. Nothing else may.
STATES: dict[str, tuple[Callable[[Shop], Order], set[str]]] = {
    "placed": (placed, {"reserve_stock"}),
    "placed, cancelled": (cancelled(placed), {"close_order"}),
    "placed, parked": (parked(placed), set()),
    "out of stock": (out_of_stock, set()),
    "awaiting approval": (awaiting_approval, set()),
    "awaiting approval, cancelled": (cancelled(awaiting_approval), {"release_stock"}),
    "awaiting approval, parked": (parked(awaiting_approval), set()),
    "approved": (decided(APPROVE), {"apply_decision"}),
    "approved, parked": (parked(decided(APPROVE)), set()),
    "rejected": (decided(REJECT), {"apply_decision"}),
    "awaiting payment": (awaiting_payment, set()),
    "awaiting payment, cancelled": (cancelled(awaiting_payment), {"release_stock"}),
    "payment late": (payment_late, {"settle_payment"}),
    "payment late, parked": (parked(payment_late), set()),
    "payment requested": (payment_requested, {"charge"}),
    "payment requested, cancelled": (
        cancelled(payment_requested),
        {"settle_payment", "charge", "release_stock"},
    ),
    "charge sent": (charge_sent, {"charge"}),
    "charge sent, cancelled": (cancelled(charge_sent), {"charge", "release_stock"}),
    "charge sent, parked": (parked(charge_sent), set()),
    "fulfilling": (fulfilling, {"create_label", "fail_shipment"}),
    "fulfilling, cancelled": (
        cancelled(fulfilling),
        {"void_label", "refund_payment", "release_stock"},
    ),
    "fulfilling, parked": (parked(fulfilling), set()),
    "label sent": (label_sent, {"create_label", "fail_shipment"}),
    "label sent, cancelled": (cancelled(label_sent), {"void_label", "refund_payment", "release_stock"}),
    "one label": (one_label, {"create_label", "fail_shipment"}),
    "one label, cancelled": (cancelled(one_label), {"void_label", "refund_payment", "release_stock"}),
    "one label, cancelled, parked": (parked(cancelled(one_label)), set()),
    "past the pivot": (past_the_pivot, {"hand_over"}),
    "past the pivot, parked": (parked(past_the_pivot), set()),
    "undone": (undone, {"close_order"}),
    "closed": (closed, set()),
    "completed": (completed, set()),
}


def rows_of(order: Order) -> list[object]:
    """Return all that a step could change, in the database and at the sandbox's gateway and carrier."""
    queries = (
        Order.objects.filter(pk=order.pk),
        Payment.objects.filter(order=order),
        order.shipments.all(),
        order.events.all(),
        order.parked_steps.all(),
        OrderAbort.objects.filter(order=order),
        OrderHandover.objects.filter(order=order),
        Reservation.objects.filter(owner_id=order.pk),
        ApprovalRequest.objects.filter(subject_id=order.pk),
        SandboxCharge.objects.all(),
        SandboxLabel.objects.all(),
    )
    return [list(query.order_by("pk").values()) for query in queries]


def take(step: str, order: Order) -> None:
    with suppress(StepNotAllowedError):
        STEPS[step](order)


@pytest.mark.parametrize("state", STATES)
def test_step_does_something_where_the_rows_call_for_it_and_nowhere_else(state: str) -> None:
    build, effective = STATES[state]
    shop = build_shop(stock=100)
    order = build(shop)
    before = rows_of(order)
    stock = shop.stock()
    for step in sorted(STEPS.keys() - effective):
        take(step, order)
        assert rows_of(order) == before, step
    assert shop.stock() == stock
    for step in sorted(effective):
        other = build(shop)
        before = rows_of(other)
        take(step, other)
        assert rows_of(other) != before, step


def test_no_step_of_a_parked_order_is_allowed_before_its_retry() -> None:
    assert all(Status.NEEDS_ATTENTION not in needed.statuses for needed in PRECONDITIONS.values())


def test_refusal_says_what_is_allowed() -> None:
    order = completed(build_shop())
    with pytest.raises(StepNotAllowedError) as refused:
        services.begin_refund(order_id=order.pk)
    assert refused.value.details == {
        "step": "refund_payment",
        "phase": "handed over",
        "status": "completed",
        "allowed_phases": ["aborted"],
        "allowed_statuses": ["awaiting_payment", "fulfilling"],
        "left": "",
    }


@pytest.mark.parametrize(
    ("build", "left"),
    [(awaiting_payment, "stock"), (fulfilling, "payment"), (charge_sent, "payment"), (label_sent, "payment")],
)
def test_order_is_not_closed_before_all_is_undone(build: Callable[[Shop], Order], left: str) -> None:
    order = cancelled(build)(build_shop())
    with pytest.raises(StepNotAllowedError) as refused:
        services.close_order(order_id=order.pk)
    assert refused.value.details["left"] == left


def test_order_with_a_label_that_may_exist_is_not_closed() -> None:
    order = cancelled(label_sent)(build_shop())
    unwind_payment(order)
    with pytest.raises(StepNotAllowedError) as refused:
        services.close_order(order_id=order.pk)
    assert refused.value.details["left"] == "label"


def test_parcel_has_not_left_while_another_one_has_no_label() -> None:
    order = fulfilling(build_shop())
    first = order.shipments.order_by("pk")[0]
    label(first.pk)
    with pytest.raises(StepNotAllowedError) as refused:
        services.record_shipment_handover(shipment_id=first.pk)
    assert refused.value.details["step"] == "hand_over"
    first.refresh_from_db()
    assert first.state == "ready"
