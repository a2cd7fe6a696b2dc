"""Commands on deliveries: plan them from a message, claim one for an attempt, record how it ended."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models.functions import Now

from holo.deliveries import policy
from holo.deliveries.kinds import Item, Recipient, find_kind
from holo.deliveries.models import Delivery
from holo.deliveries.operations import add_deliveries
from holo.idempotency.commands import command
from holo.outbox.delivery import Delivery as Message

State = Delivery.State
# Two claims at once would both count the attempts in progress before either is one of them.
_ONE_AFTER_THE_OTHER = "SELECT pg_advisory_xact_lock(hashtextextended('deliveries.claim', 0))"
# The time of the next attempt is set here too: one that dies does not come before all the others again.
_CLAIM = """
UPDATE deliveries_delivery SET attempts = attempts + 1,
    claimed_until = clock_timestamp() + make_interval(secs => %(seconds)s),
    available_at = clock_timestamp()
        + make_interval(secs => (%(waits)s::float[])[least(attempts + 1, cardinality(%(waits)s::float[]))])
WHERE id = (
    SELECT id FROM deliveries_delivery
    WHERE state = 'waiting' AND available_at <= clock_timestamp()
      AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
      AND %(at_once)s > (
          SELECT count(*) FROM deliveries_delivery
          WHERE state = 'waiting' AND claimed_until >= clock_timestamp())
    ORDER BY available_at, id LIMIT 1
    FOR UPDATE SKIP LOCKED)
RETURNING id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended; WAITING if another one may help."""

    state: Delivery.State
    problem: str = ""


@command
def plan_deliveries(*, message: Message) -> int:
    """Add a row for each recipient of an outbox message; return how many recipients there are.

    Idempotent by the id of the message. Takes no locks.
    """
    kind = find_kind(message.topic)
    assert kind is not None, message.topic
    assert kind.recipients is not None, message.topic
    return add_deliveries(
        kind=kind.name,
        organization_id=message.organization_id,
        recipients=kind.recipients(message.payload),
        data=message.payload,
        source=f"outbox:{message.id}",
    )


@command
def claim_delivery() -> Item | None:
    """Take the delivery that has been due longest for one attempt; None if there is none, or none may begin.

    Not idempotent: each call is an attempt, and counts even if its process dies. Locks the claims of others
    (advisory), then the row; skips rows that are locked.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ONE_AFTER_THE_OTHER)
        cursor.execute(
            _CLAIM,
            {
                "seconds": policy.CLAIM.total_seconds(),
                "waits": [wait.total_seconds() for wait in policy.WAITS],
                "at_once": policy.AT_ONCE,
            },
        )
        found = cursor.fetchone()
    if found is None:
        return None
    row = Delivery.objects.get(pk=found[0])
    return Item(
        id=row.pk,
        kind=row.kind,
        organization_id=row.organization_id,
        recipient=Recipient(id=row.recipient_id, address=row.address),
        data=row.data,
        request_id=row.request_id,
        attempt=row.attempts,
    )


@command
def record_attempt(*, item: Item, outcome: Outcome) -> None:
    """Record how an attempt ended; a failed one is tried again later, until the last has failed.

    Idempotent by nature. An attempt whose claim has passed to another records only that it delivered. Locks
    what the kind's `ended` locks, then the row.
    """
    wait = policy.wait_after(item.attempt) if outcome.state == State.WAITING else None
    state = State.GIVEN_UP if outcome.state == State.WAITING and wait is None else outcome.state
    row = Delivery.objects.filter(pk=item.id, state=State.WAITING)
    if state != State.DELIVERED:
        row = row.filter(attempts=item.attempt)
    kind = find_kind(item.kind)
    if state != State.WAITING and kind is not None and kind.ended is not None and row.exists():
        kind.ended(item, state == State.DELIVERED)
    if state == State.WAITING:
        row.update(
            claimed_until=None, available_at=Now() + (wait or timedelta()), last_problem=outcome.problem
        )
        return
    # The address was needed for nothing but the mail. One that failed is shown to administrators.
    kept = {} if state in (State.REFUSED, State.GIVEN_UP) else {"address": ""}
    row.update(claimed_until=None, state=state, ended_at=Now(), last_problem=outcome.problem, **kept)
