"""The steps that this process has in hand, for the log line about those that do not end."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from temporalio import activity

_lock = threading.Lock()
_steps: dict[bytes, tuple[str, float]] = {}


@contextmanager
def in_hand(info: activity.Info) -> Iterator[None]:
    """Count the step as in hand until the block ends."""
    name = f"{info.activity_type} of {info.workflow_id}"
    with _lock:
        _steps[info.task_token] = (name, time.monotonic())
    try:
        yield
    finally:
        with _lock:
            del _steps[info.task_token]


def steps_in_hand() -> tuple[str, ...]:
    """Return the steps, each with the seconds since it began."""
    now = time.monotonic()
    with _lock:
        return tuple(f"{name} ({now - began:.0f} s)" for name, began in _steps.values())
