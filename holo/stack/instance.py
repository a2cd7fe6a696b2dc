"""Exactly one `up` per checkout: the lock, who holds it, and asking that one to end."""

import fcntl
import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The `up` that holds the lock; `started` is the kernel's start time, for pids come back."""

    pid: int
    started: str
    demo: bool
    urls: dict[str, str]

    def alive(self) -> bool:
        """Return whether this very process still runs."""
        return bool(self.started) and start_time(self.pid) == self.started


def start_time(pid: int) -> str:
    """Return when a process started, in the kernel's ticks; empty when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "" if Path("/proc/self").exists() else _start_time_without_proc(pid)
    # The command's name may hold spaces and brackets; the fields after it can't.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def _start_time_without_proc(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except OSError:
        return ""
    return "alive"


class Instance:
    """The lock and the state file in one `.run` folder."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self._lock: IO[str] | None = None

    def take(self) -> bool:
        """Take the lock; False when another `up` has it. The kernel drops it when we die."""
        self.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = (self.run_dir / "up.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            return False
        return True

    def crashed(self) -> bool:
        """Return whether the last holder of the lock, or the present one, left its state behind."""
        return self._state.exists()

    def write(self, *, demo: bool, urls: dict[str, str]) -> None:
        """Tell others who runs."""
        state = Running(pid=os.getpid(), started=start_time(os.getpid()), demo=demo, urls=urls)
        self._state.write_text(json.dumps(asdict(state)))

    def release(self) -> None:
        """Forget the state and give the lock back."""
        self._state.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def running(self) -> Running | None:
        """Return who runs; None when nobody does or the state file is of a process that is gone."""
        try:
            state = Running(**json.loads(self._state.read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return state if state.alive() else None

    def stop(self, *, patience: float = 45.0) -> bool:
        """Ask the running `up` to end and wait; kill it when it does not. Returns whether there was one."""
        running = self.running()
        if running is None:
            return False
        for sign, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
            try:
                os.kill(running.pid, sign)
            except ProcessLookupError:
                return True
            until = time.monotonic() + wait
            while running.alive() and time.monotonic() < until:
                time.sleep(0.05)
            if not running.alive():
                break
        return True

    @property
    def _state(self) -> Path:
        return self.run_dir / "up.json"
