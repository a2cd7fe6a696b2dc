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


def subjects_of(*, actor_id: UUID, action: str, subject_type: str) -> list[str]:
    """Return the ids of what a person did something to."""
    events = AuditEvent.objects.filter(subject_type=subject_type, action=action, actor_id=actor_id)
    return list(events.values_list("subject_id", flat=True))
