"""Transactions as the product uses them: durable, bounded in time, retried where PostgreSQL says so."""

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext as _
from psycopg.errors import error_from_result

from holo.common.crash import crash_point
from holo.common.errors import BusyError, ConflictError

logger = logging.getLogger(__name__)
T = TypeVar("T")

SERIALIZATION_FAILURE = "40001"
DEADLOCK_DETECTED = "40P01"
LOCK_NOT_AVAILABLE = "55P03"
QUERY_CANCELED = "57014"
UNIQUE_VIOLATION = "23505"
FOREIGN_KEY_VIOLATION = "23503"
_TIMEOUTS = "SET LOCAL lock_timeout = %s; SET LOCAL statement_timeout = %s;"
_MAX_ATTEMPTS = 5
# Rows that one round trip of a streamed read brings.
_FETCHED = 1000


def sqlstate(error: BaseException) -> str:
    """Return the SQLSTATE behind a Django or psycopg error, or an empty string."""
    cause: BaseException | None = error
    while cause is not None:
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return state
        cause = cause.__cause__
    return ""


def constraint_name(error: BaseException) -> str:
    """Return the name of the constraint or guard behind a Django or psycopg error, or an empty string."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, psycopg.Error):
            return cause.diag.constraint_name or ""
        cause = cause.__cause__
    return ""


def unit_of_work(work: Callable[[], T], *, name: str = "") -> T:
    """Run `work` in one durable transaction with lock and statement timeouts; `name` is its service's.

    A serialization failure or deadlock is run again, at most five times in all, then ConflictError; a lock
    that is not had in time is BusyError at once. `work` must be safe to run again from the start.
    """
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        try:
            with transaction.atomic(durable=True):
                _bound_in_time()
                result = work()
                crash_point(name, "before_commit")
            crash_point(name, "after_commit")
            return result
        except DatabaseError as error:
            state = sqlstate(error)
            if state == LOCK_NOT_AVAILABLE:
                raise BusyError(_("the rows are held by another call")) from error
            if state not in (SERIALIZATION_FAILURE, DEADLOCK_DETECTED):
                raise
            if attempt == _MAX_ATTEMPTS:
                raise ConflictError(_("the call collided with others too often")) from error
            logger.warning("transaction runs again after SQLSTATE %s (attempt %d)", state, attempt)
            time.sleep(random.uniform(0, 0.02 * 2**attempt))
    raise AssertionError("unreachable")


def _bound_in_time(begin: str = "BEGIN") -> None:
    """Set timeouts and fence together with BEGIN, in one round trip; psycopg then finds it begun."""
    raw: Any = connection.connection
    begun = raw.info.transaction_status != psycopg.pq.TransactionStatus.IDLE
    words = "" if begun else f"{begin}; "
    words += _TIMEOUTS % (settings.DB_LOCK_TIMEOUT_MS, settings.DB_STATEMENT_TIMEOUT_MS)
    words += connection.fence_statement()  # type: ignore[attr-defined]  # the wrapper is holo/common/postgres/
    with connection.wrap_database_errors:
        result = raw.pgconn.exec_(words.encode())
        if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
            lost = raw.pgconn.status != psycopg.pq.ConnStatus.OK
            raise psycopg.OperationalError(result.get_error_message()) if lost else error_from_result(result)


def limit_waits() -> None:
    """Limit waits and statements in a transaction that Django has opened, as in a `unit_of_work`."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute(_TIMEOUTS, [settings.DB_LOCK_TIMEOUT_MS, settings.DB_STATEMENT_TIMEOUT_MS])


@contextmanager
def limited_wait() -> Iterator[None]:
    """Run what Django saves without a transaction in one whose waits are limited. Raises BusyError."""
    try:
        with transaction.atomic():
            limit_waits()
            yield
    except DatabaseError as error:
        if sqlstate(error) != LOCK_NOT_AVAILABLE:
            raise
        raise BusyError(_("the rows are held by another call")) from error


def require_transaction() -> None:
    """Refuse to go on outside a transaction: operations change rows inside somebody's unit of work."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("this operation needs its caller's transaction")


@contextmanager
def one_state() -> Iterator[None]:
    """Let all queries inside see one state of the rows, and write nothing; inside a transaction, that one's.

    For a page or an answer: each statement of READ COMMITTED sees what was committed until then, so that of
    two that show parts of one object the later may show a newer one. Costs two round trips.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(durable=True):
        _bound_in_time("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


@contextmanager
def snapshot() -> Iterator[None]:
    """Read everything inside as of one moment, however long it takes; nothing can be written.

    For reports over many rows: work that commits meanwhile is not seen, so nothing is seen half done.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = 0")
        yield


@contextmanager
def contained() -> Iterator[None]:
    """Let a statement inside a transaction fail without ending it."""
    with transaction.atomic():
        yield


def stream(sql: str, parameters: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query through a server-side cursor, so that they are never in memory together."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, parameters)
        while rows := cursor.fetchmany(_FETCHED):
            yield from rows
