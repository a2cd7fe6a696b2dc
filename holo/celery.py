"""The Celery application: mail, webhooks and sweeps, never a business timer."""

import os
import sys
from datetime import timedelta
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_init

from holo.deliveries.policy import SWEEP_SECONDS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "holo.settings")

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
    from django.core.exceptions import ImproperlyConfigured

    from holo.common.fitness import refuse_unfit_database

    try:
        refuse_unfit_database()
    except ImproperlyConfigured as error:
        print(error, file=sys.stderr)
        sys.exit(2)


worker_init.connect(refuse_unfit)
beat_init.connect(refuse_unfit)
