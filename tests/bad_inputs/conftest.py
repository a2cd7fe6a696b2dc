"""One world for a whole module, in a database of its own: what is refused leaves it as it was."""

import pytest
from django.conf import settings

from tests.bad_inputs.world import World, build_world


@pytest.fixture(scope="module")
def world(module_database: str) -> World:
    """The shop that the module's requests are sent to."""
    return build_world()


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a lock that somebody holds up after a moment."""
    monkeypatch.setattr(settings, "DB_LOCK_TIMEOUT_MS", 50)
