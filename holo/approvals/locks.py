"""The only row locks of this package. Global order: subject (such as an order), then its request."""

from uuid import UUID

from holo.approvals.models import ApprovalRequest
from holo.common.db import require_transaction


def lock_request(request_id: UUID) -> ApprovalRequest:
    """Lock one request. Raises ApprovalRequest.DoesNotExist."""
    require_transaction()
    return ApprovalRequest.objects.select_for_update(no_key=True).get(pk=request_id)


def lock_latest_request(*, subject_type: str, subject_id: UUID) -> ApprovalRequest | None:
    """Lock the newest request about a subject, if there is one."""
    require_transaction()
    return (
        ApprovalRequest.objects.select_for_update(no_key=True)
        .filter(subject_type=subject_type, subject_id=subject_id)
        .order_by("-subject_version")
        .first()
    )
