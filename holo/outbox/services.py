"""Commands on outbox messages."""

from collections.abc import Collection

from django.db import connection

from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.db import unit_of_work
from holo.outbox.operations import CHANNEL

_RETRY = """
UPDATE outbox_outboxmessage
SET dead_at = NULL, claimed_until = NULL, attempts = 0, available_at = clock_timestamp()
WHERE id = ANY(%s) AND organization_id = %s AND dead_at IS NOT NULL AND delivered_at IS NULL
RETURNING id, topic, key
"""


def retry_dead_letters(*, actor: Actor, message_ids: Collection[int]) -> int:
    """Give dead letters of the actor's organisation another ten tries; return how many there were.

    Ids of messages that are no dead letters, or another organisation's, are passed over. The later messages
    of their keys follow in order. Each is audited. Idempotent: the second call finds none.
    """
    return unit_of_work(lambda: _retry(actor, message_ids))


def _retry(actor: Actor, message_ids: Collection[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_RETRY, [list(message_ids), actor.organization_id])
        rows = cursor.fetchall()
        cursor.execute(f"NOTIFY {CHANNEL}")
    for number, topic, key in rows:
        record_audit(
            actor=actor,
            action="outbox.dead_letter_retried",
            subject_type="outbox.message",
            subject_id=str(number),
            data={"topic": topic, "key": key},
        )
    return len(rows)
