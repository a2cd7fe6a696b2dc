"""Attempts, one for each task, and the sweeps that start them and delete old rows."""

from django.db.models import Q
from django.db.models.functions import Now

from holo.celery import app
from holo.deliveries import policy
from holo.deliveries.models import Delivery
from holo.deliveries.sending import attempt_next

State = Delivery.State


@app.task(time_limit=policy.TASK_SECONDS)
def send_next_delivery() -> bool:
    """Make one attempt at what has been due longest; if there was something, ask for the next one.

    Beat asks for it too, so that what is due later, and what a killed process has left, is sent. The task
    says nothing about which delivery is meant: repeated or lost, it does no harm.
    """
    if not attempt_next():
        return False
    send_next_delivery.delay()
    return True


@app.task
def purge_ended_deliveries() -> int:
    """Delete what was delivered or withdrawn seven days ago, and what failed thirty days ago."""
    failed = Q(state__in=[State.REFUSED, State.GIVEN_UP])
    old = Q(ended_at__lt=Now() - policy.FAILED_KEPT_FOR) | (
        Q(ended_at__lt=Now() - policy.DELIVERED_KEPT_FOR) & ~failed
    )
    deleted, _models = Delivery.objects.filter(old).delete()
    return deleted
