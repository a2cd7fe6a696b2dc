"""Limits on calls to software of others: how long one is waited for, and how many there are at once.

A port is one partner, such as the payment gateway. Its calls run in threads of their own, so that the caller
goes on when the time is up, whatever the call does then.
"""

import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from django.conf import settings
from django.db import close_old_connections, connections

from holo.common.errors import OutageError

logger = logging.getLogger(__name__)

T = TypeVar("T")
# Does the work and returns what tells whoever waits for it.
_Job = Callable[[], Callable[[], None]]

# For sockets whose owner set no limit: connecting, and each wait for data.
SOCKET_SECONDS = 5.0
# Between the refusal of a step and its next try.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.2, 15.0
# A partner whose turns last less than this is waited for, twice as long as a turn: a refusal would cost more.
_FAST = 0.2
# What a turn is taken to last before the first one has ended, and how many the average covers.
_FIRST_GUESS, _AVERAGED = 0.2, 8
_PORTS: dict[str, "Port"] = {}


class CallTimedOutError(OutageError):
    """A call did not end in time: what it did is not known."""


class PortBusyError(OutageError):
    """As many steps ask this partner as may at once; nothing was sent. Try again after `retry_after` s."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Port:
    """One partner. At most OUTSIDE_CALLS steps ask it at once, each for at most OUTSIDE_SECONDS.

    A call that is not over then is left to itself. Its thread cannot be ended, so it keeps its place until
    the call ends; otherwise threads would pile up for as long as the partner is silent.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Condition()
        self._taken = 0
        self._left_behind = 0
        self._idle: list[SimpleQueue[_Job | None]] = []
        self._seconds = _FIRST_GUESS
        self._next_try = 0.0
        self._turn: ContextVar[_Turn | None] = ContextVar(f"holo_port_{name}", default=None)
        _PORTS[name] = self

    @property
    def taken(self) -> int:
        """How many steps ask now; calls that were left behind are among them."""
        return self._taken

    @property
    def left_behind(self) -> int:
        """How many calls nobody waits for any more have not ended."""
        return self._left_behind

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Take a place for the calls of one step; their time begins now. Raises PortBusyError.

        Take it before anything is written ahead: what was refused has not been sent.
        """
        turn = self._begin()
        token = self._turn.set(turn)
        try:
            yield
        finally:
            self._turn.reset(token)
            self._end(turn)

    def call(self, function: Callable[[], T]) -> T:
        """Return what `function` returns, or raise what it raises; as a turn of its own where there is none.

        Raises CallTimedOutError when the time of the turn is up, PortBusyError.
        """
        turn = self._turn.get()
        if turn is None:
            with self.turn():
                return self.call(function)
        left = turn.deadline - time.monotonic()
        if left <= 0:
            raise CallTimedOutError(f"{self.name}: no time is left for another call")
        outcome: Future[T] = Future()
        context = copy_context()
        self._run(lambda: _outcome_of(outcome, lambda: context.run(function)))
        wait([outcome], timeout=left)
        if not outcome.done():
            turn.hanging = outcome
            raise CallTimedOutError(f"{self.name} has not answered within {settings.OUTSIDE_SECONDS} s")
        return outcome.result()

    def close(self) -> None:
        """End the threads that have nothing to do, with their database connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for jobs in idle:
            jobs.put(None)

    # --- Places ----------------------------------------------------------------------------------------

    def _begin(self) -> "_Turn":
        with self._lock:
            patience = 2 * self._seconds if self._seconds < _FAST else 0.0
            if not self._lock.wait_for(lambda: self._taken < settings.OUTSIDE_CALLS, patience):
                raise PortBusyError(
                    f"{self.name} is busy with {self._taken} steps", retry_after=self._pause()
                )
            self._taken += 1
        return _Turn(time.monotonic())

    def _pause(self) -> float:
        """Return when a refused step comes again: after those before it, as fast as places become free."""
        now = time.monotonic()
        step = self._seconds / settings.OUTSIDE_CALLS
        self._next_try = min(max(self._next_try, now) + step, now + _LONGEST_PAUSE)
        return max(_SHORTEST_PAUSE, self._next_try - now) * random.uniform(0.8, 1)

    def _end(self, turn: "_Turn") -> None:
        with self._lock:
            self._seconds += (time.monotonic() - turn.began - self._seconds) / _AVERAGED
            if turn.hanging is None:
                self._taken -= 1
                self._lock.notify()
                return
            self._left_behind += 1
            left_behind = self._left_behind
        logger.error("%s: %d calls hang and keep their places", self.name, left_behind)
        turn.hanging.add_done_callback(lambda _: self._end_late())

    def _end_late(self) -> None:
        with self._lock:
            self._taken -= 1
            self._left_behind -= 1
            self._lock.notify()
        logger.warning("%s: a call that hung has ended", self.name)

    # --- Threads ---------------------------------------------------------------------------------------

    def _run(self, job: "_Job") -> None:
        with self._lock:
            jobs = self._idle.pop() if self._idle else None
        if jobs is None:
            jobs = SimpleQueue()
            # A daemon: a call that hangs does not keep the process from ending.
            threading.Thread(target=self._serve, args=(jobs,), name=f"port-{self.name}", daemon=True).start()
        jobs.put(job)

    def _serve(self, jobs: "SimpleQueue[_Job | None]") -> None:
        while (job := jobs.get()) is not None:
            tell = job()
            close_old_connections()
            with self._lock:
                self._idle.append(jobs)
            # Last, so that the next call of the same turn finds this thread idle.
            tell()
        connections.close_all()


class _Turn:
    """The calls of one step."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.deadline = began + settings.OUTSIDE_SECONDS
        self.hanging: Future[Any] | None = None


def ports() -> tuple[Port, ...]:
    """Return every port of this process."""
    return tuple(_PORTS.values())


@contextmanager
def limited_sockets() -> Iterator[None]:
    """Limit connecting and each wait for data on sockets of this process whose owner sets no limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SOCKET_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _outcome_of(outcome: "Future[T]", function: Callable[[], T]) -> Callable[[], None]:
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - an adapter may call sys.exit; who asked is told
        return partial(outcome.set_exception, error)
    return partial(outcome.set_result, result)
