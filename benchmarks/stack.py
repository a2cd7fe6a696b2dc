"""The stack that is measured: `manage.py up` in a folder of its own, with production settings."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_START_LIMIT = 120.0
_STOP_LIMIT = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


class BenchmarkError(Exception):
    """The measurement cannot go on; the text says why, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident memory of one process of the stack, in MiB."""

    name: str
    mib: float


class MeasuredStack:
    """Starts and stops the whole product in `folder`; DEBUG is off and PostgreSQL durable."""

    def __init__(self, folder: Path, *, port_offset: int) -> None:
        self.folder = folder
        self.environment = _environment(folder, port_offset)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Return the file that takes what `up` says."""
        return self.folder / "bench-up.log"

    def get_ready(self) -> None:
        """Get the Temporal CLI; on a new machine it is built, which is no part of a cold start."""
        done = subprocess.run(
            [sys.executable, "manage.py", "get_temporal"],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode != 0:
            raise BenchmarkError("there is no Temporal CLI; see above")

    def start(self) -> float:
        """Start everything; return the seconds until all parts are ready."""
        started = time.monotonic()
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        # The addresses are said last, once everything answers.
        while b"/admin/" not in self.log.read_bytes():
            if self._process.poll() is not None or time.monotonic() - started > _START_LIMIT:
                lines = self.log.read_text(errors="replace").splitlines() or ["it said nothing"]
                raise BenchmarkError(f"the stack did not start: {lines[-1]}")
            time.sleep(0.02)
        return time.monotonic() - started

    def stop(self) -> None:
        """Stop everything; the data stays."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            process.wait(_STOP_LIMIT)

    def memory(self) -> list[Memory]:
        """Return the memory of each process below `up`; of PostgreSQL's backends what they do not share."""
        if self._process is None:
            return []
        found: dict[str, float] = {}
        for pid in descendants(self._process.pid):
            name = _name(pid)
            private = _private_mib(pid) if name == "postgres" else _resident_mib(pid)
            found[name] = found.get(name, 0.0) + private
        return [Memory(name=name, mib=round(mib, 1)) for name, mib in sorted(found.items())]

    def processor_seconds(self) -> dict[str, float]:
        """Return the CPU time that the processes of each name have used so far."""
        found: dict[str, float] = {}
        for pid in descendants(self._process.pid) if self._process else ():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                name = _name(pid)
            except OSError:
                continue  # ended meanwhile
            # PostgreSQL's backends come and go; the postmaster keeps what those used that have gone.
            ticks = fields[11:15] if name == "postgres" else fields[11:13]
            found[name] = found.get(name, 0.0) + sum(map(int, ticks)) / _TICKS
        return found

    def remove(self) -> None:
        """Delete the data."""
        from holo.stack import postgres_data

        postgres_data.remove(self.folder / "postgres")
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def measured_stack(*, port_offset: int) -> Iterator[MeasuredStack]:
    """Give a stack that is not started yet; stop and delete it afterwards."""
    stack = MeasuredStack(Path(tempfile.mkdtemp(prefix="holo-bench-")), port_offset=port_offset)
    try:
        yield stack
    finally:
        stack.stop()
        stack.remove()


def _environment(folder: Path, port_offset: int) -> dict[str, str]:
    """Return the environment without anything that would point at another installation."""
    ours = ("DATABASE_URL", "MIGRATE_DATABASE_URL", "REDIS_URL", "TEMPORAL_ADDRESS", "SECRET_KEY", "DEMO")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {
        **kept,
        "DEBUG": "0",
        "HOLO_RUN_DIR": str(folder),
        "PORT_OFFSET": str(port_offset),
        "WORKER_SANDBOX": "0",
        "LOG_LEVEL": "WARNING",
        "EMAIL_URL": "dummymail://",
        "PAYMENT_GATEWAY": "orders.sandbox.gateway.SandboxGateway",
        "CARRIER": "orders.sandbox.carrier.SandboxCarrier",
        "ALLOW_SANDBOX": "1",
        # Counted as ever, but never one too many.
        **{f"RATE_{name}": "1000000/1:1000000" for name in ("CREDENTIAL", "USER", "ORGANIZATION", "ADDRESS")},
        "DJANGO_SETTINGS_MODULE": "holo.settings",
    }


def descendants(pid: int) -> list[int]:
    """Return a process and all below it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def _name(pid: int) -> str:
    command = " ".join(Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0"))
    names = {
        "run_worker": "worker",
        "run_relay": "relay",
        "run_web": "web",
        "celery -A holo --quiet worker": "celery",
        "celery -A holo --quiet beat": "beat",
        "valkey-server": "valkey",
        "start-dev": "temporal",
        "postgres": "postgres",
        "manage.py up": "up",
    }
    return next((name for mark, name in names.items() if mark in command), "other")


def _resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_KIB / 1024


def _private_mib(pid: int) -> float:
    resident, shared = Path(f"/proc/{pid}/statm").read_text().split()[1:3]
    return (int(resident) - int(shared)) * _PAGE_KIB / 1024
