"""`manage.py migrate`: as the owner, one at a time, leaving the app role fenced in."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django.fixtures import Settings

from holo.stack.grants import guarded_tables
from holo.stack.management.commands.migrate import _LOCK
from holo.stack.postgres import APP, OWNER, PostgresServer
from tests.stack.conftest import ROOT, eventually

pytestmark = pytest.mark.usefixtures("fresh_database")
# Of this test's database: other tests lock at the same time.
_ADVISORY_LOCKS = """pg_locks WHERE locktype = 'advisory'
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


@pytest.fixture
def tables(fresh_database: str) -> Iterator[list[str]]:
    """Every table of the product."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        yield [row[0] for row in cursor.fetchall()]


def test_app_role_reads_every_table_and_owns_none(tables: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (APP,)
        cursor.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchall() == [(OWNER,)]
        for table in tables:
            cursor.execute("SELECT has_table_privilege(%s, 'SELECT')", [table])
            assert cursor.fetchone() == (True,), table
            cursor.execute("SELECT has_table_privilege(%s, 'TRUNCATE, TRIGGER, REFERENCES')", [table])
            assert cursor.fetchone() == (False,), table


def test_append_only_tables_refuse_raw_changes_by_the_app_role(
    tables: list[str], postgres: PostgresServer, fresh_database: str
) -> None:
    with connection.cursor() as cursor:
        guarded = guarded_tables(cursor)
    for table in guarded:
        for statement in (
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
            f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        ):
            with (
                psycopg.connect(postgres.app_url(fresh_database)) as own,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                own.execute(statement.encode())


def test_connection_is_the_app_roles_again_afterwards() -> None:
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (APP,)
        cursor.execute(f"SELECT count(*) FROM {_ADVISORY_LOCKS}")
        assert cursor.fetchone() == (0,)


def test_second_migrate_waits_for_the_first(postgres: PostgresServer, fresh_database: str) -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"]
    with psycopg.connect(postgres.owner_url(fresh_database), autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        second = subprocess.Popen(command, cwd=ROOT, env={**os.environ}, stderr=subprocess.PIPE)
        waiting = f"SELECT count(*) FROM {_ADVISORY_LOCKS} AND NOT granted"
        assert eventually(lambda: first.execute(waiting.encode()).fetchone() == (1,))
        assert second.poll() is None
    _, errors = second.communicate(timeout=120)
    assert (second.returncode, errors) == (0, b"")


def test_owner_that_can_not_connect_is_one_line(settings: Settings) -> None:
    settings.MIGRATE_DATABASE_URL = "postgres://nobody:secretword@127.0.0.1:1/holo"
    with pytest.raises(CommandError, match=r"PostgreSQL: .*refused") as caught:
        call_command("migrate", verbosity=0)
    assert "secretword" not in str(caught.value)
    assert "\n" not in str(caught.value)


# --- Back and forward again ----------------------------------------------------------------------

_SCHEMA = """
SELECT 'column', table_name || '.' || column_name, data_type || ' ' || is_nullable
    || coalesce(' ' || column_default, '') || coalesce(' ' || character_maximum_length, '')
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid) || ' '
    || tgenabled::text
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'option', relname, reloptions::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL
"""
_KEPT = {"django_migrations"}


def schema() -> set[tuple[str, str, str]]:
    """Return what the migrations have made: columns, constraints, indexes, triggers, functions."""
    with connection.cursor() as cursor:
        cursor.execute(_SCHEMA)
        return set(cursor.fetchall())


def own_apps() -> list[str]:
    """Return the labels of the product's apps that have migrations, those that others need last."""
    return [
        config.label
        for config in reversed(list(apps.get_app_configs()))
        if (Path(config.path) / "migrations").is_dir() and ROOT in Path(config.path).parents
        if ".venv" not in Path(config.path).parts
    ]


def test_migrations_go_back_to_nothing_and_forward_to_the_same_schema() -> None:
    """One without a way back would have to say why; there is none."""
    before = schema()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_migrations")
        applied = cursor.fetchone()
    for label in own_apps():
        call_command("migrate", label, "zero", verbosity=0)
    left = {name.partition(".")[0] for kind, name, _definition in schema() if kind == "column"}
    assert not {table for table in left - _KEPT if table.partition("_")[0] in own_apps()}
    # The functions that tables share stay: each table makes them, so none may take them away.
    kept = [name for kind, name, _definition in schema() if kind in ("trigger", "function")]
    shared = {"holo_refuse", "holo_refuse_change", "holo_refuse_second_value", "holo_stamp_time"}
    assert set(kept) == shared
    call_command("migrate", verbosity=0)
    assert schema() == before
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_migrations")
        assert cursor.fetchone() == applied
