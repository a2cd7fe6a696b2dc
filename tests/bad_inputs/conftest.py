"""One world for a whole module, in a database of its own: what is refused leaves it as it was."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from pytest_django.plugin import DjangoDbBlocker

from holo.stack.postgres import PostgresServer
from tests.bad_inputs.world import World, build_world
from tests.conftest import cloned_database


@pytest.fixture(scope="module")
def module_database(
    postgres: PostgresServer, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[str]:
    """A database of the module's own; everything commits."""
    yield from cloned_database(postgres, django_db_blocker)


@pytest.fixture(scope="module")
def world(module_database: str) -> World:
    """The shop that the module's requests are sent to."""
    return build_world()


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a lock that somebody holds up after a moment."""
    monkeypatch.setattr(settings, "DB_LOCK_TIMEOUT_MS", 50)
