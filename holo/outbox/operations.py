"""Puts messages into the transaction of their cause."""

import json
from collections.abc import Mapping
from uuid import UUID

from django.db import connection

from holo.common.context import request_id
from holo.common.db import require_transaction

CHANNEL = "holo_outbox"
# The NOTIFY is sent at commit, folded with others of the transaction; a mere hint, the relay polls as well.
_ENQUEUE = f"""
INSERT INTO outbox_outboxmessage
    (topic, key, payload, organization_id, request_id, created_at, available_at, attempts, last_error)
VALUES (%s, %s, %s::jsonb, %s, %s, clock_timestamp(), clock_timestamp(), 0, '');
NOTIFY {CHANNEL}
"""  # noqa: S608 # of the code's own words


def enqueue(*, topic: str, key: str, organization_id: UUID, payload: Mapping[str, object]) -> None:
    """Add a message that is delivered at least once after the commit, in order among those of `key`.

    `topic` is `<app>.<past tense>`; `payload` is JSON with ids, no rows and no personal data.
    """
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute(_ENQUEUE, [topic, key, json.dumps(payload), organization_id, request_id()])
