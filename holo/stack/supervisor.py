"""Keeps the parts running: starts each when what it needs is ready, restarts what ends, stops all in order.

One thread does everything. Children die with the thread that started them, so it must be the main one.
"""

import selectors
import signal
import time
from collections.abc import Callable, Sequence
from types import FrameType

from django.utils.translation import gettext as _

from holo.stack.console import Console
from holo.stack.errors import StackError
from holo.stack.part import Part, Runner, State
from holo.stack.process import explain, tail

_START_LIMIT = 90.0
_TRIES = 4
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """Runs parts until told to stop, until the task named `until` has ended, or until a vital one fails."""

    def __init__(
        self,
        parts: Sequence[Part],
        console: Console,
        *,
        on_ready: Callable[[], None] | None = None,
        until: str | None = None,
    ) -> None:
        self._runners = {part.name: Runner(part) for part in parts}
        self._ancestors = {part.name: self._all_before(part) for part in parts}
        self._console = console
        self._on_ready = on_ready
        self._until = until
        self._selector = selectors.DefaultSelector()
        self._stop_requests = 0
        self._announced = False
        self._exit_code: int | None = None

    def run(self) -> int:
        """Run the parts; returns the exit code, or raises StackError after everything was stopped."""
        before = {sign: signal.signal(sign, self._request_stop) for sign in _SIGNALS}
        try:
            while self._exit_code is None and not self._stop_requests:
                self._tick()
            return self._exit_code or 0
        finally:
            self._stop_all()
            self._selector.close()
            for sign, handler in before.items():
                signal.signal(sign, handler)

    def _tick(self) -> None:
        self._start_what_may()
        self._read_output(0.25 if self._announced else 0.03)
        for runner in self._runners.values():
            self._follow_end(runner)
            if runner.became_ready():
                seconds = time.monotonic() - runner.started_at
                self._console.say(_("%(name)s is ready (%(s).1f s)") % {"name": runner.name, "s": seconds})
            elif runner.state is State.STARTING:
                self._check_limit(runner)
        if not self._announced and all(runner.satisfied for runner in self._lasting()):
            self._announced = True
            if self._on_ready is not None:
                self._on_ready()

    def _start_what_may(self) -> None:
        now = time.monotonic()
        for runner in self._runners.values():
            if runner.state not in (State.WAITING, State.BACKOFF) or now < runner.not_before:
                continue
            if not all(self._runners[name].satisfied for name in runner.part.after):
                continue
            self._console.quiet |= runner.part.foreground
            try:
                descriptor = runner.start()
            except OSError as error:
                raise StackError(f"{runner.name}: {error.strerror}: {error.filename}") from None
            self._selector.register(descriptor, selectors.EVENT_READ, runner)
            self._read_output(0)

    def _read_output(self, wait: float) -> None:
        for key, _events in self._selector.select(wait):
            if self._pass_on(key.data):
                self._selector.unregister(key.fd)

    def _pass_on(self, runner: Runner) -> bool | None:
        """Show what arrived; returns whether the output has ended, None when nothing was there."""
        output = runner.take_output()
        if output is None:
            return None
        lines, ended = output
        for line in lines:
            self._console.line(runner.name, line, prefix=not runner.part.foreground)
        return ended

    def _follow_end(self, runner: Runner) -> None:
        code = runner.reap()
        if code is None:
            return
        self._drain(runner)
        stopping = runner.state is State.STOPPING
        runner.after_end()
        if stopping:
            return
        if runner.name == self._until:
            self._exit_code = code
        elif runner.state is State.DONE:
            seconds = time.monotonic() - runner.started_at
            self._console.say(_("%(name)s is done (%(s).1f s)") % {"name": runner.name, "s": seconds})
        else:
            self._follow_failure(runner, code)
        if runner.part.foreground and self._exit_code is None:
            self._console.quiet = False
            self._console.say(_("everything keeps running; Ctrl-C stops it"))

    def _follow_failure(self, runner: Runner, code: int) -> None:
        hopeless = runner.part.vital or (not runner.part.task and runner.failures >= _TRIES)
        if hopeless and not runner.was_ready:
            raise StackError(self._why(runner, code))
        text = _("%(name)s ended with %(code)d") % {"name": runner.name, "code": code}
        if runner.state is State.BACKOFF:
            text += _(", starting it again in %(s)d s") % {"s": runner.pause}
        self._console.say(text)

    def _why(self, runner: Runner, code: int) -> str:
        log = self._console.log_file(runner.name)
        return _("%(name)s ended with %(code)d: %(why)s (see %(log)s)") % {
            "name": runner.name,
            "code": code,
            "why": explain(tail(log)),
            "log": log,
        }

    def _check_limit(self, runner: Runner) -> None:
        if runner.part.task or runner.was_ready or time.monotonic() - runner.started_at < _START_LIMIT:
            return
        raise StackError(
            _("%(name)s did not answer within %(s)d s, see %(log)s")
            % {"name": runner.name, "s": _START_LIMIT, "log": self._console.log_file(runner.name)}
        )

    def _drain(self, runner: Runner) -> None:
        """Take the last words of a process that has ended."""
        process = runner.process
        if process is None or process.stdout is None:
            return
        descriptor = process.stdout.fileno()
        if descriptor not in self._selector.get_map():
            return
        while self._pass_on(runner) is False:
            pass
        self._selector.unregister(descriptor)

    def _stop_all(self) -> None:
        """Stop what nothing running depends on, then what that needed; a second signal kills the rest."""
        requests = self._stop_requests
        # What servers say while they end goes to their log files.
        self._console.quiet = True
        if any(runner.process for runner in self._runners.values()):
            self._console.say(_("stopping"))
        while running := [runner for runner in self._runners.values() if runner.process]:
            if self._stop_requests > max(requests, 1):
                for runner in running:
                    runner.kill()
            needed = set().union(*(self._ancestors[runner.name] for runner in running))
            for runner in running:
                if runner.name not in needed:
                    runner.stop()
            self._read_output(0.03)
            for runner in running:
                if runner.reap() is not None:
                    self._drain(runner)
                    runner.after_end()
        self._console.say(_("stopped"))

    def _lasting(self) -> list[Runner]:
        return [runner for runner in self._runners.values() if not runner.part.foreground]

    def _all_before(self, part: Part) -> set[str]:
        found: set[str] = set()
        waiting = list(part.after)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._runners[name].part.after
        return found

    def _request_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stop_requests += 1
