"""Sweeps of what logins leave behind."""

from datetime import timedelta

from celery import shared_task
from django.db.models.functions import Now

from holo.apiauth.models import AuthorizationCode, UsedPublicToken

# Long enough to look up who was asked for what; the audit trail keeps the decisions.
KEPT_FOR = timedelta(days=7)


@shared_task
def purge_ended_logins() -> int:
    """Delete used public tokens that have run out by themselves, and codes a week after they have."""
    tokens, _models = UsedPublicToken.objects.filter(expires_at__lt=Now()).delete()
    codes, _models = AuthorizationCode.objects.filter(expires_at__lt=Now() - KEPT_FOR).delete()
    return tokens + codes
