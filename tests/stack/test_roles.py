"""Roles of PostgreSQL: what the app role may not choose, and what those who only read may not see."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from holo.stack.grants import READERS, shut_columns
from holo.stack.ports import LOOPBACK
from holo.stack.postgres import PostgresServer
from holo.stack.temporal_server import TemporalServer
from tests.conftest import OwnerAccess
from tests.live import register_namespace
from tests.stack.conftest import ROOT
from tests.stories import PHONE, build_shop

PASSWORD = "reading-only-7c1f"
# Named like something that opens, and no such thing.
_HARMLESS = {
    "approvals_approvalrequest.subject_digest": "of an order, so that nobody approves another one",
    "approvals_approvaldecision.digest_seen": "the same",
    "apiauth_authorizationcode.token_id": "which token came of it",
    "secretstore_secretversion.secret_id": "which secret it is of",
}
_SMELL = re.compile(r"passw|secret|token|hash|digest|cipher|session|data_key")


@pytest.fixture(scope="module")
def shop(module_database: str) -> None:
    """Rows to look at."""
    build_shop().place(PHONE)


@pytest.fixture(scope="module")
def readers(postgres: PostgresServer, module_database: str, shop: None) -> Iterator[dict[str, str]]:
    """The addresses of somebody who audits and of somebody who checks."""
    with psycopg.connect(postgres.superuser_dsn("postgres"), autocommit=True) as root:
        for role in READERS:
            make = "CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}"
            name, of = sql.Identifier(f"{role}_ada"), sql.Identifier(role)
            root.execute(sql.SQL(make).format(name, sql.Literal(PASSWORD), of))
        yield {
            role: f"postgres://{role}_ada:{PASSWORD}@{LOOPBACK}:{postgres.port}/{module_database}"
            for role in READERS
        }
        for role in READERS:
            root.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(f"{role}_ada")))


def run(address: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(address) as reader:
        found = reader.execute(statement.encode())
        return found.fetchall() if found.description else []


@pytest.mark.parametrize("role", READERS)
def test_readers_read_what_happened(readers: dict[str, str], role: str) -> None:
    for table in ("orders_order", "orders_orderevent", "audit_auditevent", "inventory_stockmovement"):
        assert run(readers[role], f"SELECT * FROM {table}"), table
    assert run(readers[role], "SELECT email FROM identity_user")


@pytest.mark.parametrize("role", READERS)
def test_readers_see_nothing_that_opens_something(
    readers: dict[str, str], postgres: PostgresServer, module_database: str, role: str
) -> None:
    shut: dict[str, Iterable[str]] = {**{table: ["*"] for table in READERS[role]}, **shut_columns()}
    assert len(shut) >= 10
    for table, columns in shut.items():
        for column in columns:
            assert run(postgres.app_url(module_database), f"SELECT {column} FROM {table}") is not None
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                run(readers[role], f"SELECT {column} FROM {table}")


@pytest.mark.parametrize("role", READERS)
@pytest.mark.parametrize(
    "attack",
    [
        "INSERT INTO orders_orderhandover (order_id) SELECT id FROM orders_order",
        "UPDATE orders_order SET version = 9",
        "DELETE FROM orders_order",
        "TRUNCATE audit_auditevent",
        "SELECT * FROM orders_order FOR UPDATE",
        "SELECT nextval('orders_order_number_seq')",
        "SELECT orders_next_number(id) FROM identity_organization",
        "CREATE TEMP TABLE audit_auditevent (id int)",
        "CREATE TABLE more (id int)",
        "DROP POLICY holo_organization ON orders_order",
        "SET ROLE holo_owner",
        "SET ROLE holo_app",
        "COPY orders_order TO PROGRAM 'cat'",
    ],
)
def test_readers_change_nothing(readers: dict[str, str], role: str, attack: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(readers[role], attack)


def test_checker_runs_verify(readers: dict[str, str], temporal: TemporalServer) -> None:
    command = [sys.executable, "manage.py", "verify"]
    # Runs that other tests left open belong to no order of this database.
    namespace = f"checker-{os.getpid()}"
    register_namespace(namespace)
    env = {**os.environ, "DATABASE_URL": readers["holo_checker"], "TEMPORAL_NAMESPACE": namespace}
    found = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_whatever_is_named_like_something_that_opens_is_shut(owner: OwnerAccess) -> None:
    with psycopg.connect(owner.server.owner_url(owner.database)) as own:
        columns = own.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()
    assert len(columns) > 200
    found = {(table, column) for table, column in columns if _SMELL.search(column)}
    shut = {(table, column) for table, column in columns if is_shut(table, column)}
    assert {f"{table}.{column}" for table, column in found - shut} == set(_HARMLESS)


def is_shut(table: str, column: str) -> bool:
    return table in READERS["holo_checker"] or column in shut_columns().get(table, frozenset())


def test_app_role_chooses_no_number_of_an_append_only_row(
    shop: None, postgres: PostgresServer, module_database: str
) -> None:
    columns = "organization_id, actor_label, action, subject_type, subject_id, data, request_id, created_at"
    of_another = f"SELECT {columns} FROM audit_auditevent LIMIT 1"
    # Taken back: `verify` would tell of it to the test of the checker.
    with psycopg.connect(postgres.app_url(module_database)) as app:
        app.execute(f"INSERT INTO audit_auditevent ({columns}) {of_another}".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(f"INSERT INTO audit_auditevent (id, {columns}) SELECT -1, {of_another[7:]}".encode())
        app.rollback()


def test_path_of_the_app_role_ends_with_temporary_tables(fresh_database: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW search_path")
        assert cursor.fetchone() == ("public,pg_temp",)
