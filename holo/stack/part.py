"""One part of the stack while it runs: its process, its output, its state and its restarts."""

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from holo.stack.process import Launch, kill_group, spawn

_SECONDS_BETWEEN_QUESTIONS = 0.03
_STEADY_SECONDS = 60.0
_LONGEST_BACKOFF = 30.0


class State(Enum):
    """Where a part is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is known beforehand. `prepare` runs just before each start, `on_ready` once after it answers.

    A `task` ends by itself and is ready when it has ended well. A `vital` part that fails before it was ever
    ready ends everything. `foreground` output is shown as it is, and quiets the others while it runs.
    """

    name: str
    launch: Callable[[], Launch]
    after: tuple[str, ...] = ()
    ready: Callable[[], bool] | None = None
    ready_text: bytes = b""
    prepare: Callable[[], None] | None = None
    on_ready: Callable[[], None] | None = None
    task: bool = False
    vital: bool = False
    foreground: bool = False


class Runner:
    """A part and its process."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.state = State.WAITING
        self.was_ready = False
        self.failures = 0
        self.started_at = 0.0
        self._next_question = 0.0
        self.not_before = 0.0
        self.exit_code: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._launch: Launch | None = None
        self._text_seen = False
        self._rest = b""
        self._kill_at = 0.0

    @property
    def name(self) -> str:
        """Return the part's name."""
        return self.part.name

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """Return the process while there is one."""
        return self._process

    @property
    def satisfied(self) -> bool:
        """Return whether the parts that come after this one may start."""
        return self.was_ready

    def start(self) -> int:
        """Start the process and return the descriptor of its output."""
        if self.part.prepare is not None:
            self.part.prepare()
        self._launch = self.part.launch()
        self._text_seen = False
        self._process = spawn(self._launch, subprocess.PIPE)
        self.state = State.STARTING
        self.started_at = time.monotonic()
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        os.set_blocking(descriptor, False)
        return descriptor

    def take_output(self) -> tuple[list[bytes], bool] | None:
        """Return the whole lines that arrived and whether the output ended; None when nothing is there."""
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            data = os.read(self._process.stdout.fileno(), 65536)
        except BlockingIOError:
            return None
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if not data and self._rest:
            lines, self._rest = [self._rest], b""
        self._text_seen |= bool(self.part.ready_text) and any(self.part.ready_text in line for line in lines)
        return lines, not data

    def became_ready(self) -> bool:
        """Return once, when a starting part answers."""
        if self.state is not State.STARTING or self.part.task:
            return False
        if self.part.ready_text and not self._text_seen:
            return False
        if self.part.ready is not None:
            # A part that logs each failed question must not be asked again because of that line.
            now = time.monotonic()
            if now < self._next_question:
                return False
            self._next_question = now + _SECONDS_BETWEEN_QUESTIONS
            if not self.part.ready():
                return False
        self._mark_ready(State.READY)
        return True

    def reap(self) -> int | None:
        """Return the exit code once, when the process has ended; its group goes with it."""
        if self._process is None or self._process.poll() is None:
            return None
        kill_group(self._process)
        self.exit_code = self._process.returncode
        return self.exit_code

    def after_end(self) -> None:
        """Decide what comes after the end: nothing, or another start after a pause that grows."""
        steady = time.monotonic() - self.started_at > _STEADY_SECONDS
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None
        if self.state is State.STOPPING:
            self.state = State.ENDED
        elif self.part.task:
            if self.exit_code == 0:
                self._mark_ready(State.DONE)
            else:
                self.state = State.ENDED
        else:
            self.failures = 1 if steady else self.failures + 1
            self.state = State.BACKOFF
            self.not_before = time.monotonic() + self.pause

    @property
    def pause(self) -> float:
        """Return how long to wait before the next start."""
        return float(min(_LONGEST_BACKOFF, 2.0 ** (self.failures - 1)))

    def stop(self) -> None:
        """Ask the process to end; the second time, or too late, kill it."""
        if self._process is None or self._launch is None:
            self.state = State.ENDED
        elif self.state is not State.STOPPING:
            self.state = State.STOPPING
            self._kill_at = time.monotonic() + self._launch.stop_timeout
            self._process.send_signal(self._launch.stop_signal)
        elif time.monotonic() > self._kill_at:
            kill_group(self._process)

    def kill(self) -> None:
        """Kill the process and its group at once."""
        if self._process is not None:
            kill_group(self._process)

    def _mark_ready(self, state: State) -> None:
        self.state = state
        self.was_ready = True
        if self.part.on_ready is not None:
            self.part.on_ready()
