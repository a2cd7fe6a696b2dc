"""The one clock that deadlines are judged by: the database's."""

from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """Return the wall clock of PostgreSQL at this moment.

    Not `now()`, which is the start of the transaction: a deadline may pass while a lock is waited for.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment
