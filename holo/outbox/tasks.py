"""Sweeps of delivered messages."""

from datetime import timedelta

from celery import shared_task
from django.db.models.functions import Now

from holo.outbox.models import OutboxMessage

# Long enough to look up what was sent last week.
KEPT_FOR = timedelta(days=7)


@shared_task
def purge_delivered_messages() -> int:
    """Delete messages delivered more than seven days ago; waiting and dead ones stay for ever."""
    deleted, _ = OutboxMessage.objects.filter(delivered_at__lt=Now() - KEPT_FOR).delete()
    return deleted
