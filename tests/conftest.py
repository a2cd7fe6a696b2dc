"""The servers of the test run as fixtures, and a database of its own for each test that commits.

The product's own launchers start the servers once for a run (`tests/servers.py`). Tests connect as the app
role.
"""

import math
import os
import signal
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.utils import translation
from pytest_django.plugin import DjangoDbBlocker

from holo.common.outside_calls import ports
from holo.server_urls import database
from holo.stack.postgres import PostgresServer
from holo.stack.temporal_server import TemporalServer
from holo.stack.valkey import ValkeyServer
from tests.planting import FUNCTION
from tests.servers import Servers, servers_of

pytest_plugins = ["tests.schedule", "tests.proof", "tests.coverage_floor"]
# No address names it by default: it cannot be cloned while somebody is connected to it.
TEMPLATE = "holo_template"


# How long an example takes depends on what else the machine does.
hypothesis.settings.register_profile(
    "tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tests")

# A job in the background starts with SIGINT ignored, and so would all commands that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Register the hooks of the servers, whose module this one imports."""
    config.pluginmanager.register(sys.modules[Servers.__module__], "servers")


@pytest.fixture(scope="session")
def server_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this process for logs and sockets."""
    return tmp_path_factory.mktemp("servers")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let what a test logs be sent between processes: half a character stops the whole run."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.fixture(scope="session", autouse=True)
def demo_banner_decided() -> None:
    """Let no page look for demo passwords, which it does every 30 s: tests count a page's queries."""
    from holo.identity import context_processors

    context_processors._looked["answer"] = (math.inf, False)


@pytest.fixture(autouse=True)
def no_language_left() -> Iterator[None]:
    """Leave each test in the default language: Django's client leaves that of its last request behind."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session", autouse=True)
def nothing_begins() -> None:
    """Let no answer wait for the process of a change to begin: but for `test_users.py` there is none."""
    from workflows.users.api import views

    views._BEGINNING = 0.0


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Servers:
    """The servers of the run."""
    return servers_of(pytestconfig)


@pytest.fixture(scope="session")
def postgres(servers: Servers) -> Iterator[PostgresServer]:
    """A running PostgreSQL with its roles and an empty database."""
    with servers.running(servers.postgres):
        with servers.alone("roles") as first:
            if first:
                servers.postgres.ensure_database()
                servers.postgres.create_database(TEMPLATE)
        try:
            yield servers.postgres
        finally:
            connections.close_all()


@pytest.fixture(scope="session")
def valkey(servers: Servers) -> Iterator[ValkeyServer]:
    """A running Valkey; the settings of a test that asks for it name it."""
    with servers.running(servers.valkey):
        yield servers.valkey


@pytest.fixture(scope="session")
def temporal(servers: Servers) -> Iterator[TemporalServer]:
    """A running Temporal server; the settings of a test that asks for it name it."""
    with servers.running(servers.temporal):
        yield servers.temporal


def use_database(server: PostgresServer, name: str) -> None:
    """Point this process and its children at a database, as the app role."""
    connections.close_all()
    for port in ports():
        port.close()  # a thread that is kept has a connection to the database before
    os.environ["DATABASE_URL"] = server.app_url(name)
    os.environ["MIGRATE_DATABASE_URL"] = server.owner_url(name)
    settings.MIGRATE_DATABASE_URL = server.owner_url(name)
    target = connections.settings["default"]
    fresh = database(server.app_url(name))
    for field in ("NAME", "HOST", "PORT", "USER", "PASSWORD"):
        target[field] = fresh[field]
    # A hundred threads that connect at once, beside another process's tests, may wait longer than a client.
    target["OPTIONS"]["connect_timeout"] = 60
    target["TEST"] = {**target.get("TEST", {}), "NAME": fresh["NAME"]}


@pytest.fixture(scope="session")
def django_db_setup(servers: Servers, postgres: PostgresServer, django_db_blocker: DjangoDbBlocker) -> None:
    """Let the first process migrate the template as the owner; then use a clone of it as the app role."""
    with django_db_blocker.unblock():
        with servers.alone("template") as first:
            if first:
                use_database(postgres, TEMPLATE)
                call_command("migrate", verbosity=0)
                connections.close_all()
                OwnerAccess(server=postgres, database=TEMPLATE).execute(FUNCTION)
        postgres.create_database(own_database(servers), template=TEMPLATE)
        use_database(postgres, own_database(servers))


def own_database(servers: Servers) -> str:
    """Return the name of the database that this process uses between tests."""
    return f"holo_tests_{servers.number}"


_counter = iter(range(1, 1_000_000))


def cloned_database(server: PostgresServer, blocker: DjangoDbBlocker) -> Iterator[str]:
    """Give a database cloned from the migrated template, drop it afterwards; connect freely."""
    before = connections.settings["default"]["NAME"]
    name = f"holo_clone_{os.getpid()}_{next(_counter)}"
    server.create_database(name, template=TEMPLATE)
    with blocker.unblock():
        use_database(server, name)
        try:
            yield name
        finally:
            use_database(server, before)
            server.drop_database(name)


@pytest.fixture
def fresh_database(
    postgres: PostgresServer, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[str]:
    """A database of the test's own, for tests that commit, use threads or processes; yields its name."""
    yield from cloned_database(postgres, django_db_blocker)


@pytest.fixture(scope="module")
def module_database(
    postgres: PostgresServer, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[str]:
    """A database of the module's own, for tests that commit and leave each other alone; yields its name."""
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
