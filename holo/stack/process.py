"""One child process: how it is started, asked to stop and, at last, killed with all its descendants.

Children must be started from the main thread: they die with the *thread* that started them.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from django.utils.translation import gettext as _

from holo.stack.errors import StackError
from holo.stack.rootless import Identity, child_setup, same_identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What to run. `stop_signal` asks for a clean end; it is also what the child gets when we die."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 10.0
    identity: Identity = field(default_factory=same_identity)


def spawn(launch: Launch, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Start the child in a process group of its own, so that Ctrl-C reaches us alone and we stop in order."""
    switch = launch.identity if launch.identity.switches_user else None
    return subprocess.Popen(
        launch.argv,
        cwd=launch.cwd,
        env=dict(launch.env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        process_group=0,
        user=switch.uid if switch else None,
        group=switch.gid if switch else None,
        extra_groups=[] if switch else None,
        preexec_fn=child_setup(launch.identity, launch.stop_signal),
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the child and whatever it left in its process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tail(path: Path, lines: int = 8) -> str:
    """Return the last lines of a log, or nothing."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def explain(text: str) -> str:
    """Return the one line of a program's last words that tells most."""
    if "No space left on device" in text:
        return _("the disk is full: %(line)s") % {"line": _line_with(text, "No space left")}
    for mark in ("FATAL:", "PANIC:", "error:", " failed: "):
        if mark in text:
            return _line_with(text, mark)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else _("it said nothing")


def _line_with(text: str, mark: str) -> str:
    return next(line.strip() for line in text.splitlines() if mark in line)


class Server:
    """A server of the stack that can be run alone; `manage.py up` runs the same ones side by side."""

    name = ""
    ready_timeout = 30.0

    def __init__(self, *, log: Path) -> None:
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make the folders and files that the server needs; nothing when they are there."""

    def launch(self) -> Launch:
        """Return the command line of the server."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Return at once whether the server answers."""
        raise NotImplementedError

    def start(self) -> None:
        """Prepare and start; returns before the server answers."""
        self.prepare()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = spawn(self.launch(), output)

    def wait_ready(self, timeout: float | None = None) -> None:
        """Wait until the server answers; raise StackError when it ends instead or takes too long."""
        limit = timeout or self.ready_timeout
        until = time.monotonic() + limit
        while not self.ready():
            if self._process is not None and self._process.poll() is not None:
                raise StackError(
                    _("%(name)s ended at once: %(why)s") % {"name": self.name, "why": explain(tail(self.log))}
                )
            if time.monotonic() > until:
                raise StackError(
                    _("%(name)s did not answer within %(limit)d s, see %(log)s")
                    % {"name": self.name, "limit": limit, "log": self.log}
                )
            time.sleep(0.02)

    def stop(self) -> None:
        """Ask the server to end, wait, and kill it when it does not; nothing when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        launch = self.launch()
        if process.poll() is None:
            process.send_signal(launch.stop_signal)
            with suppress(subprocess.TimeoutExpired):
                process.wait(launch.stop_timeout)
        kill_group(process)
