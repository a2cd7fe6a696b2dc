"""Writes audit rows inside the transaction of the change."""

import json
from collections.abc import Mapping
from uuid import UUID

from django.db import connection

from holo.common.actor import Actor
from holo.common.context import request_id
from holo.common.db import require_transaction

_RECORD = """
INSERT INTO audit_auditevent (organization_id, actor_id, actor_label, api_key_id, action, subject_type,
    subject_id, data, request_id, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, clock_timestamp())
"""


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
    row = (actor.organization_id, actor.acting_id, actor.reference, actor.api_key_id, action, subject_type)
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [*row, str(subject_id), json.dumps(dict(data or {})), request_id()])
