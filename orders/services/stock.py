"""Reserving an order's stock, and giving it back."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_noop

from holo.approvals.operations import Reason, Subject, open_request
from holo.idempotency.commands import command, once
from inventory.operations import Held, Short, Want, release_reservation, reserve_stock
from inventory.selectors import is_holding
from orders.locks import lock_order
from orders.models import Order
from orders.operations import content_digest, is_aborted, record_event
from orders.preconditions import require_step
from orders.states import Status
from orders.steps import Next, Step
from orders.subject import SUBJECT_TYPE, owner_of
from orders.terms import HOLD_MARGIN, approval_period, approval_threshold, payment_period


@command
def reserve_order_stock(*, order_id: UUID) -> Step:
    """Hold the stock of all lines and move the order to its first wait, or end it as `out_of_stock`.

    Idempotent by step key. Locks the order, then stock rows. Next: APPROVAL, PAYMENT, DONE or UNWIND;
    ATTENTION where the order was parked before this run of its process began. Raises StepNotAllowedError.
    """
    order = lock_order(order_id)
    if order.status == Status.NEEDS_ATTENTION:
        return Step(next=Next.ATTENTION, status=order.status)
    reserved_before = order.status != Status.PLACED
    step = once(key=f"{order_id}:reserve", result=Step, effect=lambda: _reserve(order))
    if reserved_before and step.next in (Next.APPROVAL, Next.PAYMENT):
        # The process walks from the top again and may have missed a decision or a payment: it asks at once.
        return replace(step, deadline=order.locked_at)
    return step


def _reserve(order: Order) -> Step:
    if is_aborted(order):
        return Step(next=Next.UNWIND, status=order.status)
    require_step(order, "reserve_stock")
    wants = [Want(product_id=line.product_id, quantity=line.quantity) for line in order.lines.all()]
    threshold = approval_threshold(order.currency)
    needs_approval = order.total_minor > threshold.minor
    deadline = order.locked_at + (approval_period(order) if needs_approval else payment_period(order))
    outcome = reserve_stock(
        organization_id=order.organization_id,
        owner=owner_of(order),
        wants=wants,
        expires_at=deadline + HOLD_MARGIN,
    )
    if isinstance(outcome, Short):
        return _out_of_stock(order, outcome)
    held = _shown(outcome) | {"approval_above": threshold.as_wire()}
    if needs_approval:
        record_event(order, "stock_reserved", status=Status.AWAITING_APPROVAL, data=held)
        _open_approval(order, deadline)
        return Step(next=Next.APPROVAL, status=order.status, deadline=deadline)
    order.payment_deadline = deadline
    record_event(
        order, "stock_reserved", status=Status.AWAITING_PAYMENT, data=held, changed=("payment_deadline",)
    )
    return Step(next=Next.PAYMENT, status=order.status, deadline=deadline)


def _out_of_stock(order: Order, outcome: Short) -> Step:
    skus = dict(order.lines.values_list("product_id", "sku"))
    shortages = [
        {"sku": skus[short.product_id], "requested": short.requested, "available": short.available}
        for short in outcome.shortages
    ]
    record_event(order, "out_of_stock", status=Status.OUT_OF_STOCK, data={"shortages": shortages})
    return Step(next=Next.DONE, status=order.status)


def _shown(held: Held) -> dict[str, object]:
    return {
        "reservation_id": str(held.reservation_id),
        "warehouses": sorted({line.warehouse_code for line in held.lines}),
    }


def _open_approval(order: Order, deadline: datetime) -> None:
    threshold = approval_threshold(order.currency)
    open_request(
        organization_id=order.organization_id,
        subject=Subject(
            type=SUBJECT_TYPE,
            id=order.pk,
            label=order.number,
            version=order.version,
            digest=content_digest(order),
        ),
        reasons=[
            Reason(rule=gettext_noop("order total"), measured=str(order.total), threshold=str(threshold))
        ],
        contributors=[order.created_by_id],
        deadline=deadline,
    )


@command
def release_order_stock(*, order_id: UUID) -> None:
    """Give back what an order that was given up holds; nothing happens where it holds nothing.

    Locks the order, then stock rows. Raises StepNotAllowedError.
    """
    order = lock_order(order_id)
    owner = owner_of(order)
    if not is_holding(owner):
        return
    require_step(order, "release_stock")
    release_reservation(owner=owner)
    record_event(order, "stock_released")
