"""Calls that start at the same instant, each in a thread with a connection of its own."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import connections

T = TypeVar("T")
PATIENCE = 60.0


def race(calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """Run all calls at once; return each one's result or the exception it raised, in order."""
    barrier = threading.Barrier(len(calls))
    outcomes: list[T | Exception | None] = [None] * len(calls)

    def run(index: int) -> None:
        try:
            connections["default"].ensure_connection()
            barrier.wait(PATIENCE)
            outcomes[index] = calls[index]()
        except Exception as error:  # noqa: BLE001 - what was raised is what the test looks at
            outcomes[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "a racer never came back"
    return [outcome for outcome in outcomes if outcome is not None]
