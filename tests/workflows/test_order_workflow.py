"""Orders on the real Temporal server, with relay and worker, from placement to every kind of end."""

from functools import partial

import pytest

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from orders import services
from orders.models import Order, SandboxCharge, SandboxFault, SandboxLabel
from orders.states import Status
from tests.branches import payloads_of
from tests.live import Live, ends, eventually, reaches, run_status
from tests.stories import EAST_ONLY, MAC, PHONE, SOUTH_ONLY, Shop, build_shop
from workflows.orders.contracts import order_workflow_id
from workflows.runtime import client

APPROVE, REJECT = ApprovalDecision.Verdict.APPROVE, ApprovalDecision.Verdict.REJECT


@pytest.fixture
def shop(live: Live) -> Shop:
    """A shop on the module's database, with relay and worker running."""
    return build_shop()


def decide_about(shop: Shop, order: Order, verdict: ApprovalDecision.Verdict) -> None:
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    decide(actor=shop.auditor_actor, request_id=request.pk, verdict=verdict, reason="looked at it")


def declined(order: Order, attempts: int) -> bool:
    return order.payments.filter(state="declined").count() == attempts


def untouched(shop: Shop) -> bool:
    return set(shop.stock().values()) == {(10, 0)}


def test_paid_order_completes(shop: Shop) -> None:
    order = shop.place(PHONE)
    reaches(order, Status.AWAITING_PAYMENT)
    shop.pay(order)
    ends(order, Status.COMPLETED)
    assert shop.stock()[PHONE] == (9, 0)


def test_basket_over_two_warehouses_ships_in_parallel(shop: Shop) -> None:
    order = shop.place(EAST_ONLY, SOUTH_ONLY)
    reaches(order, Status.AWAITING_PAYMENT)
    shop.pay(order)
    ends(order, Status.COMPLETED)
    assert shop.stock()[EAST_ONLY] == shop.stock()[SOUTH_ONLY] == (9, 0)
    assert set(order.shipments.values_list("state", flat=True)) == {"handed_over"}


def test_approved_order_goes_on_to_payment(shop: Shop) -> None:
    order = shop.place(MAC)
    reaches(order, Status.AWAITING_APPROVAL)
    decide_about(shop, order, APPROVE)
    reaches(order, Status.AWAITING_PAYMENT)
    shop.pay(order)
    ends(order, Status.COMPLETED)


def test_rejected_order_gives_everything_back(shop: Shop) -> None:
    order = shop.place(MAC)
    reaches(order, Status.AWAITING_APPROVAL)
    decide_about(shop, order, REJECT)
    ends(order, Status.REJECTED)
    assert untouched(shop)


def test_unpaid_order_is_cancelled_by_the_timer(shop: Shop) -> None:
    order = shop.place(PHONE, payment_deadline_seconds=1)
    ends(order, Status.CANCELLED)
    assert Order.objects.get(pk=order.pk).abort.reason == "payment_deadline"
    assert untouched(shop)


def test_undecided_order_is_cancelled_by_the_timer(shop: Shop) -> None:
    order = shop.place(MAC, approval_deadline_seconds=1)
    ends(order, Status.CANCELLED)
    assert Order.objects.get(pk=order.pk).abort.reason == "approval_deadline"
    assert untouched(shop)


def test_three_declines_end_as_payment_failed(shop: Shop) -> None:
    order = shop.place(PHONE)
    reaches(order, Status.AWAITING_PAYMENT)
    for attempt in range(1, 4):
        shop.pay(order, "tok_declined")
        eventually(partial(declined, order, attempt), what=f"decline {attempt}")
    ends(order, Status.PAYMENT_FAILED)
    assert untouched(shop)


def test_lost_answer_of_the_gateway_charges_once(shop: Shop) -> None:
    order = shop.place(PHONE)
    reaches(order, Status.AWAITING_PAYMENT)
    payment = shop.pay(order, "tok_timeout")
    ends(order, Status.COMPLETED)
    assert SandboxCharge.objects.get(pk=str(payment)).captures == 1


@pytest.mark.parametrize("skus", [(PHONE,), (EAST_ONLY, SOUTH_ONLY)], ids=["one parcel", "two parcels"])
def test_refused_shipment_refunds_and_releases(shop: Shop, skus: tuple[str, ...]) -> None:
    order = shop.place(*skus, carrier="fail")
    reaches(order, Status.AWAITING_PAYMENT)
    payment = shop.pay(order)
    ends(order, Status.REFUNDED)
    assert SandboxCharge.objects.get(pk=str(payment)).refunds == 1
    labels = SandboxLabel.objects.filter(key__in=map(str, order.shipments.values_list("pk", flat=True)))
    assert set(labels.values_list("state", flat=True)) <= {"voided"}
    assert untouched(shop)


def test_order_of_an_earlier_version_that_lacks_stock_ends_at_once(shop: Shop) -> None:
    order = shop.place_without_hold(PHONE, quantity=11)
    ends(order, Status.OUT_OF_STOCK)
    assert untouched(shop)


def test_order_of_an_earlier_version_is_held_and_goes_on(shop: Shop) -> None:
    order = shop.place_without_hold(PHONE)
    reaches(order, Status.AWAITING_PAYMENT)
    shop.pay(order)
    ends(order, Status.COMPLETED)
    assert shop.stock()[PHONE] == (9, 0)


@pytest.mark.parametrize("sku", [PHONE, MAC])
def test_order_that_is_paid_with_its_placement_needs_nothing_else(shop: Shop, sku: str) -> None:
    order = shop.place(sku, payment_token="tok_ok")
    if sku == MAC:
        decide_about(shop, order, APPROVE)
    ends(order, Status.COMPLETED)
    assert SandboxCharge.objects.get(pk=str(order.payments.get().pk)).captures == 1


def test_run_asks_the_rows_for_nothing_before_its_first_wait(shop: Shop) -> None:
    order = shop.place(PHONE)
    eventually(lambda: run_status(order) == "RUNNING", what="the run")
    shop.pay(order)
    ends(order, Status.COMPLETED)
    shown = payloads_of(client.fetch_history(workflow_id=order_workflow_id(order.pk)))
    assert "settle_payment" in shown
    assert "reserve_order_stock" not in shown


@pytest.mark.parametrize("sku", [PHONE, MAC])
def test_cancelled_while_waiting_is_undone(shop: Shop, sku: str) -> None:
    order = shop.place(sku)
    reaches(order, Status.AWAITING_APPROVAL if sku == MAC else Status.AWAITING_PAYMENT)
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    ends(order, Status.CANCELLED)
    assert untouched(shop)


def test_cancelled_while_charging_is_refunded(shop: Shop) -> None:
    order = shop.place(PHONE)
    reaches(order, Status.AWAITING_PAYMENT)
    payment = shop.pay(order, "tok_slow")
    # Before the capture it would be voided instead.
    captured = SandboxCharge.objects.filter(pk=str(payment), state="captured")
    eventually(captured.exists, what="the capture, whose answer takes two seconds")
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    ends(order, Status.CANCELLED)
    assert SandboxCharge.objects.get(pk=str(payment)).state == "refunded"
    assert untouched(shop)


def test_cancel_in_temporal_takes_the_same_path(shop: Shop) -> None:
    order = shop.place(PHONE)
    eventually(lambda: run_status(order) == "RUNNING", what="the run")
    client.cancel_workflow(workflow_id=order_workflow_id(order.pk))
    ends(order, Status.CANCELLED)
    assert Order.objects.get(pk=order.pk).abort.reason == "temporal"
    assert untouched(shop)


def test_transient_failures_of_a_refund_are_retried(shop: Shop) -> None:
    order = shop.place(PHONE, carrier="fail")
    reaches(order, Status.AWAITING_PAYMENT)
    payment = shop.pay(order)
    SandboxFault.objects.create(key=str(payment), operation="refund", remaining=3)
    ends(order, Status.REFUNDED)
    assert untouched(shop)


def test_lasting_failure_of_a_refund_is_parked_and_retried(shop: Shop) -> None:
    order = shop.place(PHONE, carrier="fail")
    reaches(order, Status.AWAITING_PAYMENT)
    payment = shop.pay(order)
    fault = SandboxFault.objects.create(key=str(payment), operation="refund", remaining=-1, lasting=True)
    reaches(order, Status.NEEDS_ATTENTION, within=30)
    parked = order.parked_steps.get()
    assert (parked.step, parked.attempts) == ("refund_payment", 6)
    assert untouched(shop), "the other compensations have run"
    assert run_status(order) == "RUNNING"
    services.request_retry(actor=shop.seller_actor, order_id=order.pk)
    eventually(lambda: order.parked_steps.get().attempts == 12, within=30, what="the second round")
    fault.delete()
    reaches(order, Status.NEEDS_ATTENTION)
    services.request_retry(actor=shop.seller_actor, order_id=order.pk)
    ends(order, Status.REFUNDED)
    assert order.parked_steps.get().resolved_at is not None
    assert SandboxCharge.objects.get(pk=str(payment)).refunds == 1


def test_refused_handover_waits_for_an_operator_and_goes_on(shop: Shop) -> None:
    order = shop.place(EAST_ONLY, SOUTH_ONLY)
    reaches(order, Status.AWAITING_PAYMENT)
    shop.pay(order)
    eventually(lambda: order.shipments.count() == 2, what="the shipments")
    key = str(order.shipments.earliest("id").pk)
    # Once among the other steps, and once alone.
    SandboxFault.objects.create(key=key, operation="hand_over", remaining=2, lasting=True)
    reaches(order, Status.NEEDS_ATTENTION)
    assert sorted(order.shipments.values_list("state", flat=True)) == ["handed_over", "ready"]
    assert order.parked_steps.get().step == f"hand_over:{key}"
    services.request_retry(actor=shop.seller_actor, order_id=order.pk)
    ends(order, Status.COMPLETED)
    assert shop.stock()[EAST_ONLY] == shop.stock()[SOUTH_ONLY] == (9, 0)


def test_no_personal_data_and_a_short_history(shop: Shop) -> None:
    order = shop.place(EAST_ONLY, SOUTH_ONLY)
    reaches(order, Status.AWAITING_PAYMENT)
    shop.pay(order)
    ends(order, Status.COMPLETED)
    history = payloads_of(client.fetch_history(workflow_id=order_workflow_id(order.pk)))
    assert "awaiting_payment" in history
    assert "Li Wei" not in history
    assert shop.seller.email not in history
    assert history.count('"eventId"') <= 100
