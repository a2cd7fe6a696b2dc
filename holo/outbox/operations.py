"""Puts messages into the transaction of their cause."""

from collections.abc import Mapping
from uuid import UUID

from django.db import connection

from holo.common.context import request_id
from holo.common.db import require_transaction
from holo.outbox.models import OutboxMessage

CHANNEL = "holo_outbox"


def enqueue(*, topic: str, key: str, organization_id: UUID, payload: Mapping[str, object]) -> None:
    """Add a message that is delivered at least once after the commit, in order among those of `key`.

    `topic` is `<app>.<past tense>`; `payload` is JSON with ids, no rows and no personal data.
    """
    require_transaction()
    OutboxMessage.objects.create(
        topic=topic,
        key=key,
        organization_id=organization_id,
        payload=dict(payload),
        request_id=request_id(),
    )
    with connection.cursor() as cursor:
        # Sent at commit and folded with others of the transaction; a hint only, the relay polls as well.
        cursor.execute(f"NOTIFY {CHANNEL}")
