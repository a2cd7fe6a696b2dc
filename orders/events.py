"""Outbox topics of the app, and the key that keeps an order's messages in order."""

from uuid import UUID

from pydantic import TypeAdapter

from holo.approvals.operations import message_key
from holo.outbox.operations import enqueue
from orders.models import Order
from orders.steps import Step
from orders.subject import SUBJECT_TYPE

ORDER_PLACED = "orders.order_placed"
PAYMENT_REQUESTED = "orders.payment_requested"
CANCEL_REQUESTED = "orders.cancel_requested"
RETRY_REQUESTED = "orders.retry_requested"
_STEP = TypeAdapter(Step)


def announce(topic: str, order: Order, **ids: UUID) -> None:
    """Enqueue a message about an order; it carries ids only."""
    _announce(topic, order, {name: str(value) for name, value in ids.items()})


def announce_placed(order: Order, first: Step) -> None:
    """Enqueue the message that starts the order's process at its first wait."""
    _announce(ORDER_PLACED, order, {"first": _STEP.dump_python(first, mode="json")})


def _announce(topic: str, order: Order, more: dict[str, object]) -> None:
    enqueue(
        topic=topic,
        key=message_key(SUBJECT_TYPE, order.pk),
        organization_id=order.organization_id,
        payload={"order_id": str(order.pk), **more},
    )
