"""The end of an order that was given up; its last parcel's handover completes one that was not."""

from uuid import UUID

from holo.idempotency.commands import command, once
from orders.locks import lock_order
from orders.models import Order
from orders.operations import record_event, resolve_parked
from orders.states import Status
from orders.steps import Next, Step


@command
def close_order(*, order_id: UUID) -> Step:
    """End an order that was given up, as its abort says; everything has been undone before.

    Idempotent by step key. Locks the order. Next: DONE.
    """
    order = lock_order(order_id)
    return once(key=f"{order_id}:close", result=Step, effect=lambda: _close(order))


def _close(order: Order) -> Step:
    resolve_parked(order)
    abort = order.abort
    record_event(order, "closed", status=Status(abort.ends_as), data={"reason": abort.reason})
    return Step(next=Next.DONE, status=order.status)
