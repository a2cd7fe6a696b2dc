"""Heartbeats of an activity that makes one call after the other, sent by a thread while it takes long."""

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from temporalio import activity

# A heartbeat is a request to Temporal, and most activities end before one is due.
EVERY_SECONDS = 5.0
_LOOK_SECONDS = 1.0


@dataclass(slots=True)
class _Beating:
    """One activity: where its heartbeats belong, what it does, and when it began or last told."""

    context: contextvars.Context
    step: str = ""
    since: float = field(default_factory=time.monotonic)


logger = logging.getLogger(__name__)
_wake = threading.Condition()
_entries: dict[int, _Beating] = {}
_threads: list[threading.Thread] = []


@contextmanager
def heartbeats() -> Iterator[Callable[[str], None]]:
    """Send heartbeats until the block ends; call what it gives with the name of each call that begins.

    The details are the number of tries that failed before (none) and that name; Temporal's UI shows them.
    """
    entry = _Beating(context=contextvars.copy_context())
    with _wake:
        _entries[id(entry)] = entry
        if not _threads:
            _threads.append(threading.Thread(target=_beat, name="heartbeats", daemon=True))
            _threads[0].start()
        _wake.notify()

    def begin(step: str) -> None:
        # The time goes on: many short calls take long too.
        entry.step = step

    try:
        yield begin
    finally:
        with _wake:
            del _entries[id(entry)]


def _beat() -> None:
    while True:
        with _wake:
            _wake.wait_for(lambda: bool(_entries))
            due = [entry for entry in _entries.values() if time.monotonic() - entry.since >= EVERY_SECONDS]
            # Within the lock: an activity that has ended sends none.
            for entry in due:
                entry.since = time.monotonic()
                try:
                    entry.context.run(activity.heartbeat, 0, entry.step)
                except RuntimeError as error:
                    # Its worker has ended, but this thread serves others of the process.
                    logger.warning("no heartbeat of %s: %s", entry.step, error)
        time.sleep(_LOOK_SECONDS)
