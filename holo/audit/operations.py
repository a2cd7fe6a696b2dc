"""Writes audit rows inside the transaction of the change."""

from collections.abc import Mapping
from uuid import UUID

from holo.audit.models import AuditEvent
from holo.common.actor import Actor
from holo.common.context import request_id
from holo.common.db import require_transaction


def record_audit(
    *,
    actor: Actor,
    action: str,
    subject_type: str,
    subject_id: UUID | str,
    data: Mapping[str, object] | None = None,
) -> None:
    """Write that `actor` did `action` (`<app>.<past tense>`) to a row. `data` must hold no personal data."""
    require_transaction()
    AuditEvent.objects.create(
        organization_id=actor.organization_id,
        actor_id=actor.user_id,
        actor_label=actor.label,
        api_key_id=actor.api_key_id,
        action=action,
        subject_type=subject_type,
        subject_id=str(subject_id),
        data=dict(data or {}),
        request_id=request_id(),
    )
