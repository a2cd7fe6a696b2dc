"""Puts messages into the transaction of their cause."""

import json
from collections.abc import Mapping
from uuid import UUID

from django.db import connection, transaction

from holo.common.context import request_id
from holo.common.db import require_transaction

CHANNEL = "holo_outbox"
_ENQUEUE = """
INSERT INTO outbox_outboxmessage
    (topic, key, payload, organization_id, request_id, created_at, available_at, attempts, last_error)
VALUES (%s, %s, %s::jsonb, %s, %s, clock_timestamp(), clock_timestamp(), 0, '')
"""


def enqueue(*, topic: str, key: str, organization_id: UUID, payload: Mapping[str, object]) -> None:
    """Add a message that is delivered at least once after the commit, in order among those of `key`.

    `topic` is `<app>.<past tense>`; `payload` is JSON with ids, no rows and no personal data.
    """
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute(_ENQUEUE, [topic, key, json.dumps(payload), organization_id, request_id()])
    if all(entry[1] is not _wake_relay for entry in connection.run_on_commit):
        transaction.on_commit(_wake_relay, robust=True)


def _wake_relay() -> None:
    """Wake the relay after the commit. It polls as well, so that a lost NOTIFY costs a second.

    PostgreSQL lets transactions with a NOTIFY commit one after the other. pgbench, one durable insert each,
    16 clients, two cores: 3,617 a second with NOTIFY inside, 10,378 with it afterwards, 14,032 without.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")
