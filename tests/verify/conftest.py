"""A database with an order at every place, made once and cloned for each test; a Temporal server to break."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from pytest_django.plugin import DjangoDbBlocker

from holo.stack.ports import free_port
from holo.stack.postgres import PostgresServer
from holo.stack.temporal_cli import require_temporal
from holo.stack.temporal_server import TemporalServer
from holo.stack.valkey import ValkeyServer
from tests.conftest import OwnerAccess, cloned_database, use_database
from tests.live import Live, running_relay
from tests.verify.story import tell_story
from workflows.runtime import client


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command printed as JSON, and its exit code."""

    code: int
    data: dict[str, Any]

    def violated(self) -> set[str]:
        """Return the ids of what `verify` found violated."""
        return {one["id"] for one in self.data["invariants"] if one["verdict"] == "violated"}

    def found(self) -> dict[str, set[str]]:
        """Return what `reconcile` found: the keys of each kind."""
        kinds: dict[str, set[str]] = {}
        for finding in self.data["findings"]:
            kinds.setdefault(finding["kind"], set()).add(finding["key"])
        return kinds

    def states(self) -> set[str]:
        """Return what became of `reconcile`'s findings."""
        return {finding["state"] for finding in self.data["findings"]}


def run(command: str, *arguments: str) -> Answer:
    """Run a command with `--json`."""
    out = StringIO()
    code = 0
    try:
        call_command(command, *arguments, "--json", stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    return Answer(code=code, data=json.loads(out.getvalue()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The template database, and the ids that plants name."""

    database: str
    ids: dict[str, str]


@pytest.fixture(scope="module")
def story(
    postgres: PostgresServer, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Story]:
    """The story, told once; nobody stays connected to its database."""
    for name in cloned_database(postgres, django_db_blocker):
        ids = tell_story()
        connections.close_all()
        yield Story(database=name, ids=ids)


@pytest.fixture
def told(postgres: PostgresServer, story: Story, django_db_blocker: DjangoDbBlocker) -> Iterator[OwnerAccess]:
    """A clone of the story, which happened just now, with the owner's access to it."""
    name = f"{story.database}_told"
    with django_db_blocker.unblock():
        connections.close_all()
        postgres.create_database(name, template=story.database)
        use_database(postgres, name)
        owner = OwnerAccess(server=postgres, database=name)
        # No relay delivers these messages; `verify` reports messages older than a minute.
        owner.execute("UPDATE outbox_outboxmessage SET created_at = now()")
        try:
            yield owner
        finally:
            use_database(postgres, story.database)
            postgres.drop_database(name)


@pytest.fixture(scope="module")
def lasting_temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    """A Temporal server of the module's own with a store on disk; no run of other tests is in it."""
    folder = Path(tmp_path_factory.mktemp("temporal"))
    server = TemporalServer(
        require_temporal().path,
        port=free_port(),
        ui_port=free_port(),
        log=folder / "temporal.log",
        db_file=folder / "temporal.db",
        namespace=settings.TEMPORAL_NAMESPACE,
    )
    server.start()
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()


@pytest.fixture
def own_temporal(
    lasting_temporal: TemporalServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TemporalServer]:
    """The module's Temporal server, named by the settings."""
    monkeypatch.setattr(settings, "TEMPORAL_ADDRESS", lasting_temporal.address)
    monkeypatch.setenv("TEMPORAL_ADDRESS", lasting_temporal.address)
    client.close()
    yield lasting_temporal
    client.close()


@pytest.fixture
def live(
    postgres: PostgresServer,
    valkey: ValkeyServer,
    own_temporal: TemporalServer,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Live]:
    """A database of the test's own with a relay and a worker."""
    for _name in cloned_database(postgres, django_db_blocker):
        with running_relay() as running:
            running.start_worker()
            yield running


@pytest.fixture
def live_owner(live: Live, postgres: PostgresServer) -> OwnerAccess:
    """The owner's access to the database of `live`."""
    return OwnerAccess(server=postgres, database=connections.settings["default"]["NAME"])
