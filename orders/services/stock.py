"""Reserving an order's stock, and giving it back."""

from dataclasses import replace
from functools import partial
from uuid import UUID

from holo.idempotency.commands import command, once
from inventory.operations import Short, Want, release_reservation, reserve_stock
from inventory.selectors import is_holding
from orders.holds import begin_wait, first_wait, open_approval, reservation_key, shown_shortages
from orders.locks import lock_order
from orders.models import Order
from orders.operations import content_digest, is_aborted, record_event
from orders.preconditions import require_step
from orders.states import Status
from orders.steps import Next, Step
from orders.subject import owner_of


@command
def reserve_order_stock(*, order_id: UUID) -> Step:
    """Return where an order stands. Its goods have been held since it was placed.

    An order of an earlier version was placed without a hold: its goods are held now, or it ends as
    `out_of_stock`. Idempotent by step key. Locks the order, then stock rows. Next: APPROVAL, PAYMENT, DONE or
    UNWIND; ATTENTION where the order was parked before this run of its process began. Raises
    StepNotAllowedError.
    """
    order = lock_order(order_id)
    if order.status == Status.NEEDS_ATTENTION:
        return Step(next=Next.ATTENTION, status=order.status)
    reserved_before = order.status != Status.PLACED
    step = once(key=reservation_key(order_id), result=Step, effect=lambda: _reserve(order))
    if reserved_before and step.next in (Next.APPROVAL, Next.PAYMENT):
        # The process walks from the top again and may have missed a decision or a payment: it asks at once.
        return replace(step, deadline=order.locked_at)
    return step


def _reserve(order: Order) -> Step:
    if is_aborted(order):
        return Step(next=Next.UNWIND, status=order.status)
    require_step(order, "reserve_stock")
    wait = first_wait(order)
    outcome = reserve_stock(
        organization_id=order.organization_id,
        owner=owner_of(order),
        wants=[Want(product_id=line.product_id, quantity=line.quantity) for line in order.lines.all()],
        expires_at=wait.hold_expires_at,
        then=partial(begin_wait, order, wait),
    )
    if isinstance(outcome, Short):
        shortages = shown_shortages(outcome.shortages, dict(order.lines.values_list("product_id", "sku")))
        record_event(order, "out_of_stock", status=Status.OUT_OF_STOCK, data={"shortages": shortages})
        return Step(next=Next.DONE, status=order.status)
    if wait.needs_approval:
        open_approval(order, wait, version=order.version, digest=content_digest(order))
    return wait.step()


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
