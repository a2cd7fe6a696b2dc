"""Paying an order: the client's request, the charge, the refund."""

from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.idempotency.commands import RequestKey, command, once
from inventory.selectors import get_holding
from orders.errors import NotPayableError, PaymentDeadlinePassedError, PaymentOpenError
from orders.events import PAYMENT_REQUESTED, announce
from orders.locks import lock_order, lock_payment
from orders.models import Order, Payment, Shipment, ShipmentLine
from orders.operations import (
    abort_order,
    insert_attempt,
    is_aborted,
    record_event,
    request_attempt,
    withdraw_payment_attempt,
)
from orders.ports import Charge, ChargeState
from orders.preconditions import require_step
from orders.states import AbortReason, Status
from orders.steps import Next, Step
from orders.subject import SUBJECT_TYPE, owner_of

State = Payment.State
_OPEN = (State.REQUESTED, State.CAPTURED)
_PAYABLE = (Status.AWAITING_APPROVAL, Status.AWAITING_PAYMENT)


@command
def request_payment(
    *, actor: Actor, order_id: UUID, token: str, request_key: RequestKey | None = None
) -> Payment:
    """Write a payment attempt; the order's process charges it, once the order is approved where it must be.

    Committed before the deadline, it counts. Idempotent by `request_key`. Locks the order. Raises
    NotFoundError, NotPayableError, PaymentOpenError, PaymentDeadlinePassedError.
    """
    order = lock_order(order_id, actor=actor)
    if order.status not in _PAYABLE or is_aborted(order):
        open_payment = order.payments.filter(state__in=_OPEN).first()
        if open_payment is not None:
            raise _open_error(open_payment)
        raise NotPayableError(_("the order is %(status)s") % {"status": order.status}, status=order.status)
    attempts = list(order.payments.all())
    open_payment = next((payment for payment in attempts if payment.state in _OPEN), None)
    if open_payment is not None:
        raise _open_error(open_payment)
    if order.payment_deadline is not None and order.payment_deadline <= order.locked_at:
        raise PaymentDeadlinePassedError(
            _("the payment deadline has passed"),
            status=order.status,
            deadline=order.payment_deadline.isoformat(),
        )
    payment = insert_attempt(order, token=token, attempt=len(attempts) + 1)
    request_attempt(order, actor=actor, payment=payment)
    announce(PAYMENT_REQUESTED, order, payment_id=payment.pk)
    return payment


def _open_error(payment: Payment) -> PaymentOpenError:
    return PaymentOpenError(
        _("payment attempt %(attempt)d is %(state)s") % {"attempt": payment.attempt, "state": payment.state},
        payment_id=str(payment.pk),
        payment_state=payment.state,
    )


@command
def settle_payment(*, order_id: UUID) -> Step:
    """Look for a payment to charge; without one, past the deadline, give the order up.

    Idempotent by rows. Locks the order, then its approval request. An attempt that may have reached the
    gateway is always settled first, whatever else has happened. Next: CHARGE, PAYMENT (still waiting) or
    UNWIND. Raises StepNotAllowedError.
    """
    order = lock_order(order_id)
    payment = order.payments.filter(state__in=(*_OPEN, State.REFUNDED)).first()
    aborted = is_aborted(order)
    if payment is not None and (not aborted or payment.submitted_at is not None):
        return Step(next=Next.CHARGE, status=order.status, payment_id=payment.pk)
    if payment is not None:
        withdraw_payment_attempt(order, payment)
    if not aborted and (order.payment_deadline is None or order.payment_deadline > order.locked_at):
        return Step(next=Next.PAYMENT, status=order.status, deadline=order.payment_deadline)
    if not aborted:
        require_step(order, "expire_payment")
        abort_order(order, ends_as=Status.CANCELLED, reason=AbortReason.PAYMENT_DEADLINE)
    return Step(next=Next.UNWIND, status=order.status)


@command
def begin_payment(*, payment_id: UUID) -> Charge | None:
    """Write ahead that the charge is sent, and return it; None if its outcome is known. Locks the order.

    An attempt that has not been sent when the order is given up is withdrawn: no charge to refund. Raises
    StepNotAllowedError.
    """
    order, payment = lock_payment(payment_id)
    if payment.state != State.REQUESTED:
        return None
    submitted_before = payment.submitted_at is not None
    if not submitted_before and is_aborted(order):
        withdraw_payment_attempt(order, payment)
        return None
    require_step(order, "settle_charge" if submitted_before else "send_charge")
    if not submitted_before:
        payment.submitted_at = order.locked_at
        payment.save(update_fields=["submitted_at"])
    return Charge(
        key=str(payment.pk), token=payment.token, amount=payment.amount, submitted_before=submitted_before
    )


@command
def withdraw_payment(*, payment_id: UUID) -> bool:
    """Withdraw the attempt if its order was given up before it was sent; True if its outcome is known.

    Locks the order.
    """
    order, payment = lock_payment(payment_id)
    if payment.state == State.REQUESTED and payment.submitted_at is None and is_aborted(order):
        withdraw_payment_attempt(order, payment)
    return payment.state != State.REQUESTED


@command
def record_payment(*, payment_id: UUID, outcome: ChargeState | None) -> Step:
    """Write the gateway's answer: captured makes the shipments, declined waits again or gives up.

    An authorisation that was voided because the order was given up counts as withdrawn.

    Idempotent by step key. Locks the order, then its approval request. Next: SHIPPING, PAYMENT or UNWIND.
    """
    order, payment = lock_payment(payment_id)
    return once(
        key=f"{order.pk}:charge:{payment.pk}",
        result=Step,
        effect=lambda: _record_payment(order, payment, outcome),
    )


@command
def recover_payment(*, actor: Actor, payment_id: UUID, outcome: ChargeState) -> bool:
    """Write the gateway's answer that the order's process has lost; False if it is written already.

    `outcome` is what the gateway says of the attempt now. Idempotent by the step key of `record_payment`,
    whose effect it has; audited. Locks the order, then its approval request.
    """
    order, payment = lock_payment(payment_id)
    if payment.state != State.REQUESTED:
        return False
    once(
        key=f"{order.pk}:charge:{payment.pk}",
        result=Step,
        effect=lambda: _record_payment(order, payment, outcome),
    )
    record_audit(
        actor=actor,
        action="orders.payment_recovered",
        subject_type=SUBJECT_TYPE,
        subject_id=order.pk,
        data={"payment_id": str(payment.pk), "state": outcome.state},
    )
    return True


def _record_payment(order: Order, payment: Payment, outcome: ChargeState | None) -> Step:
    if payment.state == State.WITHDRAWN:
        return Step(next=Next.UNWIND, status=order.status)
    assert outcome is not None, "a charge without a record has an outcome"
    payment.gateway_reference = outcome.reference
    if outcome.state == "voided" and is_aborted(order):
        withdraw_payment_attempt(order, payment)
        return Step(next=Next.UNWIND, status=order.status)
    if outcome.state != "captured":
        return _declined(order, payment, outcome)
    payment.state, payment.captured_at = State.CAPTURED, order.locked_at
    payment.save(update_fields=["state", "captured_at", "gateway_reference"])
    data = {"payment_id": str(payment.pk), "amount": payment.amount.as_wire()}
    if is_aborted(order):
        record_event(order, "payment_captured", data=data)
        return Step(next=Next.UNWIND, status=order.status)
    shipments = _create_shipments(order)
    record_event(order, "payment_captured", status=Status.FULFILLING, data=data)
    return Step(next=Next.SHIPPING, status=order.status, shipment_ids=shipments)


def _declined(order: Order, payment: Payment, outcome: ChargeState) -> Step:
    payment.state, payment.decline_code = State.DECLINED, outcome.decline_code
    payment.save(update_fields=["state", "decline_code", "gateway_reference"])
    record_event(
        order,
        "payment_declined",
        data={"payment_id": str(payment.pk), "attempt": payment.attempt, "code": outcome.decline_code},
    )
    declined = order.payments.filter(state=State.DECLINED).count()
    if declined >= settings.ORDER_PAYMENT_ATTEMPTS:
        abort_order(order, ends_as=Status.PAYMENT_FAILED, reason=AbortReason.PAYMENT_DECLINED)
    if is_aborted(order):
        return Step(next=Next.UNWIND, status=order.status)
    return Step(next=Next.PAYMENT, status=order.status, deadline=order.payment_deadline)


def _create_shipments(order: Order) -> tuple[UUID, ...]:
    """Write one shipment per warehouse of the hold, with its lines."""
    holding = get_holding(owner_of(order))
    assert holding is not None, "a payable order holds its stock"
    shipments: dict[UUID, Shipment] = {}
    lines: list[ShipmentLine] = []
    for line in holding.lines:
        shipment = shipments.setdefault(
            line.warehouse_id,
            Shipment(organization_id=order.organization_id, order=order, warehouse_id=line.warehouse_id),
        )
        lines.append(
            ShipmentLine(
                organization_id=order.organization_id,
                shipment=shipment,
                product_id=line.product_id,
                quantity=line.quantity,
            )
        )
    Shipment.objects.bulk_create(shipments.values())
    ShipmentLine.objects.bulk_create(lines)
    return tuple(shipment.pk for shipment in shipments.values())


@command
def begin_refund(*, order_id: UUID) -> Charge | None:
    """Return what an order that was given up must pay back, None if nothing was taken.

    Locks the order. Raises StepNotAllowedError.
    """
    order = lock_order(order_id)
    payment = order.payments.filter(state=State.CAPTURED).first()
    if payment is None:
        return None
    require_step(order, "refund_payment")
    return Charge(
        key=str(payment.pk), token=payment.token, amount=payment.amount, submitted_before=True, captured=True
    )


@command
def record_refund(*, order_id: UUID, outcome: ChargeState | None) -> None:
    """Write that the captured payment was paid back in full; once. Locks the order.

    Raises StepNotAllowedError.
    """
    order = lock_order(order_id)
    payment = order.payments.filter(state=State.CAPTURED).first()
    if payment is None or outcome is None:
        return
    require_step(order, "refund_payment")
    payment.state, payment.refunded_at = State.REFUNDED, order.locked_at
    payment.save(update_fields=["state", "refunded_at"])
    record_event(
        order,
        "payment_refunded",
        data={"payment_id": str(payment.pk), "amount": payment.amount.as_wire()},
    )
