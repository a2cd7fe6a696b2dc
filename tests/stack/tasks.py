"""The product's Celery application with a task that never ends: `celery -A tests.stack.tasks`."""

import signal
import threading

from holo.celery import app


@app.task
def hang(*, stubborn: bool) -> None:
    """Wait for ever; if `stubborn`, whatever signal comes."""
    if stubborn:
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
    print("hangs", flush=True)
    threading.Event().wait()
