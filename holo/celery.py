"""The Celery application: mail, webhooks and sweeps, never a business timer.

A module whose code asks for a task imports it from here, so that it reaches this application's broker. Those
that Celery alone runs use `shared_task`: with Celery imported a command takes a tenth longer to start.
"""

import logging
import os
import signal
import sys
import threading
from datetime import timedelta
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_init, worker_shutting_down
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from holo.deliveries.policy import SWEEP_SECONDS

logger = logging.getLogger(__name__)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "holo.settings")

try:
    _ = settings.DEBUG  # reads them; a process of `manage.py` has done so before
except ImproperlyConfigured as error:
    print(error, file=sys.stderr)
    sys.exit(2)

app = Celery("holo")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    task: {"task": task, "schedule": timedelta(minutes=30)}
    for task in (
        "holo.apiauth.tasks.purge_ended_logins",
        "holo.deliveries.tasks.purge_ended_deliveries",
        "holo.idempotency.tasks.purge_expired_keys",
        "holo.outbox.tasks.purge_delivered_messages",
        "holo.staff.tasks.purge_ended_sessions",
    )
} | {
    "holo.deliveries.tasks.send_next_delivery": {
        "task": "holo.deliveries.tasks.send_next_delivery",
        "schedule": timedelta(seconds=SWEEP_SECONDS),
        # A worker that was away finds one of them, not thousands.
        "options": {"expires": SWEEP_SECONDS},
    }
}


def refuse_unfit(**_event: Any) -> None:
    """Refuse to run in production on a database that is not fit for it."""
    from holo.common.fitness import refuse_unfit_database

    try:
        refuse_unfit_database()
    except ImproperlyConfigured as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def stop_in_time(*, how: str, **_event: Any) -> None:
    """End a warm shutdown in its time; it would wait for tasks however long they take.

    After half of it Celery ends the tasks itself and gives their messages back to the broker.
    """
    from holo.common.stopping import leave_in_time

    if how == "Warm":
        leave_in_time(_kill_tasks)
        timer = threading.Timer(settings.STOP_SECONDS / 2, _end_tasks)
        timer.daemon = True
        timer.start()


_ended: list[str] = []


def _end_tasks() -> None:
    from celery.worker import state

    _ended.extend(f"{request.name} {request.id}" for request in list(state.active_requests))
    logger.warning("ends the tasks in hand: %s", ", ".join(_ended) or "none")
    os.kill(os.getpid(), signal.SIGQUIT)


def _kill_tasks() -> list[str]:
    from billiard import active_children

    for process in active_children():
        os.kill(process.pid, signal.SIGKILL)
    return _ended


worker_init.connect(refuse_unfit)
beat_init.connect(refuse_unfit)
worker_shutting_down.connect(stop_in_time)
