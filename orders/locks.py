"""The only row locks of this app. Global order: order, approval request, stock rows by pk."""

from uuid import UUID

from holo.common.db import require_transaction
from holo.common.errors import NotFoundError
from orders.models import Order


def lock_order(order_id: UUID, *, organization_id: UUID | None = None) -> Order:
    """Lock one order, of one organisation if given. Raises NotFoundError.

    `no_key`: rows that refer to the order can still be inserted elsewhere; nothing changes its key.
    """
    require_transaction()
    orders = Order.objects.select_for_update(no_key=True, of=("self",)).filter(pk=order_id)
    if organization_id is not None:
        orders = orders.filter(organization_id=organization_id)
    order = orders.first()
    if order is None:
        raise NotFoundError("there is no such order")
    return order
