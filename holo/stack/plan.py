"""Which parts make up the stack, in which order they start, and the addresses they share."""

import sys
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from holo.stack.boot import StoreCheck
from holo.stack.env import BASE_DIR, base_values, child_environment, given, run_dir, write_run_env
from holo.stack.part import Part
from holo.stack.ports import LOOPBACK, Ports, answers, ports_at
from holo.stack.postgres import PostgresServer
from holo.stack.process import Launch, Server
from holo.stack.temporal_server import DIRECT, TemporalServer
from holo.stack.valkey import ValkeyServer

CELERY_PROCESSES = 2
# Seconds that what is on its way may take when the store is checked; all that was lost is older.
_UNDER_WAY = 5
_LEAVING_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `up` was asked to start."""

    demo: bool = False
    only_services: bool = False


class Stack:
    """The servers of this checkout and the commands that run on them; a given address replaces its server."""

    def __init__(self, options: Options, *, temporal_cli: Path | None) -> None:
        self.options = options
        self.folder = run_dir().absolute()
        self.base = base_values(demo=options.demo)
        self.ports: Ports = ports_at(int(self.base["PORT_OFFSET"]))
        logs = self.folder / "logs"
        self.postgres: PostgresServer | None = None
        self.valkey: ValkeyServer | None = None
        self.temporal: TemporalServer | None = None
        if not given().get("DATABASE_URL"):
            self.postgres = PostgresServer(self.folder / "postgres", port=self.ports.postgres)
        if not given().get("REDIS_URL"):
            self.valkey = ValkeyServer(self.folder / "valkey", port=self.ports.valkey)
        self.store_check = StoreCheck(self.folder / "temporal.db")
        if temporal_cli is not None:
            # What a power cut takes is found again by the check, which `--only-services` does not run.
            checked = self.store_check.possible and not options.only_services
            self.temporal = TemporalServer(
                temporal_cli,
                port=self.ports.temporal,
                ui_port=self.ports.temporal_ui,
                log=logs / "temporal.log",
                db_file=self.folder / "temporal.db",
                namespace=given().get("TEMPORAL_NAMESPACE") or "default",
                synchronous="normal" if checked else "full",
            )

    def values(self) -> dict[str, str]:
        """Return the environment that this stack means; complete once PostgreSQL's data is made."""
        values = dict(self.base)
        if self.postgres is not None:
            values["DATABASE_URL"] = self.postgres.app_url()
            values["MIGRATE_DATABASE_URL"] = self.postgres.owner_url()
        if self.valkey is not None:
            values["REDIS_URL"] = self.valkey.url
        if self.temporal is not None:
            values["TEMPORAL_ADDRESS"] = self.temporal.address
            values["TEMPORAL_UI_URL"] = self.temporal.ui_url
        return values

    def urls(self) -> dict[str, str]:
        """Return what a person opens."""
        web = f"http://{LOOPBACK}:{self.ports.web}"
        pages = {"Admin": f"{web}/admin/", "API": f"{web}/api/v1/", "API docs": f"{web}/api/docs"}
        urls = {} if self.options.only_services else pages
        temporal_ui = self.temporal.ui_url if self.temporal else given().get("TEMPORAL_UI_URL")
        return {**urls, "Temporal": temporal_ui} if temporal_ui else urls

    def listening(self) -> dict[str, int]:
        """Return the ports that must be free before the start."""
        wanted = {
            "postgres": self.ports.postgres if self.postgres else None,
            "valkey": self.ports.valkey if self.valkey else None,
            "temporal": self.ports.temporal if self.temporal else None,
            "temporal web ui": self.ports.temporal_ui if self.temporal else None,
        }
        if not self.options.only_services:
            wanted["web"] = self.ports.web
            wanted["relay metrics"] = self.ports.relay_metrics
            wanted["worker metrics"] = self.ports.worker_metrics
        return {name: port for name, port in wanted.items() if port is not None}

    def parts(self) -> list[Part]:
        """Return all parts. Servers start together; migrations wait for PostgreSQL alone."""
        # PostgreSQL last: making its data blocks, and the others come up meanwhile.
        servers = [server for server in (self.temporal, self.valkey, self.postgres) if server is not None]
        parts = [self._server(server) for server in servers]
        if self.temporal is not None:
            parts.append(self._task("retention", self.temporal.retention_command(), ("temporal",)))
        if self.options.only_services:
            return parts
        names = {server.name for server in servers}
        before_web = ("migrate",)
        parts.append(self._manage("migrate", "migrate", "--noinput", "--tighten", after=names & {"postgres"}))
        if self.options.demo:
            parts.append(self._manage("seed", "seed_demo", after={"migrate"}))
            before_web = ("seed",)
        parts += self._product((*before_web, *sorted(names - {"postgres"})))
        if self.options.demo:
            everything = tuple(part.name for part in parts)
            command = (sys.executable, "manage.py", "demo")
            parts.append(self._task("demo", command, everything, foreground=True, vital=False))
        if self.temporal is not None and self.store_check.is_due():
            parts.append(self._reconcile())
        return parts

    def _reconcile(self) -> Part:
        """Find again, once the machine was started anew, what Temporal's store may have lost."""
        words = ("reconcile", "--apply", "--grace", str(_UNDER_WAY))
        return Part(
            name="reconcile",
            launch=self._launch("reconcile", _manage_py(*words)),
            after=("relay", "worker"),
            on_ready=self.store_check.done,
            task=True,
        )

    def _product(self, after: tuple[str, ...]) -> list[Part]:
        web = _manage_py("run_web", "--bind", f"{LOOPBACK}:{self.ports.web}")
        # On a development machine root is no news.
        celery = [sys.executable, "-W", "ignore:You're running the worker with superuser privileges"]
        celery += ["-m", "celery", "-A", "holo", "--quiet"]
        worker = [*celery, "worker", "--loglevel", "INFO", "--concurrency", str(CELERY_PROCESSES)]
        worker += ["--without-gossip", "--without-mingle"]
        beat = (*celery, "beat", "--loglevel", "INFO")
        # The first page comes first: on two cores five processes that start together take five times as long.
        after = (*after, "web")
        return [
            self._lasting("web", web, ("migrate",), self._web_answers),
            self._lasting("relay", _manage_py("run_relay"), after, _listens(self.ports.relay_metrics)),
            self._lasting("worker", _manage_py("run_worker"), after, _listens(self.ports.worker_metrics)),
            self._lasting("celery", tuple(worker), after, text=b" ready."),
            self._lasting("beat", beat, after, text=b"beat: Starting"),
        ]

    def _server(self, server: Server) -> Part:
        on_ready = self._database_ready if server is self.postgres else None
        return Part(
            name=server.name,
            launch=server.launch,
            prepare=server.prepare,
            ready=server.ready,
            on_ready=on_ready,
            vital=True,
        )

    def _database_ready(self) -> None:
        assert self.postgres is not None
        self.postgres.ensure_database()
        # Where collected static files would be; the web process warns when the folder is missing.
        (self.folder / "static").mkdir(exist_ok=True)
        write_run_env(self.values())

    def _manage(self, name: str, *words: str, after: set[str]) -> Part:
        return self._task(name, _manage_py(*words), tuple(sorted(after)))

    def _task(
        self,
        name: str,
        argv: tuple[str, ...],
        after: tuple[str, ...],
        *,
        foreground: bool = False,
        vital: bool = True,
    ) -> Part:
        return Part(
            name=name,
            launch=self._launch(name, argv),
            after=after,
            task=True,
            vital=vital,
            foreground=foreground,
        )

    def _lasting(
        self,
        name: str,
        argv: tuple[str, ...],
        after: tuple[str, ...],
        ready: Callable[[], bool] | None = None,
        *,
        text: bytes = b"",
    ) -> Part:
        return Part(name=name, launch=self._launch(name, argv), after=after, ready=ready, ready_text=text)

    def _launch(self, name: str, argv: tuple[str, ...]) -> Callable[[], Launch]:
        # Late: the passwords exist only when PostgreSQL's data does.
        return lambda: Launch(
            name=name,
            argv=argv,
            cwd=BASE_DIR,
            env=child_environment(self.values()),
            # The product's processes leave by themselves in their time.
            stop_timeout=settings.STOP_SECONDS + _LEAVING_SECONDS,
        )

    def _web_answers(self) -> bool:
        try:
            with DIRECT.open(f"http://{LOOPBACK}:{self.ports.web}/healthz/live", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError, ValueError):
            return False


def _listens(port: int) -> Callable[[], bool]:
    return lambda: answers(port)


def _manage_py(*words: str) -> tuple[str, ...]:
    return (sys.executable, "manage.py", *words)
