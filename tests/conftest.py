"""The real servers of the test run, and a database of its own for whoever commits.

PostgreSQL, Valkey and Temporal are started once a session by the product's own launchers, in a temporary
folder, on free ports. Tests connect as the app role.
"""

import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from pytest_django.plugin import DjangoDbBlocker

from holo.settings import database
from holo.stack.ports import free_port
from holo.stack.postgres import PostgresServer
from holo.stack.temporal_cli import require_temporal
from holo.stack.temporal_server import TemporalServer
from holo.stack.valkey import ValkeyServer

pytest_plugins = ["tests.proof", "tests.coverage_floor"]
TEMPLATE = "holo"


# A job in the background starts with SIGINT ignored, and so would all commands that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server_dir() -> Iterator[Path]:
    """A folder for the servers' data."""
    with tempfile.TemporaryDirectory(prefix="holo-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres(server_dir: Path) -> Iterator[PostgresServer]:
    """A running PostgreSQL with the two roles and an empty database."""
    server = PostgresServer(
        server_dir / "postgres", port=free_port(), durable=False, settings={"max_connections": "300"}
    )
    server.start()
    try:
        server.wait_ready()
        server.ensure_database()
        yield server
    finally:
        connections.close_all()
        server.stop()


@pytest.fixture(scope="session")
def valkey(server_dir: Path) -> Iterator[ValkeyServer]:
    """A running Valkey, which the settings of this process and its children name."""
    server = ValkeyServer(server_dir / "valkey", port=free_port())
    server.start()
    try:
        server.wait_ready()
        settings.REDIS_URL = settings.CELERY_BROKER_URL = server.url
        os.environ["REDIS_URL"] = server.url
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def temporal(server_dir: Path) -> Iterator[TemporalServer]:
    """A running Temporal dev server, which the settings of this process and its children name."""
    server = TemporalServer(
        require_temporal().path, port=free_port(), ui_port=free_port(), log=server_dir / "temporal.log"
    )
    server.start()
    try:
        server.wait_ready()
        settings.TEMPORAL_ADDRESS = os.environ["TEMPORAL_ADDRESS"] = server.address
        settings.TEMPORAL_UI_URL = os.environ["TEMPORAL_UI_URL"] = server.ui_url
        yield server
    finally:
        server.stop()


def use_database(server: PostgresServer, name: str) -> None:
    """Point this process and its children at a database, as the app role."""
    connections.close_all()
    os.environ["DATABASE_URL"] = server.app_url(name)
    os.environ["MIGRATE_DATABASE_URL"] = server.owner_url(name)
    settings.MIGRATE_DATABASE_URL = server.owner_url(name)
    target = connections.settings["default"]
    fresh = database(server.app_url(name))
    for field in ("NAME", "HOST", "PORT", "USER", "PASSWORD"):
        target[field] = fresh[field]
    target["TEST"] = {**target.get("TEST", {}), "NAME": fresh["NAME"]}


@pytest.fixture(scope="session")
def django_db_setup(postgres: PostgresServer, django_db_blocker: DjangoDbBlocker) -> None:
    """Migrate the template once, as the owner; then run on a clone of it, as the app role."""
    with django_db_blocker.unblock():
        use_database(postgres, TEMPLATE)
        call_command("migrate", verbosity=0)
        connections.close_all()
        postgres.create_database("holo_tests", template=TEMPLATE)
        use_database(postgres, "holo_tests")


_counter = iter(range(1, 1_000_000))


def cloned_database(server: PostgresServer, blocker: DjangoDbBlocker) -> Iterator[str]:
    """Give a database cloned from the migrated template, drop it afterwards; connect freely."""
    name = f"holo_clone_{next(_counter)}"
    server.create_database(name, template=TEMPLATE)
    with blocker.unblock():
        use_database(server, name)
        try:
            yield name
        finally:
            use_database(server, "holo_tests")
            server.drop_database(name)


@pytest.fixture
def fresh_database(
    postgres: PostgresServer, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[str]:
    """A database of the test's own, for tests that commit, use threads or processes; yields its name."""
    yield from cloned_database(postgres, django_db_blocker)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerAccess:
    """How a test plants what only the owner of the tables could."""

    server: PostgresServer
    database: str

    def execute(self, sql: str) -> None:
        """Run SQL as the owner."""
        import psycopg

        with psycopg.connect(self.server.owner_url(self.database)) as connection:
            connection.execute(sql.encode())


@pytest.fixture
def owner(postgres: PostgresServer, fresh_database: str) -> OwnerAccess:
    """The owner's access to the test's own database."""
    return OwnerAccess(server=postgres, database=fresh_database)
