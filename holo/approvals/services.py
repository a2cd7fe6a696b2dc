"""The one command of this package: a person decides."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError
from django.utils.translation import gettext as _

from holo.approvals.errors import (
    AlreadyDecidedError,
    ApprovalError,
    ContentChangedError,
    NotAnAuditorError,
    RequestExpiredError,
    RequestWithdrawnError,
    SecondPersonRequiredError,
)
from holo.approvals.locks import lock_request
from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.operations import message_key
from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.clock import database_now
from holo.common.db import constraint_name
from holo.common.errors import NotFoundError
from holo.idempotency.commands import RequestKey, command
from holo.identity.selectors import is_auditor
from holo.outbox.operations import enqueue

# The triggers that judge once more when the decision is written: the deadline by the database's clock, and
# whether the person still is an auditor there.
_OPEN, _AUDITOR = "approvals_decision_request_open", "approvals_decision_auditor"
_ENDS = {
    ApprovalDecision.Verdict.APPROVE: ApprovalRequest.State.APPROVED,
    ApprovalDecision.Verdict.REJECT: ApprovalRequest.State.REJECTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A recorded decision; `applied_at` stays None until the process has acted on it."""

    request_id: UUID
    state: str
    verdict: str
    decided_at: datetime
    applied_at: datetime | None = None


@command
def decide(
    *,
    actor: Actor,
    request_id: UUID,
    verdict: ApprovalDecision.Verdict,
    reason: str = "",
    digest_seen: str | None = None,
    request_key: RequestKey | None = None,
) -> Decided:
    """Record one person's verdict and close the request; the process is woken by the outbox.

    Idempotent by `request_key`; one decision per person by constraint. Locks the request. `digest_seen` is
    the digest of what was shown, None where the caller sends none (then the current content counts as seen).
    Raises NotFoundError, NotAnAuditorError, SecondPersonRequiredError, AlreadyDecidedError,
    RequestExpiredError, RequestWithdrawnError, ContentChangedError.
    """
    try:
        request = lock_request(request_id)
    except ApprovalRequest.DoesNotExist:
        raise NotFoundError(_("there is no such approval request")) from None
    if request.organization_id != actor.organization_id or actor.user_id is None:
        raise NotFoundError(_("there is no such approval request"))
    if not is_auditor(actor.user_id):
        raise _not_an_auditor()
    if actor.user_id in request.contributors:
        raise SecondPersonRequiredError(_("a second person must decide what you have made"))
    now = database_now()
    if request.state != ApprovalRequest.State.OPEN or request.deadline <= now:
        raise _lost_against(request)
    if digest_seen not in (None, request.subject_digest):
        raise ContentChangedError(_("the content has changed since you saw it; review it again"))
    return _close(actor, request, verdict, reason, now)


def _close(
    actor: Actor, request: ApprovalRequest, verdict: ApprovalDecision.Verdict, reason: str, now: datetime
) -> Decided:
    try:
        ApprovalDecision.objects.create(
            request=request,
            actor_id=actor.person,
            api_key_id=actor.api_key_id,
            verdict=verdict,
            reason=reason,
            digest_seen=request.subject_digest,
        )
    except IntegrityError as error:
        broken = constraint_name(error)
        if broken == _AUDITOR:
            raise _not_an_auditor() from error
        if broken != _OPEN:
            raise
        # Under the lock nobody else has closed it: its deadline passed since it was looked at above.
        raise _expired(request) from error
    request.state, request.closed_at = _ENDS[verdict], now
    request.save(update_fields=["state", "closed_at"])
    record_audit(
        actor=actor,
        action="approvals.approval_decided",
        subject_type=request.subject_type,
        subject_id=request.subject_id,
        data={"request_id": str(request.pk), "verdict": verdict.value},
    )
    enqueue(
        topic="approvals.approval_decided",
        key=message_key(request.subject_type, request.subject_id),
        organization_id=request.organization_id,
        payload={
            "request_id": str(request.pk),
            "subject_type": request.subject_type,
            "subject_id": str(request.subject_id),
        },
    )
    return Decided(request_id=request.pk, state=request.state, verdict=verdict.value, decided_at=now)


def _not_an_auditor() -> NotAnAuditorError:
    return NotAnAuditorError(_("only the group `auditor` may decide"))


def _lost_against(request: ApprovalRequest) -> ApprovalError:
    """Return the refusal that tells which outcome came first."""
    if request.state == ApprovalRequest.State.WITHDRAWN:
        return RequestWithdrawnError(_("what was to be decided has been cancelled"), state=request.state)
    decision = request.decisions.select_related("actor").first()
    if decision is None:
        return _expired(request)
    return AlreadyDecidedError(
        _("the request has been decided already"),
        state=request.state,
        decided_by=decision.actor.email,
        decided_at=decision.created_at.isoformat(),
    )


def _expired(request: ApprovalRequest) -> RequestExpiredError:
    return RequestExpiredError(
        _("the deadline has passed"), state="expired", deadline=request.deadline.isoformat()
    )
