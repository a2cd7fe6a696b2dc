"""Outbox topics of the app, and the key that keeps an order's messages in order."""

from uuid import UUID

from holo.approvals.operations import message_key
from holo.outbox.operations import enqueue
from orders.models import Order
from orders.subject import SUBJECT_TYPE

ORDER_PLACED = "orders.order_placed"
PAYMENT_REQUESTED = "orders.payment_requested"
CANCEL_REQUESTED = "orders.cancel_requested"
RETRY_REQUESTED = "orders.retry_requested"


def announce(topic: str, order: Order, **ids: UUID) -> None:
    """Enqueue a message about an order; it carries ids only."""
    enqueue(
        topic=topic,
        key=message_key(SUBJECT_TYPE, order.pk),
        organization_id=order.organization_id,
        payload={"order_id": str(order.pk), **{name: str(value) for name, value in ids.items()}},
    )
