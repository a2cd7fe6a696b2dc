"""How other packages know an order: its type name, and the owner of its hold."""

from inventory.operations import Owner
from orders.models import Order

SUBJECT_TYPE = "orders.order"


def owner_of(order: Order) -> Owner:
    """Return how inventory knows the order."""
    return Owner(owner_type=SUBJECT_TYPE, owner_id=order.pk)
