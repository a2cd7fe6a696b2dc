"""A connection's health is read from its socket, and its timeouts come with BEGIN."""

import socket
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection, transaction

from holo.common.db import unit_of_work
from holo.stack.postgres import PostgresServer


@pytest.fixture
def watched(fresh_database: str) -> Iterator[int]:
    """An open connection to a database of its own; yields the backend's pid."""
    connection.ensure_connection()
    yield backend()
    connection.close()


def backend() -> int:
    raw = connection.connection
    assert raw is not None
    return int(raw.info.backend_pid)


def shown(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        row = cursor.fetchone()
    assert row is not None
    return str(row[0])


def test_living_connection_is_usable_without_a_question(watched: int, postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as other:
        asked = "SELECT query_start FROM pg_stat_activity WHERE pid = %s"
        before = other.execute(asked, [watched]).fetchone()
        assert connection.is_usable()
        assert other.execute(asked, [watched]).fetchone() == before


def test_terminated_connection_is_replaced_before_its_next_use(
    watched: int, postgres: PostgresServer
) -> None:
    with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [watched])
    assert not connection.is_usable()
    connection.close_if_unusable_or_obsolete()
    assert unit_of_work(lambda: shown("lock_timeout")) == "3s"
    assert backend() != watched


def test_server_that_vanishes_without_a_word_is_given_up_by_the_kernel(watched: int) -> None:
    """Its host is gone and nothing answers: without these a worker or web thread would wait for hours."""
    raw = connection.connection
    assert raw is not None
    with socket.fromfd(raw.fileno(), socket.AF_INET, socket.SOCK_STREAM) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        asked = [
            sock.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        ]
        assert asked == [10, 5, 3]
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000


def test_timeouts_hold_inside_the_transaction_and_end_with_it(watched: int) -> None:
    inside = unit_of_work(lambda: (shown("lock_timeout"), shown("statement_timeout")))
    assert inside == ("3s", "15s")
    assert (shown("lock_timeout"), shown("statement_timeout")) == ("0", "0")


def test_rolled_back_work_leaves_nothing_open(watched: int) -> None:
    def fail() -> None:
        shown("lock_timeout")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        unit_of_work(fail)
    raw = connection.connection
    assert raw is not None
    assert raw.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert not transaction.get_connection().in_atomic_block
