"""Giving an order up on request."""

from uuid import UUID

from django.utils.translation import gettext as _

from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.clock import database_now
from holo.idempotency.commands import RequestKey, command
from orders.errors import NotCancellableError
from orders.events import CANCEL_REQUESTED, announce
from orders.locks import lock_order
from orders.models import Order
from orders.operations import abort_order, is_aborted
from orders.states import AbortReason, Status
from orders.subject import SUBJECT_TYPE


@command
def cancel_order(
    *,
    actor: Actor,
    order_id: UUID,
    reason: AbortReason = AbortReason.REQUESTED,
    request_key: RequestKey | None = None,
) -> Order:
    """Commit that the order is cancelled; its process undoes what was done, then it ends as `cancelled`.

    An order that is parked before its handover goes on at once: who cancels need not ask for a retry too.
    Idempotent by the abort row: while the order is being undone another call changes nothing. Locks the
    order, then its approval request. Raises NotFoundError, NotCancellableError (handed over, or ended).
    """
    order = lock_order(order_id, actor=actor)
    if order.is_terminal:
        raise NotCancellableError(
            _("the order has ended as %(status)s") % {"status": order.status}, status=order.status
        )
    if is_aborted(order):
        return order
    if not abort_order(order, ends_as=Status.CANCELLED, reason=reason, actor=actor):
        raise NotCancellableError(_("the order has been handed over to its carrier"), status=order.status)
    order.parked_steps.filter(resolved_at__isnull=True).update(retry_requested_at=database_now())
    record_audit(actor=actor, action=CANCEL_REQUESTED, subject_type=SUBJECT_TYPE, subject_id=order.pk)
    announce(CANCEL_REQUESTED, order)
    return order
