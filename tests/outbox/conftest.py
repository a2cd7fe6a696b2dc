"""Running relays and planted messages for the tests of the outbox."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections, transaction

from holo.outbox.claims import LEASE
from holo.outbox.delivery import Delivery, Handler
from holo.outbox.models import OutboxMessage
from holo.outbox.operations import enqueue
from holo.outbox.relay import Relay

ORGANIZATION = UUID("00000000-0000-7000-8000-000000000001")
PATIENCE = 60.0


class Recorder:
    """A handler that notes what it took and tells when there is enough of it."""

    def __init__(self, effect: Callable[[Delivery], None] | None = None) -> None:
        self.taken: list[Delivery] = []
        self._effect = effect
        self._changed = threading.Condition()

    def __call__(self, message: Delivery) -> None:
        """Take a message, after the effect has let it pass."""
        if self._effect is not None:
            self._effect(message)
        with self._changed:
            self.taken.append(message)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[Delivery]:
        """Return the messages once there are `count`."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.taken) >= count, PATIENCE), len(self.taken)
            return list(self.taken)


def plant(*, topic: str = "t.happened", key: str = "k", **payload: object) -> int:
    """Commit one message and return its id."""
    with transaction.atomic():
        enqueue(topic=topic, key=key, organization_id=ORGANIZATION, payload=payload)
    return OutboxMessage.objects.filter(topic=topic, key=key).latest("id").pk


@contextmanager
def _running(handlers: dict[str, Handler], *, threads: int, lease: timedelta) -> Iterator[Relay]:
    relay = Relay(
        handlers={topic: (handler,) for topic, handler in handlers.items()}, threads=threads, lease=lease
    )
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        yield relay
    finally:
        relay.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


RunRelay = Callable[..., Relay]


@pytest.fixture
def run_relay(fresh_database: str) -> Iterator[RunRelay]:
    """Start relays that stop with the test."""
    with ExitStack() as stack:

        def start(handlers: dict[str, Handler], *, threads: int = 4, lease: timedelta = LEASE) -> Relay:
            return stack.enter_context(_running(handlers, threads=threads, lease=lease))

        yield start
    connections.close_all()
