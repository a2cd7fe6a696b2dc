"""The two ways an order ends: completed, or given up with all undone."""

from uuid import UUID

from holo.idempotency.commands import command, once
from inventory.operations import consume_reservation
from orders.locks import lock_order
from orders.models import Order
from orders.operations import record_event, system
from orders.states import Status
from orders.steps import Next, Step
from orders.subject import owner_of


@command
def complete_order(*, order_id: UUID) -> Step:
    """Consume the hold and complete the order, in one commit.

    Idempotent by step key. Locks the order, then stock rows. Next: DONE.
    """
    order = lock_order(order_id)
    return once(key=f"{order_id}:complete", result=Step, effect=lambda: _complete(order))


def _complete(order: Order) -> Step:
    consume_reservation(owner=owner_of(order), actor_label=system(order).label)
    _resolve_parked(order)
    record_event(order, "completed", status=Status.COMPLETED)
    return Step(next=Next.DONE, status=order.status)


@command
def close_order(*, order_id: UUID) -> Step:
    """End an order that was given up, as its abort says; everything has been undone before.

    Idempotent by step key. Locks the order. Next: DONE.
    """
    order = lock_order(order_id)
    return once(key=f"{order_id}:close", result=Step, effect=lambda: _close(order))


def _close(order: Order) -> Step:
    _resolve_parked(order)
    abort = order.abort
    record_event(order, "closed", status=Status(abort.ends_as), data={"reason": abort.reason})
    return Step(next=Next.DONE, status=order.status)


def _resolve_parked(order: Order) -> None:
    order.parked_steps.filter(resolved_at__isnull=True).update(resolved_at=order.locked_at)
