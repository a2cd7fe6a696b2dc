"""A relay and a worker that run in threads of the test process, on a database of the module's own."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from django.db import connections
from pytest_django.plugin import DjangoDbBlocker

from holo.outbox.delivery import load_handlers
from holo.outbox.relay import Relay
from holo.stack.postgres import PostgresServer
from holo.stack.temporal_server import TemporalServer
from holo.stack.valkey import ValkeyServer
from orders.models import Order
from orders.states import TERMINAL
from tests.conftest import cloned_database
from workflows.orders.contracts import order_workflow_id
from workflows.runtime import client
from workflows.runtime.registry import enabled_domains
from workflows.runtime.worker import run_workers


@dataclass(slots=True)
class Live:
    """The running relay and worker."""

    relay: Relay
    _threads: list[threading.Thread] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None
    _stop: asyncio.Event | None = None

    def start_relay(self) -> None:
        """Start the relay in a thread."""
        self._start("relay", self.relay.run)

    def start_worker(self) -> None:
        """Start the worker in a thread."""
        ready = threading.Event()

        async def serve() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            ready.set()
            await run_workers(enabled_domains(), stop=self._stop)

        self._start("worker", lambda: asyncio.run(serve()))
        assert ready.wait(10), "the worker did not start"

    def _start(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=f"live-{name}")
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        """Stop both; what is in hand ends."""
        self.relay.stop()
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), f"{thread.name} did not stop"


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
        # The activities' threads end with the worker and must not leave connections open behind them.
        target = connections.settings["default"]
        kept, target["CONN_MAX_AGE"] = target["CONN_MAX_AGE"], 0
        running = Live(relay=Relay(handlers=load_handlers()))
        running.start_relay()
        try:
            yield running
        finally:
            end_open_runs()
            running.stop()
            client.close()
            connections.close_all()
            target["CONN_MAX_AGE"] = kept


@pytest.fixture(scope="module")
def live(live_relay: Live) -> Live:
    """A database of the module's own with a relay and a worker in threads."""
    live_relay.start_worker()
    return live_relay


def end_open_runs() -> None:
    """Terminate the runs of orders that the tests left open, so that later workers do not get them."""
    for order_id in Order.objects.exclude(status__in=TERMINAL).values_list("pk", flat=True):
        workflow_id = order_workflow_id(order_id)
        if client.find_workflow(workflow_id=workflow_id) is not None:
            client.terminate_workflow(workflow_id=workflow_id, reason="end of test")


def eventually(condition: Callable[[], object], *, within: float = 15.0, what: str = "the condition") -> None:
    """Wait until `condition` is true; fail after `within` seconds."""
    deadline = time.monotonic() + within
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {within} s"
        pause.wait(0.02)
