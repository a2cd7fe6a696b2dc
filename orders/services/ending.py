"""The end of an order that was given up; its last parcel's handover completes one that was not."""

from uuid import UUID

from django.db.models import Q

from holo.idempotency.commands import command, once
from inventory.selectors import is_holding
from orders.locks import lock_order
from orders.models import Order, Payment, Shipment
from orders.operations import record_event, resolve_parked, withdraw_payment_attempt
from orders.preconditions import refusal, require_step
from orders.states import Status
from orders.steps import Next, Step
from orders.subject import owner_of


@command
def close_order(*, order_id: UUID) -> Step:
    """End an order that was given up, as its abort says; everything must have been undone before.

    Idempotent by step key. Locks the order. Next: DONE. Raises StepNotAllowedError.
    """
    order = lock_order(order_id)
    return once(key=f"{order_id}:close", result=Step, effect=lambda: _close(order))


def _close(order: Order) -> Step:
    require_step(order, "close_order")
    if left := _left_to_undo(order):
        raise refusal(order, "close_order", left=left)
    for payment in order.payments.filter(state=Payment.State.REQUESTED):
        # It came with the order, or before the decision, and was never sent.
        withdraw_payment_attempt(order, payment)
    resolve_parked(order)
    abort = order.abort
    record_event(order, "closed", status=Status(abort.ends_as), data={"reason": abort.reason})
    return Step(next=Next.DONE, status=order.status)


def _left_to_undo(order: Order) -> str:
    """Return what an order that was given up still has: money, labels or stock; empty if nothing."""
    money = Q(state=Payment.State.CAPTURED) | Q(state=Payment.State.REQUESTED, submitted_at__isnull=False)
    labels = Q(state__in=(Shipment.State.PREPARING, Shipment.State.READY), submitted_at__isnull=False)
    if order.payments.filter(money).exists():
        return "payment"
    if order.shipments.filter(labels).exists():
        return "label"
    return "stock" if is_holding(owner_of(order)) else ""
