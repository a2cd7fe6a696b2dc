"""Sweeps of expired client keys."""

from celery import shared_task
from django.db.models.functions import Now

from holo.idempotency.models import IdempotencyLog


@shared_task
def purge_expired_keys() -> int:
    """Delete clients' keys past their time; step keys have none and stay."""
    deleted, _ = IdempotencyLog.objects.filter(expires_at__lt=Now()).delete()
    return deleted
