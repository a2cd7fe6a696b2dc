"""Reads of approval requests."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet

from holo.approvals.models import ApprovalRequest


def find_latest_request(*, subject_type: str, subject_id: UUID) -> ApprovalRequest | None:
    """Return the newest request about a subject, with its decisions."""
    return (
        ApprovalRequest.objects.filter(subject_type=subject_type, subject_id=subject_id)
        .prefetch_related("decisions__actor")
        .order_by("-subject_version")
        .first()
    )


def list_open_requests(organization_ids: Iterable[UUID]) -> QuerySet[ApprovalRequest]:
    """Return what waits for a decision, most urgent first."""
    return ApprovalRequest.objects.filter(
        organization_id__in=list(organization_ids), state=ApprovalRequest.State.OPEN
    ).order_by("deadline")
