"""How much waits, and how much failed."""

from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Deliveries that wait, the longest delay of one that is due in seconds, and those that failed."""

    waiting: int
    late_seconds: float
    refused: int
    given_up: int


def get_backlog() -> Backlog:
    """Return what has not been delivered, as far as it is still kept."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE state = 'waiting'),"
            " greatest(0, EXTRACT(EPOCH FROM clock_timestamp()"
            "   - min(available_at) FILTER (WHERE state = 'waiting')))::float,"
            " count(*) FILTER (WHERE state = 'refused'), count(*) FILTER (WHERE state = 'given_up')"
            " FROM deliveries_delivery WHERE state IN ('waiting', 'refused', 'given_up')"
        )
        row = cursor.fetchone()
    assert row is not None
    return Backlog(waiting=row[0], late_seconds=row[1] or 0.0, refused=row[2], given_up=row[3])
