"""The relay's statements: claim a batch, mark what was delivered, put back what was not.

Each is one statement in autocommit, so that nothing is open during a delivery. A claim is a short lease; its
exact end is the token by which a relay knows that the message is still its own.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from holo.outbox.delivery import Delivery

# Longer than any delivery may take; a killed relay's messages come again after it.
LEASE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A message that this relay alone delivers until `until`; `attempts` counts earlier failures."""

    message: Delivery
    until: datetime
    attempts: int


# The head of each key alone is taken: whatever is older and undelivered, a dead letter too, holds it back.
# Messages of one key get rising ids in commit order where their causes hold the lock of one subject.
_CLAIM = """
UPDATE outbox_outboxmessage SET claimed_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id IN (
    SELECT id FROM outbox_outboxmessage AS head
    WHERE delivered_at IS NULL AND dead_at IS NULL
      AND available_at <= clock_timestamp()
      AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
      AND topic <> ALL(%(paused)s) AND (%(only)s::text IS NULL OR topic = %(only)s)
      AND NOT EXISTS (
          SELECT FROM outbox_outboxmessage AS earlier
          WHERE earlier.key = head.key AND earlier.id < head.id AND earlier.delivered_at IS NULL)
    ORDER BY id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED)
RETURNING id, topic, key, payload::text, organization_id, request_id, claimed_until, attempts
"""


def claim(
    *, limit: int, paused: Collection[str] = (), only: str | None = None, lease: timedelta = LEASE
) -> list[Claim]:
    """Claim up to `limit` messages, oldest first, leaving out the paused topics, or of topic `only`."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM, {"limit": limit, "paused": list(paused), "only": only, "lease": lease.total_seconds()}
        )
        rows = cursor.fetchall()
    return [_claim(row) for row in sorted(rows, key=lambda row: row[0])]


def _claim(row: Sequence[Any]) -> Claim:
    number, topic, key, payload, organization_id, request_id, until, attempts = row
    return Claim(
        message=Delivery(
            id=number,
            topic=topic,
            key=key,
            payload=json.loads(payload),
            organization_id=organization_id,
            request_id=request_id,
        ),
        until=until,
        attempts=attempts,
    )


def mark_delivered(claims: Sequence[Claim]) -> None:
    """Note that the messages have been taken, also when the lease has run out meanwhile: taken is taken."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_outboxmessage"
            " SET delivered_at = clock_timestamp(), claimed_until = NULL, dead_at = NULL, last_error = ''"
            " WHERE id = ANY(%s) AND delivered_at IS NULL",
            [[claim.message.id for claim in claims]],
        )


def put_back(claim: Claim, *, error: str, wait: timedelta, counts: bool) -> None:
    """Give a message back for another try after `wait`; `counts` says whether the failure counts."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_outboxmessage SET claimed_until = NULL,"
            " available_at = clock_timestamp() + make_interval(secs => %s),"
            " attempts = attempts + %s, last_error = %s"
            " WHERE id = %s AND claimed_until = %s AND delivered_at IS NULL",
            [wait.total_seconds(), int(counts), error, claim.message.id, claim.until],
        )


def bury(claim: Claim, *, error: str) -> None:
    """Make a message a dead letter."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_outboxmessage SET claimed_until = NULL, dead_at = clock_timestamp(),"
            " attempts = attempts + 1, last_error = %s"
            " WHERE id = %s AND claimed_until = %s AND delivered_at IS NULL",
            [error, claim.message.id, claim.until],
        )


def release(claims: Sequence[Claim]) -> None:
    """Give back messages that were claimed and not tried."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_outboxmessage AS message SET claimed_until = NULL"
            " FROM unnest(%s::bigint[], %s::timestamptz[]) AS mine(id, until)"
            " WHERE message.id = mine.id AND message.claimed_until = mine.until",
            [[claim.message.id for claim in claims], [claim.until for claim in claims]],
        )
