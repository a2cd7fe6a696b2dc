"""Steps that failed for good: parked for an operator, tried again on request."""

from collections.abc import Sequence
from uuid import UUID

from django.utils.translation import gettext as _

from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.clock import database_now
from holo.idempotency.commands import RequestKey, command
from orders.errors import NotParkedError
from orders.events import RETRY_REQUESTED, announce
from orders.locks import lock_order
from orders.models import Order, ParkedStep
from orders.operations import is_aborted, record_event
from orders.states import Status
from orders.steps import Failure, Next, Step
from orders.subject import SUBJECT_TYPE


@command
def park_order(*, order_id: UUID, failures: Sequence[Failure], forward: bool = False) -> Step:
    """Mark the order as `needs_attention`, with each failed step.

    `forward` tells that the steps were to bring the order on, not to undo it. An order that was given up
    while such a step was tried for the last time is retried at once, as one that is cancelled when it is
    parked: its undoing has not begun. It is retried once; then an operator decides.

    Idempotent by rows. Locks the order. Next: ATTENTION, with a deadline that has passed where it is retried.
    """
    order = lock_order(order_id)
    failed = {failure.step for failure in failures}
    parked = order.parked_steps.filter(resolved_at__isnull=True)
    if order.status == Status.NEEDS_ATTENTION and failed == set(parked.values_list("step", flat=True)):
        waiting = parked.filter(retry_requested_at__isnull=True).exists()
        return _attention(order, retried=not waiting)
    retried = forward and is_aborted(order) and _not_tried_since_abort(order)
    parked.exclude(step__in=failed).update(resolved_at=database_now())
    for failure in failures:
        ParkedStep.objects.update_or_create(
            order=order,
            step=failure.step,
            resolved_at=None,
            defaults={
                "organization_id": order.organization_id,
                "attempts": failure.attempts,
                "error_code": failure.error_code[:100],
                "message": failure.message[:500],
                "retry_requested_at": order.locked_at if retried else None,
            },
        )
    record_event(
        order,
        "parked",
        status=Status.NEEDS_ATTENTION,
        data={"steps": [{"step": f.step, "attempts": f.attempts, "error": f.error_code} for f in failures]},
    )
    return _attention(order, retried=retried)


def _attention(order: Order, *, retried: bool) -> Step:
    return Step(next=Next.ATTENTION, status=order.status, deadline=order.locked_at if retried else None)


def _not_tried_since_abort(order: Order) -> bool:
    """Tell whether the steps of an order that was given up were neither parked nor retried since then."""
    return order.events.filter(kind__in=("aborted", "parked", "retried")).latest("id").kind == "aborted"


@command
def request_retry(*, actor: Actor, order_id: UUID, request_key: RequestKey | None = None) -> Order:
    """Ask that the parked steps run again; the order then ends as it would have.

    Idempotent by rows: a second call before the steps run changes nothing. Locks the order. Raises
    NotFoundError, NotParkedError.
    """
    order = lock_order(order_id, actor=actor)
    parked = order.parked_steps.filter(resolved_at__isnull=True)
    if order.status != Status.NEEDS_ATTENTION or not parked.exists():
        raise NotParkedError(_("the order is %(status)s") % {"status": order.status}, status=order.status)
    if parked.filter(retry_requested_at__isnull=True).update(retry_requested_at=database_now()):
        record_event(order, "retry_requested", actor=actor)
        record_audit(actor=actor, action=RETRY_REQUESTED, subject_type=SUBJECT_TYPE, subject_id=order.pk)
        announce(RETRY_REQUESTED, order)
    return order


@command
def settle_retry(*, order_id: UUID) -> Step:
    """Where a retry was asked for, put the order back to where it was parked; tell whether to go on.

    Idempotent by the order's status. Locks the order. Next: RETRY or ATTENTION (still waiting).
    """
    order = lock_order(order_id)
    if order.status != Status.NEEDS_ATTENTION:
        return Step(next=Next.RETRY, status=order.status)
    if order.parked_steps.filter(resolved_at__isnull=True, retry_requested_at__isnull=True).exists():
        return Step(next=Next.ATTENTION, status=order.status)
    parked = order.events.filter(to_status=Status.NEEDS_ATTENTION).exclude(from_status=Status.NEEDS_ATTENTION)
    parked_from = parked.latest("id").from_status
    record_event(order, "retried", status=Status(parked_from))
    return Step(next=Next.RETRY, status=order.status)
