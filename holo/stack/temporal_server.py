"""The embedded Temporal server: one node, its history in a SQLite file, tuned for one machine."""

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

from holo.stack.ports import LOOPBACK
from holo.stack.process import Launch, Server

RETENTION_DAYS = 30
# Defaults of a cluster throttle a single node. Eager execution saves a round trip per activity.
LIMITS: dict[str, object] = {
    "system.enableActivityEagerExecution": True,
    "matching.rps": 20000,
    "matching.persistenceMaxQPS": 20000,
    "matching.numTaskqueueReadPartitions": 1,
    "matching.numTaskqueueWritePartitions": 1,
    "frontend.rps": 20000,
    "frontend.namespaceRPS": 20000,
    "frontend.namespaceRPS.visibility": 200,
    "history.rps": 30000,
    "worker.batcherRPS": 500,
    "worker.batcherConcurrency": 20,
}

# Go's default collects at twice the live memory, which is small here; 150 MB more save a tenth of its CPU.
GARBAGE_PERCENT = "300"

# A proxy of the environment must not be asked about the loopback.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class TemporalServer(Server):
    """A Temporal development server with its Web UI; without a `db_file` it forgets all when it ends."""

    name = "temporal"

    def __init__(
        self,
        binary: Path,
        *,
        port: int,
        ui_port: int,
        log: Path,
        db_file: Path | None = None,
        namespace: str = "default",
        synchronous: str = "full",
    ) -> None:
        super().__init__(log=log)
        self.synchronous = synchronous
        self.namespace = namespace
        self.binary = binary
        self.port = port
        self.ui_port = ui_port
        self.db_file = db_file

    @property
    def address(self) -> str:
        """Return the address, as TEMPORAL_ADDRESS takes it."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def ui_url(self) -> str:
        """Return the address of the Web UI."""
        return f"http://{LOOPBACK}:{self.ui_port}"

    def prepare(self) -> None:
        """Make the folder in which it works."""
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def launch(self) -> Launch:
        """Return the command line.

        The write-ahead log of SQLite keeps every commit of a server that is killed. With `synchronous` normal
        the last moments before a power cut are gone, with full they are not (SQLite, PRAGMA synchronous).
        """
        argv = [str(self.binary), "server", "start-dev", "--ip", LOOPBACK, "--port", str(self.port)]
        argv += ["--ui-port", str(self.ui_port), "--log-level", "warn", "--namespace", self.namespace]
        if self.db_file is not None:
            argv += ["--db-filename", str(self.db_file)]
            argv += ["--sqlite-pragma", "journal_mode=wal"]
            argv += ["--sqlite-pragma", f"synchronous={self.synchronous}"]
        for key, value in LIMITS.items():
            argv += ["--dynamic-config-value", f"{key}={json.dumps(value)}"]
        return Launch(name=self.name, argv=tuple(argv), cwd=self.log.parent, env=_environment())

    def retention_command(self) -> tuple[str, ...]:
        """Return the command that keeps finished workflows for 30 days; again, it changes nothing."""
        update = ("operator", "namespace", "update", "--namespace", self.namespace)
        return (str(self.binary), *update, "--retention", f"{RETENTION_DAYS}d", "--address", self.address)

    def ready(self) -> bool:
        """Return whether the server knows its namespace; the port opens earlier than that."""
        return namespace_answers(self.ui_url, self.namespace)


def namespace_answers(ui_url: str, namespace: str) -> bool:
    """Return whether a Temporal server, asked through its Web UI, knows the namespace."""
    return namespace_status(ui_url, namespace) == 200


def namespace_status(ui_url: str, namespace: str) -> int:
    """Return the HTTP status with which the Web UI answers for a namespace; 0 where it is silent."""
    try:
        with DIRECT.open(f"{ui_url}/api/v1/namespaces/{quote(namespace, safe='')}", timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return int(error.code)
    except (urllib.error.URLError, OSError, ValueError):
        return 0


def _environment() -> dict[str, str]:
    # The CLI takes these as defaults of its flags and would serve, or dial, something else.
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TEMPORAL_")}
    return {"GOGC": GARBAGE_PERCENT, **kept}
