"""Runs calls at the same instant, each on a thread and a connection of its own."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import connections

from holo.common.errors import BusyError

T = TypeVar("T")


def race(
    calls: Sequence[Callable[[], T]], *, timeout: float = 60.0, again_when_busy: bool = True
) -> list[T | Exception]:
    """Start all calls behind one barrier; return each one's result or exception, in order.

    Whoever is told that the rows are busy comes again, as a client does: on a machine with much else to do
    the last of many waits for a lock longer than its limit.
    """
    barrier = threading.Barrier(len(calls))
    results: list[T | Exception] = [RuntimeError("did not end")] * len(calls)

    def run(index: int, call: Callable[[], T]) -> None:
        try:
            barrier.wait(timeout)
            results[index] = _in_the_end(call, timeout) if again_when_busy else call()
        except Exception as error:  # noqa: BLE001 - handed to the test, which looks at each
            results[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(i, call)) for i, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
        assert not thread.is_alive(), "a racer hangs"
    return results


def _in_the_end(call: Callable[[], T], timeout: float) -> T:
    until = time.monotonic() + timeout
    while True:
        try:
            return call()
        except BusyError:
            if time.monotonic() > until:
                raise


def duel(first: Callable[[], object], second: Callable[[], object]) -> tuple[object, object]:
    """Start two calls of different kinds at the same instant; return what became of each."""
    one, other = race([first, second])
    return one, other
