"""Runs calls at the same instant, each on a thread and a connection of its own."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def race(calls: Sequence[Callable[[], T]], *, timeout: float = 60.0) -> list[T | Exception]:
    """Start all calls behind one barrier; return each one's result or exception, in order."""
    barrier = threading.Barrier(len(calls))
    results: list[T | Exception] = [RuntimeError("did not end")] * len(calls)

    def run(index: int, call: Callable[[], T]) -> None:
        try:
            barrier.wait(timeout)
            results[index] = call()
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


def duel(first: Callable[[], object], second: Callable[[], object]) -> tuple[object, object]:
    """Start two calls of different kinds at the same instant; return what became of each."""
    one, other = race([first, second])
    return one, other
