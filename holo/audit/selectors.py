"""Reads the audit trail for other apps."""

from uuid import UUID

from holo.audit.models import AuditEvent


def subjects_of(*, actor_id: UUID, action: str, subject_type: str) -> list[str]:
    """Return the ids of what a person did something to."""
    events = AuditEvent.objects.filter(subject_type=subject_type, action=action, actor_id=actor_id)
    return list(events.values_list("subject_id", flat=True))
