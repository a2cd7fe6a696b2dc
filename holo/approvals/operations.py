"""Changes of approval requests inside the transaction of what they are about."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from holo.approvals.events import APPROVAL_REQUESTED
from holo.approvals.locks import lock_latest_request
from holo.approvals.models import ApprovalRequest
from holo.common.clock import database_now
from holo.common.db import require_transaction
from holo.outbox.operations import enqueue


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a decision is needed: the rule (an English msgid), what was measured and the limit, as shown."""

    rule: str
    measured: str
    threshold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is decided about; `digest` (64 hex digits) covers all that the decider sees."""

    type: str
    id: UUID
    label: str
    version: int
    digest: str


def message_key(subject_type: str, subject_id: UUID) -> str:
    """Return the outbox key that keeps all messages about a subject in order."""
    return f"{subject_type}:{subject_id}"


def open_request(
    *,
    organization_id: UUID,
    subject: Subject,
    reasons: Sequence[Reason],
    contributors: Sequence[UUID],
    deadline: datetime,
) -> ApprovalRequest:
    """Ask for a decision, once per subject and version; auditors are told after the commit."""
    require_transaction()
    request = ApprovalRequest.objects.create(
        organization_id=organization_id,
        subject_type=subject.type,
        subject_id=subject.id,
        subject_label=subject.label,
        subject_version=subject.version,
        subject_digest=subject.digest,
        reasons=[asdict(reason) for reason in reasons],
        contributors=list(contributors),
        deadline=deadline,
    )
    enqueue(
        topic=APPROVAL_REQUESTED,
        key=f"approvals.request:{request.pk}",
        organization_id=organization_id,
        payload={"request_id": str(request.pk)},
    )
    return request


def settle_request(*, subject_type: str, subject_id: UUID) -> ApprovalRequest | None:
    """Lock the newest request, expire it if its time has passed undecided, mark a decision as applied.

    The one judge of deadline against decision: both take this lock, and the clock is read after it.
    """
    request = lock_latest_request(subject_type=subject_type, subject_id=subject_id)
    if request is None:
        return None
    now = database_now()
    state = ApprovalRequest.State
    if request.state == state.OPEN and request.deadline <= now:
        request.state, request.closed_at = state.EXPIRED, now
        request.applied_at = now
        request.save(update_fields=["state", "closed_at", "applied_at"])
    elif request.state in (state.APPROVED, state.REJECTED) and request.applied_at is None:
        request.applied_at = now
        request.save(update_fields=["applied_at"])
    return request


def withdraw_request(*, subject_type: str, subject_id: UUID) -> bool:
    """Close an open request because its subject is given up; False if none was open."""
    request = lock_latest_request(subject_type=subject_type, subject_id=subject_id)
    if request is None or request.state != ApprovalRequest.State.OPEN:
        return False
    request.state, request.closed_at = ApprovalRequest.State.WITHDRAWN, database_now()
    request.save(update_fields=["state", "closed_at"])
    return True
