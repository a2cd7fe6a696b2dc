"""The Celery application: mail, webhooks and sweeps, never a business timer."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "holo.settings")

app = Celery("holo")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
