"""The real servers of a test run: one PostgreSQL, one Valkey and one Temporal, however many processes test.

With one process, a server starts when the first test asks for it. With `pytest -n 3`, the controlling process
starts them all before its workers. Each process has databases, a Valkey database and a Temporal namespace of
its own, so that no process sees the other's rows, keys or workflows.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pytest
from django.conf import settings

from holo.celery import app as celery
from holo.stack.ports import LOOPBACK, free_port
from holo.stack.postgres import PostgresServer
from holo.stack.process import Launch, Server
from holo.stack.temporal_cli import require_temporal
from holo.stack.temporal_server import TemporalServer
from holo.stack.valkey import ValkeyServer

_PREFIX = "holo-test-"
# Bytes.
_ROOM = 4 * 1024**3
# Port 1 refuses every connection: the address of a server that the test did not ask for.
_CLOSED = {
    "TEMPORAL_ADDRESS": f"{LOOPBACK}:1",
    "TEMPORAL_UI_URL": f"http://{LOOPBACK}:1",
    "REDIS_URL": f"redis://{LOOPBACK}:1/0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the servers of a run are; `processes` says how many test processes share them."""

    folder: str
    postgres: int
    valkey: int
    temporal: int
    temporal_ui: int
    processes: int

    @property
    def namespaces(self) -> list[str]:
        """Return the Temporal namespace of each process."""
        return [f"tests-{number}" for number in range(self.processes)]

    @classmethod
    def fresh(cls, folder: str, *, processes: int) -> Self:
        """Choose free ports."""
        ports = {name: free_port() for name in ("postgres", "valkey", "temporal", "temporal_ui")}
        return cls(folder=folder, processes=processes, **ports)


class _Valkey(ValkeyServer):
    """A Valkey server whose address names the database of one process."""

    number = 0

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/{self.number}"


class _Temporal(TemporalServer):
    """A Temporal server with a namespace for each process.

    It waits five seconds, not ten, for the response of a worker before another one gets the task. Tests that
    kill workers spend most of their time in this wait.
    """

    others: tuple[str, ...] = ()

    def launch(self) -> Launch:
        base = super().launch()
        more = tuple(word for name in self.others for word in ("--namespace", name))
        more += ("--dynamic-config-value", 'history.defaultWorkflowTaskTimeout="5s"')
        return Launch(name=base.name, argv=base.argv + more, cwd=base.cwd, env=base.env)


class Servers:
    """The three servers as one test process sees them."""

    def __init__(self, place: Place, *, number: int = 0, shared: bool = False) -> None:
        self.place = place
        self.folder = Path(place.folder)
        self.number = number
        self.shared = shared
        self.namespace = place.namespaces[number]
        self.postgres = PostgresServer(
            self.folder / "postgres",
            port=place.postgres,
            durable=False,
            settings={"max_connections": "300", "max_wal_size": "256MB"},
        )
        self.valkey = _Valkey(self.folder / "valkey", port=place.valkey)
        self.valkey.number = number

    @cached_property
    def temporal(self) -> TemporalServer:
        """Temporal with a namespace for each process; its program is looked up at the first call."""
        server = _Temporal(
            require_temporal().path,
            port=self.place.temporal,
            ui_port=self.place.temporal_ui,
            log=self.folder / "temporal.log",
            namespace=self.namespace,
        )
        server.others = tuple(name for name in self.place.namespaces if name != self.namespace)
        return server

    @contextmanager
    def running(self, server: Server) -> Iterator[None]:
        """Run a server until the block ends; one that the controlling process runs is waited for."""
        if not self.shared:
            server.start()
        try:
            server.wait_ready()
            yield
        finally:
            server.stop()

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Keep the other processes out until the block ends; True for the first one that comes."""
        with (self.folder / f"{name}.lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = self.folder / f"{name}.done"
            yield not done.exists()
            done.touch()

    def addresses(self, asked: set[str]) -> dict[str, str]:
        """Return the addresses as settings: those of servers that are not asked for refuse connections."""
        found = dict(_CLOSED)
        if "temporal" in asked:
            found["TEMPORAL_ADDRESS"] = self.temporal.address
            found["TEMPORAL_UI_URL"] = self.temporal.ui_url
        if "valkey" in asked:
            found["REDIS_URL"] = self.valkey.url
        return found


# --- The plugin ----------------------------------------------------------------------------------

_SERVERS = pytest.StashKey[Servers]()
_STARTED = pytest.StashKey[bool]()


def _fast_folder() -> str | None:
    """Return where files are kept in memory, if there is room for the databases of a run.

    Nearly every test clones a database of a thousand small files: 0.5 s on a disk's file system, 0.05 s here.
    """
    memory = Path("/dev/shm")
    # What runs that were killed left there would keep its memory.
    for left in memory.glob(f"{_PREFIX}*"):
        if not Path("/proc", left.name.removeprefix(_PREFIX).partition("-")[0]).exists():
            shutil.rmtree(left, ignore_errors=True)
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM:
        return str(memory)
    return None


def servers_of(config: pytest.Config) -> Servers:
    """Return the servers of this process; the first call chooses their ports."""
    if _SERVERS not in config.stash:
        given: Mapping[str, Any] = getattr(config, "workerinput", {})
        if "servers" in given:
            number = int(given["workerid"].removeprefix("gw"))
            config.stash[_SERVERS] = Servers(Place(**given["servers"]), number=number, shared=True)
        else:
            folder = tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=_fast_folder())
            config.add_cleanup(folder.cleanup)
            processes = config.getoption("numprocesses", None) or 1
            config.stash[_SERVERS] = Servers(Place.fresh(folder.name, processes=processes))
    return config.stash[_SERVERS]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Start the servers before the first worker, unless only pure tests run, and name them to each worker."""
    config = node.config
    servers = servers_of(config)
    if not config.stash.get(_STARTED, False) and config.option.markexpr != "pure":
        config.stash[_STARTED] = True
        for server in (servers.postgres, servers.valkey, servers.temporal):
            server.start()
            config.add_cleanup(server.stop)
    node.workerinput["servers"] = asdict(servers.place)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Give this process its Temporal namespace; its subprocesses inherit it, but no width of a terminal."""
    os.environ.pop("COLUMNS", None)
    settings.TEMPORAL_NAMESPACE = os.environ["TEMPORAL_NAMESPACE"] = servers_of(session.config).namespace
    reach(servers_of(session.config), set())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that is marked as pure and needs a server."""
    needed = {"postgres", "valkey", "temporal"}
    for item in items:
        if item.get_closest_marker("pure") and needed & set(getattr(item, "fixturenames", ())):
            raise pytest.UsageError(f"{item.nodeid} is marked as pure but needs a server")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a test reach the servers that it asks for and no other, whatever ran before it."""
    reach(servers_of(item.config), set(getattr(item, "fixturenames", ())))


def reach(servers: Servers, asked: set[str]) -> None:
    """Point this process and its children at the servers that are asked for."""
    for name, address in servers.addresses(asked).items():
        setattr(settings, name, address)
        os.environ[name] = address
    use_broker(settings.REDIS_URL)


def use_broker(url: str) -> None:
    """Let Celery in this process send its tasks to a broker, and forget its connections to another one."""
    if url != settings.CELERY_BROKER_URL:
        settings.CELERY_BROKER_URL = url
        # What Celery itself calls where connections must not be used any longer.
        celery._after_fork()
