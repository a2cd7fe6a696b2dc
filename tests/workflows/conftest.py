"""A relay, and a worker, in threads of the test process, on a database of the module's own."""

from collections.abc import Iterator

import pytest
from pytest_django.plugin import DjangoDbBlocker

from holo.stack.postgres import PostgresServer
from holo.stack.temporal_server import TemporalServer
from holo.stack.valkey import ValkeyServer
from tests.conftest import cloned_database
from tests.live import Live, running_relay


@pytest.fixture(scope="module")
def live_relay(
    postgres: PostgresServer,
    valkey: ValkeyServer,
    temporal: TemporalServer,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Live]:
    """A database of the module's own with a relay; workers are up to the test."""
    for _name in cloned_database(postgres, django_db_blocker):
        with running_relay() as running:
            yield running


@pytest.fixture(scope="module")
def live(live_relay: Live) -> Live:
    """A database of the module's own with a relay and a worker in threads."""
    live_relay.start_worker()
    return live_relay
