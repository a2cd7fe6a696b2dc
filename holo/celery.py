"""The Celery application: mail, webhooks and sweeps, never a business timer."""

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "holo.settings")

app = Celery("holo")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


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
