"""Transactions as the product uses them: durable, bounded in time, retried where PostgreSQL says so."""

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from holo.common.errors import BusyError, ConflictError

logger = logging.getLogger(__name__)
T = TypeVar("T")

SERIALIZATION_FAILURE = "40001"
DEADLOCK_DETECTED = "40P01"
LOCK_NOT_AVAILABLE = "55P03"
_MAX_ATTEMPTS = 5


def sqlstate(error: BaseException) -> str:
    """Return the SQLSTATE behind a Django or psycopg error, or an empty string."""
    cause: BaseException | None = error
    while cause is not None:
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return state
        cause = cause.__cause__
    return ""


def unit_of_work(work: Callable[[], T]) -> T:
    """Run `work` in one durable transaction with lock and statement timeouts.

    A serialization failure or deadlock is run again, at most five times in all, then ConflictError; a lock
    that is not had in time is BusyError at once. `work` must be safe to run again from the start.
    """
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        try:
            with transaction.atomic(durable=True):
                _bound_in_time()
                return work()
        except DatabaseError as error:
            state = sqlstate(error)
            if state == LOCK_NOT_AVAILABLE:
                raise BusyError("the rows are held by another call") from error
            if state not in (SERIALIZATION_FAILURE, DEADLOCK_DETECTED):
                raise
            if attempt == _MAX_ATTEMPTS:
                raise ConflictError("the call collided with others too often") from error
            logger.warning("transaction runs again after SQLSTATE %s (attempt %d)", state, attempt)
            time.sleep(random.uniform(0, 0.02 * 2**attempt))
    raise AssertionError("unreachable")


def _bound_in_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true)",
            [str(settings.DB_LOCK_TIMEOUT_MS), str(settings.DB_STATEMENT_TIMEOUT_MS)],
        )


def require_transaction() -> None:
    """Refuse to go on outside a transaction: operations change rows inside somebody's unit of work."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("this operation needs its caller's transaction")
