"""The steps of an order on a real database, one by one, without Temporal."""

from dataclasses import replace

import pytest

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.audit.models import AuditEvent
from holo.common.clock import database_now
from holo.common.errors import NotFoundError
from holo.common.money import Money
from holo.identity.models import Membership
from holo.outbox.models import OutboxMessage
from inventory.errors import UnknownSkuError
from inventory.models import Reservation
from orders import services
from orders.admin.words import event_detail
from orders.errors import (
    AmountMismatchError,
    ClientRefTakenError,
    NotCancellableError,
    NotParkedError,
    NotPayableError,
    PaymentDeadlinePassedError,
    PaymentOpenError,
)
from orders.models import Order, OrderHandover, SandboxCharge, SandboxLabel
from orders.outside import CheckedGateway
from orders.sandbox.gateway import SandboxGateway
from orders.services.placing import Placement, WantedLine
from orders.settlement import settle_charge
from orders.states import Status
from orders.steps import Failure, Next
from tests.planting import plant_in
from tests.stories import (
    EAST_ONLY,
    MAC,
    PHONE,
    SOUTH_ONLY,
    Shop,
    actor_of,
    build_person,
    build_shop,
    charge,
    hand_over,
    label,
    reserve,
    unwind,
)

pytestmark = pytest.mark.django_db

APPROVE, REJECT = ApprovalDecision.Verdict.APPROVE, ApprovalDecision.Verdict.REJECT


@pytest.fixture
def shop() -> Shop:
    """A shop with ten of everything."""
    return build_shop()


def request_of(order: Order) -> ApprovalRequest:
    return ApprovalRequest.objects.get(subject_id=order.pk)


def status_of(order: Order) -> str:
    order.refresh_from_db()
    return order.status


def kinds_of(order: Order) -> list[str]:
    return list(order.events.values_list("kind", flat=True))


def test_paid_order_is_shipped_and_completed(shop: Shop) -> None:
    order = shop.place(PHONE)
    payment = shop.pay(order)
    assert services.settle_payment(order_id=order.pk).payment_id == payment
    step = charge(payment)
    assert step.next == Next.SHIPPING
    assert len(step.shipment_ids) == 1
    labelled = label(step.shipment_ids[0])
    assert (labelled.next, labelled.shipment_ids) == (Next.HANDOVER, step.shipment_ids)
    done = hand_over(step.shipment_ids[0])
    assert (done.next, done.status) == (Next.DONE, Status.COMPLETED)
    assert shop.stock()[PHONE] == (9, 0)
    assert kinds_of(order) == [
        "placed",
        "stock_reserved",
        "payment_requested",
        "payment_captured",
        "shipment_ready",
        "handover_begun",
        "shipment_handed_over",
        "completed",
    ]
    assert list(order.events.values_list("version", flat=True)) == list(range(1, 9))


def test_every_step_repeated_changes_nothing(shop: Shop) -> None:
    order = shop.place_without_hold(PHONE)
    first = reserve(order)
    again = reserve(order)
    assert again == replace(first, deadline=again.deadline)
    payment = shop.pay(order)
    step = charge(payment)
    assert charge(payment) == step
    assert label(step.shipment_ids[0]) == label(step.shipment_ids[0])
    assert hand_over(step.shipment_ids[0]) == hand_over(step.shipment_ids[0])
    assert shop.stock()[PHONE] == (9, 0)
    assert SandboxCharge.objects.get(pk=str(payment)).captures == 1
    assert len(kinds_of(order)) == len(set(kinds_of(order)))


def test_basket_over_two_warehouses_makes_two_shipments(shop: Shop) -> None:
    order = shop.place(EAST_ONLY, SOUTH_ONLY)
    step = charge(shop.pay(order))
    first, second = step.shipment_ids
    assert label(first).next == Next.SHIPPING
    assert not OrderHandover.objects.filter(order=order).exists()
    labelled = label(second)
    assert (labelled.next, set(labelled.shipment_ids)) == (Next.HANDOVER, {first, second})
    assert label(first) == labelled
    assert hand_over(first).next == Next.HANDOVER
    assert status_of(order) == Status.FULFILLING
    assert hand_over(second).next == Next.DONE
    assert status_of(order) == Status.COMPLETED
    assert hand_over(first).next == Next.DONE


def test_walk_from_the_top_asks_at_once(shop: Shop) -> None:
    """A step that was taken before cannot tell what has happened since, so its wait is over already."""
    order = shop.place_without_hold(PHONE)
    first, again = reserve(order), reserve(order)
    assert first.deadline is not None
    assert again.deadline is not None
    assert first.deadline > database_now() >= again.deadline
    decided = shop.place(MAC)
    decide(actor=shop.auditor_actor, request_id=request_of(decided).pk, verdict=APPROVE)
    applied = services.settle_approval(order_id=decided.pk)
    repeated = services.settle_approval(order_id=decided.pk)
    assert applied.next == repeated.next == Next.PAYMENT
    assert applied.deadline is not None
    assert repeated.deadline is not None
    assert applied.deadline > database_now() >= repeated.deadline


def test_parcel_whose_process_failed_after_its_label_goes_on(shop: Shop) -> None:
    order = shop.place(EAST_ONLY, SOUTH_ONLY)
    first, second = charge(shop.pay(order)).shipment_ids
    label(first)
    assert services.fail_shipment(shipment_id=first).next == Next.SHIPPING
    assert label(second).next == Next.HANDOVER
    assert services.fail_shipment(shipment_id=second).next == Next.HANDOVER


def test_too_large_an_order_of_an_earlier_version_is_out_of_stock_and_holds_nothing(shop: Shop) -> None:
    order = shop.place_without_hold(PHONE, quantity=11)
    assert reserve(order).next == Next.DONE
    assert status_of(order) == Status.OUT_OF_STOCK
    assert shop.stock()[PHONE] == (10, 0)
    assert not Reservation.objects.exists()
    shortage = order.events.get(kind="out_of_stock").data["shortages"]
    assert shortage == [{"sku": PHONE, "requested": 11, "available": 10}]


def test_large_order_waits_for_approval_then_payment(shop: Shop) -> None:
    order = shop.place(MAC)
    step = reserve(order)
    assert step.next == Next.APPROVAL
    request = request_of(order)
    assert request.reasons == [{"rule": "order total", "measured": "¥20,000.00", "threshold": "¥10,000.00"}]
    assert request.contributors == [shop.seller.pk]
    assert services.settle_approval(order_id=order.pk).next == Next.APPROVAL
    decide(actor=shop.auditor_actor, request_id=request.pk, verdict=APPROVE)
    assert request_of(order).applied_at is None
    expiry = Reservation.objects.get(owner_id=order.pk).expires_at
    step = services.settle_approval(order_id=order.pk)
    assert step.next == Next.PAYMENT
    assert request_of(order).applied_at is not None
    assert status_of(order) == Status.AWAITING_PAYMENT
    assert Reservation.objects.get(owner_id=order.pk).expires_at != expiry
    assert order.events.get(kind="approved").actor_label == f"user:{shop.auditor.pk}"


def test_rejected_order_gives_its_stock_back(shop: Shop) -> None:
    order = shop.place(MAC)
    decide(actor=shop.auditor_actor, request_id=request_of(order).pk, verdict=REJECT, reason="too dear")
    assert services.settle_approval(order_id=order.pk).next == Next.UNWIND
    assert unwind(order).status == Status.REJECTED
    assert shop.stock()[MAC] == (10, 0)


def test_approval_past_its_deadline_cancels(shop: Shop) -> None:
    order = shop.place(MAC, approval_deadline_seconds=0)
    assert services.settle_approval(order_id=order.pk).next == Next.UNWIND
    unwind(order)
    assert status_of(order) == Status.CANCELLED
    assert order.abort.reason == "approval_deadline"
    assert request_of(order).state == "expired"


def test_unpaid_order_is_cancelled_at_its_deadline(shop: Shop) -> None:
    order = shop.place(PHONE, payment_deadline_seconds=0)
    with pytest.raises(PaymentDeadlinePassedError):
        shop.pay(order)
    assert services.settle_payment(order_id=order.pk).next == Next.UNWIND
    with pytest.raises(NotPayableError):
        shop.pay(order)
    unwind(order)
    assert order.abort.reason == "payment_deadline"
    assert shop.stock()[PHONE] == (10, 0)


def test_payment_committed_in_time_is_honoured_after_the_deadline(shop: Shop) -> None:
    order = shop.place(PHONE)
    payment = shop.pay(order)
    order.refresh_from_db()
    order.payment_deadline = order.created_at
    order.save(update_fields=["payment_deadline"])
    assert services.settle_payment(order_id=order.pk).payment_id == payment


def test_third_decline_ends_as_payment_failed(shop: Shop) -> None:
    order = shop.place(PHONE)
    assert charge(shop.pay(order, "tok_declined")).next == Next.PAYMENT
    assert charge(shop.pay(order, "tok_declined")).next == Next.PAYMENT
    assert charge(shop.pay(order, "tok_declined")).next == Next.UNWIND
    unwind(order)
    assert status_of(order) == Status.PAYMENT_FAILED
    assert shop.stock()[PHONE] == (10, 0)


def test_second_payment_while_one_is_open_or_captured_is_refused(shop: Shop) -> None:
    order = shop.place(PHONE)
    payment = shop.pay(order)
    with pytest.raises(PaymentOpenError):
        shop.pay(order)
    charge(payment)
    with pytest.raises(PaymentOpenError):
        shop.pay(order)
    assert order.payments.count() == 1


def test_lost_answer_is_looked_up_and_charged_once(shop: Shop) -> None:
    order = shop.place(PHONE)
    payment = shop.pay(order, "tok_timeout")
    assert charge(payment).next == Next.SHIPPING
    books = SandboxCharge.objects.get(pk=str(payment))
    assert (books.state, books.captures) == ("captured", 1)


def test_refused_shipment_is_voided_refunded_and_released(shop: Shop) -> None:
    order = shop.place(EAST_ONLY, SOUTH_ONLY)
    payment = shop.pay(order)
    first, second = charge(payment).shipment_ids
    label(first)
    plant_in(order, sandbox={"carrier": "fail"})
    assert label(second).next == Next.UNWIND
    assert unwind(order).status == Status.REFUNDED
    assert SandboxLabel.objects.get(pk=str(first)).state == "voided"
    assert not SandboxLabel.objects.filter(pk=str(second)).exists()
    assert SandboxCharge.objects.get(pk=str(payment)).state == "refunded"
    assert sorted(order.shipments.values_list("state", flat=True)) == ["refused", "voided"]
    said = order.events.get(kind="shipment_refused").data
    assert said["refusal"] == "the address is out of the carrier's area"
    assert said["refusal"] in event_detail(said)
    assert shop.stock()[EAST_ONLY] == shop.stock()[SOUTH_ONLY] == (10, 0)


def test_cancel_before_capture_withdraws_the_payment(shop: Shop) -> None:
    order = shop.place(PHONE)
    payment = shop.pay(order)
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    assert services.settle_payment(order_id=order.pk).next == Next.UNWIND
    unwind(order)
    assert status_of(order) == Status.CANCELLED
    assert order.payments.get().state == "withdrawn"
    assert not SandboxCharge.objects.filter(pk=str(payment)).exists()


def test_cancel_before_the_charge_is_sent_withdraws_it(shop: Shop) -> None:
    """The process has decided to charge and waits for a free slot; the cancel comes first."""
    order = shop.place(PHONE)
    payment = shop.pay(order)
    assert services.settle_payment(order_id=order.pk).next == Next.CHARGE
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    for _again in range(2):
        assert charge(payment).next == Next.UNWIND
    assert order.payments.get().state == "withdrawn"
    assert not SandboxCharge.objects.filter(pk=str(payment)).exists()
    unwind(order)
    assert order.events.filter(kind="payment_withdrawn").count() == 1
    assert status_of(order) == Status.CANCELLED


@pytest.mark.parametrize("authorised", [False, True])
def test_cancel_before_the_capture_voids_and_takes_nothing(shop: Shop, authorised: bool) -> None:
    order = shop.place(PHONE)
    payment = shop.pay(order)
    pending = services.begin_payment(payment_id=payment)
    assert pending is not None
    if authorised:
        CheckedGateway(SandboxGateway()).authorise(pending)
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    assert services.settle_payment(order_id=order.pk).next == Next.CHARGE
    assert charge(payment).next == Next.UNWIND
    unwind(order)
    assert status_of(order) == Status.CANCELLED
    booked = SandboxCharge.objects.get(pk=str(payment))
    assert (booked.state, booked.captures, booked.refunds) == ("voided", 0, 0)
    attempt = order.payments.get()
    assert (attempt.state, attempt.gateway_reference) == ("withdrawn", f"sbx_{payment}")
    assert shop.stock()[PHONE] == (10, 0)


def test_cancel_during_the_capture_refunds(shop: Shop) -> None:
    order = shop.place(PHONE)
    payment = shop.pay(order)
    pending = services.begin_payment(payment_id=payment)

    def cancelled_right_after() -> bool:
        services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
        return True

    outcome = settle_charge(CheckedGateway(SandboxGateway()), pending, is_wanted=cancelled_right_after)
    assert services.record_payment(payment_id=payment, outcome=outcome).next == Next.UNWIND
    unwind(order)
    assert status_of(order) == Status.CANCELLED
    assert SandboxCharge.objects.get(pk=str(payment)).refunds == 1
    assert shop.stock()[PHONE] == (10, 0)


def test_cancel_after_handover_is_refused(shop: Shop) -> None:
    order = shop.place(PHONE)
    (shipment,) = charge(shop.pay(order)).shipment_ids
    label(shipment)
    with pytest.raises(NotCancellableError):
        services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    assert not hasattr(Order.objects.get(pk=order.pk), "abort")


def test_second_cancel_changes_nothing(shop: Shop) -> None:
    order = shop.place(PHONE)
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    before = len(kinds_of(order))
    services.cancel_order(actor=shop.auditor_actor, order_id=order.pk)
    assert len(kinds_of(order)) == before
    assert reserve(order).next == Next.PAYMENT
    assert services.settle_payment(order_id=order.pk).next == Next.UNWIND
    unwind(order)
    assert shop.stock()[PHONE] == (10, 0)
    with pytest.raises(NotCancellableError):
        services.cancel_order(actor=shop.seller_actor, order_id=order.pk)


def test_cancel_withdraws_the_approval_request(shop: Shop) -> None:
    order = shop.place(MAC)
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    assert request_of(order).state == "withdrawn"
    assert services.settle_approval(order_id=order.pk).next == Next.UNWIND


def test_parked_order_goes_on_after_a_retry(shop: Shop) -> None:
    order = shop.place(PHONE)
    with pytest.raises(NotParkedError):
        services.request_retry(actor=shop.seller_actor, order_id=order.pk)
    failure = Failure(step="release_stock", attempts=6, error_code="timeout", message="no answer")
    for _ in range(2):
        services.park_order(order_id=order.pk, failures=[failure])
    assert status_of(order) == Status.NEEDS_ATTENTION
    assert services.settle_retry(order_id=order.pk).next == Next.ATTENTION
    services.request_retry(actor=shop.seller_actor, order_id=order.pk)
    services.request_retry(actor=shop.seller_actor, order_id=order.pk)
    assert services.settle_retry(order_id=order.pk).next == Next.RETRY
    assert status_of(order) == Status.AWAITING_PAYMENT
    assert services.settle_retry(order_id=order.pk).next == Next.RETRY
    assert kinds_of(order)[-3:] == ["parked", "retry_requested", "retried"]


def test_placing_writes_order_event_audit_and_message(shop: Shop) -> None:
    order = shop.place(PHONE, PHONE, EAST_ONLY)
    assert order.number.startswith("SO-20")
    assert order.total_minor == 2 * 500_00 + 80_00
    assert list(order.lines.values_list("sku", "quantity")) == [(PHONE, 2), (EAST_ONLY, 1)]
    assert AuditEvent.objects.filter(action="orders.order_placed", subject_id=str(order.pk)).count() == 1
    message = OutboxMessage.objects.get(topic="orders.order_placed", payload__order_id=str(order.pk))
    assert message.key == f"orders.order:{order.pk}"
    assert "ship_to" not in message.payload


def test_wrong_expectations_of_a_new_order_are_refused(shop: Shop) -> None:
    line = WantedLine(sku=PHONE, quantity=1, pointer="/items/0")
    unknown = WantedLine(sku="nothing", quantity=1, pointer="/items/1")
    with pytest.raises(UnknownSkuError) as unknown_sku:
        services.place_order(actor=shop.seller_actor, placement=Placement(lines=[line, unknown]))
    assert [problem.pointer for problem in unknown_sku.value.errors] == ["/items/1"]
    with pytest.raises(AmountMismatchError) as mismatch:
        services.place_order(
            actor=shop.seller_actor,
            placement=Placement(lines=[line], expected=Money(minor=1, currency="CNY")),
        )
    assert mismatch.value.details["actual"] == {"amount": "500.00", "currency": "CNY"}
    services.place_order(actor=shop.seller_actor, placement=Placement(lines=[line], client_ref="A-1"))
    with pytest.raises(ClientRefTakenError) as taken:
        services.place_order(actor=shop.seller_actor, placement=Placement(lines=[line], client_ref="A-1"))
    assert str(taken.value.details["link"]).startswith("/api/v1/orders/")
    assert Order.objects.count() == 1


def test_foreign_order_is_absent(shop: Shop) -> None:
    order = shop.place(PHONE)
    stranger = actor_of(build_shop().seller, build_shop().organization)
    for call in (services.cancel_order, services.request_retry):
        with pytest.raises(NotFoundError):
            call(actor=stranger, order_id=order.pk)
    with pytest.raises(NotFoundError):
        services.request_payment(actor=stranger, order_id=order.pk, token="tok_ok")
    assert status_of(order) == Status.AWAITING_PAYMENT


def test_nobody_decides_alone_or_twice(shop: Shop) -> None:
    from holo.approvals.errors import (
        AlreadyDecidedError,
        ContentChangedError,
        NotAnAuditorError,
        SecondPersonRequiredError,
    )

    order = shop.place(MAC)
    request = request_of(order)
    with pytest.raises(NotAnAuditorError):
        decide(actor=shop.seller_actor, request_id=request.pk, verdict=APPROVE)
    # One who has left between the question whether they may and the decision.
    leaver = build_person(shop.organization, "left", auditor=True)
    left = actor_of(leaver, shop.organization)
    Membership.objects.filter(user=leaver).delete()
    with pytest.raises(NotAnAuditorError):
        decide(actor=left, request_id=request.pk, verdict=APPROVE)
    shop.seller.groups.set(shop.auditor.groups.all())
    shop.seller.is_superuser = True
    shop.seller.save()
    with pytest.raises(SecondPersonRequiredError):
        decide(actor=shop.seller_actor, request_id=request.pk, verdict=APPROVE)
    with pytest.raises(ContentChangedError):
        decide(actor=shop.auditor_actor, request_id=request.pk, verdict=APPROVE, digest_seen="0" * 64)
    decide(
        actor=shop.auditor_actor, request_id=request.pk, verdict=APPROVE, digest_seen=request.subject_digest
    )
    other = actor_of(build_person(shop.organization, "other", auditor=True), shop.organization)
    with pytest.raises(AlreadyDecidedError) as lost:
        decide(actor=other, request_id=request.pk, verdict=REJECT)
    assert lost.value.details["state"] == "approved"
    assert lost.value.details["decided_by"] == shop.auditor.email
    assert ApprovalDecision.objects.count() == 1
