"""A relay and a worker in threads or processes of the test's own, and waiting for what orders become."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connections
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from holo.outbox.delivery import load_handlers
from holo.outbox.relay import Relay
from holo.stack.ports import is_busy
from holo.stack.temporal_server import namespace_answers
from orders.models import Order
from orders.states import TERMINAL, Status
from workflows.orders.contracts import order_workflow_id
from workflows.runtime import client
from workflows.runtime.errors import WorkflowNotFoundError
from workflows.runtime.registry import enabled_domains
from workflows.runtime.worker import run_workers


def worker_port() -> int:
    """Return a free port whose next but one, which the SDK takes, is free too.

    Below those that Linux gives outgoing connections, so that none of these comes in between.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        if not is_busy(port) and not is_busy(port + 2):
            return port


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
        settings.WORKER_METRICS_PORT = worker_port()

        async def serve() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            ready.set()
            await run_workers(enabled_domains(), stop=self._stop)

        self._start("worker", lambda: asyncio.run(serve()))
        assert ready.wait(60), "the worker did not start"

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
            thread.join(60)
            assert not thread.is_alive(), f"{thread.name} did not stop"


def end_open_runs() -> None:
    """Terminate the runs of orders that the tests left open, so that later workers do not get them."""
    for order_id in Order.objects.exclude(status__in=TERMINAL).values_list("pk", flat=True):
        workflow_id = order_workflow_id(order_id)
        # Not there, or ended meanwhile: then there is nothing to end.
        with suppress(WorkflowNotFoundError):
            client.terminate_workflow(workflow_id=workflow_id, reason="end of test")


def eventually(condition: Callable[[], object], *, within: float = 60.0, what: str = "the condition") -> None:
    """Wait until `condition` is true; fail after `within` seconds."""
    deadline = time.monotonic() + within
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {within} s"
        pause.wait(0.02)


@contextmanager
def running_relay() -> Iterator[Live]:
    """Run a relay on the present database until the block ends; workers are up to the caller."""
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


@contextmanager
def worker_process(
    environment: Mapping[str, str] | None = None,
    *,
    checkout: Path | None = None,
    domain: str = "",
    log: Path | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `manage.py run_worker`, of this checkout or another one, on the present database.

    `log` is a file for what it writes to stderr.
    """
    words = ("--domain", domain) if domain else ()
    ports = {"WORKER_METRICS_PORT": str(worker_port()), "LOG_LEVEL": "ERROR"}
    with log.open("wb") if log else nullcontext() as stderr:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_worker", *words],
            cwd=checkout or settings.BASE_DIR,
            env={**os.environ, **ports, **(environment or {})},
            stderr=stderr,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


# --- What orders become --------------------------------------------------------------------------


def status_of(order: Order) -> str:
    """Return the order's status in the database."""
    return Order.objects.values_list("status", flat=True).get(pk=order.pk)


def run_status(order: Order) -> str | None:
    """Return what Temporal says of the order's run."""
    found = client.find_workflow(workflow_id=order_workflow_id(order.pk))
    return None if found is None else found.status


def reaches(order: Order, status: Status, *, within: float = 60.0) -> None:
    """Wait until the order is in `status`."""
    deadline = time.monotonic() + within
    while (found := status_of(order)) != status:
        assert found not in TERMINAL, f"{order} has ended as {found}, not {status}"
        assert time.monotonic() < deadline, f"{order} is {found}, not {status}, after {within} s"
        time.sleep(0.02)


def ends(order: Order, status: Status, *, within: float = 60.0) -> None:
    """Wait until the order is in `status` and its run has ended too."""
    reaches(order, status, within=within)
    eventually(lambda: run_status(order) == "COMPLETED", within=within, what=f"the end of the run of {order}")


def register_namespace(namespace: str) -> None:
    """Make a namespace in the Temporal server that the settings name; return when it answers."""

    async def register() -> None:
        connected = await Client.connect(settings.TEMPORAL_ADDRESS)
        retention = Duration()
        retention.FromTimedelta(timedelta(days=1))
        await connected.workflow_service.register_namespace(
            RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=retention)
        )

    asyncio.run(register())
    eventually(
        lambda: namespace_answers(settings.TEMPORAL_UI_URL, namespace), within=30, what="the namespace"
    )
