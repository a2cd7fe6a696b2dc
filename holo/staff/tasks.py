"""Sweeps of what log-ins leave behind."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from holo.staff.models import LoginLimit, StaffSession

# Longer than any wait.
_KEPT_FOR = timedelta(days=2)


@shared_task
def purge_ended_sessions() -> int:
    """Delete sessions that have run out and counts that nobody has added to for days."""
    longest = timedelta(seconds=settings.SESSION_MAX_SECONDS)
    rows, _models = StaffSession.objects.filter(created_at__lt=Now() - longest).delete()
    sessions, _models = Session.objects.filter(expire_date__lt=Now()).delete()
    limits, _models = LoginLimit.objects.filter(seen_at__lt=Now() - _KEPT_FOR).delete()
    return rows + sessions + limits
