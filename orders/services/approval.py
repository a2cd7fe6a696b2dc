"""Applying a human decision to its order."""

from datetime import datetime
from uuid import UUID

from holo.approvals.models import ApprovalRequest
from holo.approvals.operations import settle_request
from holo.common.actor import Actor
from holo.common.clock import database_now
from holo.idempotency.commands import command
from inventory.operations import extend_reservation
from orders.locks import lock_order
from orders.models import Order, Payment
from orders.operations import abort_order, is_aborted, record_event, system
from orders.preconditions import require_step
from orders.states import AbortReason, Status
from orders.steps import Next, Step
from orders.subject import SUBJECT_TYPE, owner_of
from orders.terms import HOLD_MARGIN, payment_period


@command
def settle_approval(*, order_id: UUID) -> Step:
    """Read the decision row and act on it; past its deadline, expire the request instead.

    Idempotent by the order's status. Locks the order, then the request. Next: APPROVAL (still waiting),
    CHARGE (it is paid already), PAYMENT or UNWIND. Raises StepNotAllowedError.
    """
    order = lock_order(order_id)
    if order.status != Status.AWAITING_APPROVAL and order.payment_deadline is not None:
        # It was applied before; a payment may have been made since, so the process asks at once.
        return Step(next=Next.PAYMENT, status=order.status, deadline=order.locked_at)
    if is_aborted(order):
        return Step(next=Next.UNWIND, status=order.status)
    require_step(order, "apply_decision")
    request = settle_request(subject_type=SUBJECT_TYPE, subject_id=order.pk)
    state = ApprovalRequest.State
    if request is None or request.state == state.OPEN:
        return Step(next=Next.APPROVAL, status=order.status, deadline=request.deadline if request else None)
    if request.state == state.APPROVED:
        return _approved(order, request)
    if request.state == state.REJECTED:
        abort_order(
            order,
            ends_as=Status.REJECTED,
            reason=AbortReason.APPROVAL_REJECTED,
            actor=_decider(order, request),
        )
    else:
        abort_order(order, ends_as=Status.CANCELLED, reason=AbortReason.APPROVAL_DEADLINE)
    return Step(next=Next.UNWIND, status=order.status)


def _approved(order: Order, request: ApprovalRequest) -> Step:
    deadline: datetime = database_now() + payment_period(order)
    extend_reservation(owner=owner_of(order), expires_at=deadline + HOLD_MARGIN)
    order.payment_deadline = deadline
    record_event(
        order,
        "approved",
        actor=_decider(order, request),
        status=Status.AWAITING_PAYMENT,
        changed=("payment_deadline",),
    )
    paid = order.payments.filter(state=Payment.State.REQUESTED).first()
    if paid is not None:
        return Step(next=Next.CHARGE, status=order.status, payment_id=paid.pk)
    return Step(next=Next.PAYMENT, status=order.status, deadline=deadline)


def _decider(order: Order, request: ApprovalRequest) -> Actor:
    """Return the person who decided, as the actor of what follows."""
    decision = request.decisions.select_related("actor").first()
    nobody = system(order)
    if decision is None:
        return nobody
    return Actor(
        user_id=decision.actor_id,  # type: ignore[arg-type]  # a UUID under django-stubs' view of the FK
        organization_id=nobody.organization_id,
        label=decision.actor.email,
        api_key_id=decision.api_key_id,
    )
