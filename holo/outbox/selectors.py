"""How far the relay is behind."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from holo.outbox.models import OutboxMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Messages not yet delivered: the age of the oldest in seconds, how many, and dead letters apart.

    Messages that wait behind a dead letter of their key count as pending, and their age as lag.
    """

    lag_seconds: float
    pending: int
    dead: int


def get_backlog() -> Backlog:
    """Return what is not yet delivered."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(EXTRACT(EPOCH FROM clock_timestamp()"
            "   - min(created_at) FILTER (WHERE dead_at IS NULL)), 0)::float,"
            " count(*) FILTER (WHERE dead_at IS NULL), count(*) FILTER (WHERE dead_at IS NOT NULL)"
            " FROM outbox_outboxmessage WHERE delivered_at IS NULL"
        )
        row = cursor.fetchone()
    assert row is not None
    return Backlog(lag_seconds=max(0.0, row[0]), pending=row[1], dead=row[2])


def count_pending() -> int:
    """Return how many messages wait, dead letters left out."""
    return OutboxMessage.objects.filter(delivered_at=None, dead_at=None).count()


def count_dead_letters() -> int:
    """Return how many messages were given up."""
    return OutboxMessage.objects.filter(delivered_at=None, dead_at__isnull=False).count()


def list_undelivered(*, keys: Iterable[str]) -> list[OutboxMessage]:
    """Return the messages of `keys` that wait or were given up, in order of delivery."""
    return list(OutboxMessage.objects.filter(delivered_at=None, key__in=list(keys)).order_by("id"))
