"""Reads of the audit trail."""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db.models import Q, QuerySet

from holo.audit.models import AuditEvent


def list_history(
    subjects: Sequence[tuple[str, str]], *, organization_ids: Collection[UUID] | None
) -> QuerySet[AuditEvent]:
    """Return what the trail says of a row, newest first.

    `subjects` are the types and ids by which it names the row. `organization_ids` None means all.
    """
    about = Q()
    for subject_type, subject_id in subjects:
        about |= Q(subject_type=subject_type, subject_id=subject_id)
    rows = AuditEvent.objects.filter(about).order_by("-id")
    return rows if organization_ids is None else rows.filter(organization_id__in=organization_ids)
