"""What the stack's tests share: an environment without anybody's servers, and who is left over."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, field
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from holo.stack import env
from holo.stack.ports import is_busy, ports_at
from holo.stack.temporal_cli import require_temporal

ROOT = Path(__file__).resolve().parent.parent.parent
# What names this test run's servers: a process with servers of its own must not inherit it.
SERVER_VARIABLES = (
    "DATABASE_URL",
    "MIGRATE_DATABASE_URL",
    "REDIS_URL",
    "TEMPORAL_ADDRESS",
    "TEMPORAL_NAMESPACE",
    "TEMPORAL_UI_URL",
)
_FOREIGN = (*SERVER_VARIABLES, "SECRET_KEY", "DJANGO_SETTINGS_MODULE")


def eventually(check: Callable[[], bool], *, seconds: float = 60.0) -> bool:
    """Return whether `check` comes true in time."""
    until = time.monotonic() + seconds
    while not check():
        if time.monotonic() > until:
            return False
        time.sleep(0.03)
    return True


def processes_with(marker: str) -> dict[int, str]:
    """Return the command lines of all processes that carry `marker` in their environment, by pid."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


@dataclass
class Checkout:
    """`manage.py` as somebody would run it in a checkout whose state lives in `run_dir`."""

    run_dir: Path
    offset: int
    extra: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of its commands."""
        kept = {key: value for key, value in os.environ.items() if key not in _FOREIGN}
        own = {
            "HOLO_RUN_DIR": str(self.run_dir),
            "PORT_OFFSET": str(self.offset),
            "TEMPORAL_CLI": str(require_temporal().path),
        }
        return {**kept, "DEBUG": "1", "DEMO": "0", **own, **self.extra}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, text=True, capture_output=True, timeout=180, check=False
        )

    def here(self, command: str, **options: bool) -> tuple[int, str]:
        """Run a command in this process, which is quicker; returns its exit code and what it wrote."""
        out = StringIO()
        try:
            call_command(command, stdout=out, **options)
        except CommandError as error:
            return error.returncode, str(error)
        except SystemExit as end:
            return int(end.code or 0), out.getvalue()
        return 0, out.getvalue()

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command and leave it running; its output goes to `out.txt`."""
        with self.output.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", *words],
                cwd=ROOT,
                env=self.environment,
                text=True,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        self.started.append(process)
        return process

    @property
    def output(self) -> Path:
        """Return the file with the output of what was started."""
        return self.run_dir.parent / "out.txt"

    def says(self, text: str, *, seconds: float = 90.0) -> bool:
        """Return whether the started command says this in time."""
        return eventually(lambda: text in self.output.read_text(), seconds=seconds)

    def leftovers(self) -> dict[int, str]:
        """Return the processes of this checkout that still run."""
        return processes_with(f"HOLO_RUN_DIR={self.run_dir}\0")

    def close(self) -> None:
        """Kill whatever a failed test left."""
        for process in self.started:
            process.kill()
            process.wait()
        eventually(lambda: not self.leftovers(), seconds=60)
        for pid in self.leftovers():
            os.kill(pid, signal.SIGKILL)


# Each test process has every n-th of them (variables of pytest-xdist).
_NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_offsets = iter(range(900 + 20 * _NUMBER, 2500, 20 * _PROCESSES))


def free_offset() -> int:
    """Return an offset whose ports no client's connection happens to hold, and no other test's stack."""
    return next(offset for offset in _offsets if not any(map(is_busy, astuple(ports_at(offset)))))


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    """A checkout with nothing in it yet, on ports of its own; commands of this process mean it too."""
    one = Checkout(run_dir=tmp_path / "run", offset=free_offset())
    monkeypatch.setenv("HOLO_RUN_DIR", str(one.run_dir))
    try:
        yield one
    finally:
        one.close()


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the user set in the environment: nothing, until the test adds to it."""
    values: dict[str, str] = {}
    monkeypatch.setattr(env, "_given", values)
    return values
