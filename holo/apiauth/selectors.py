"""Reads of API keys."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from holo.apiauth.models import ApiKey
from holo.identity.models import Membership


def find_usable_key(prefix: str) -> ApiKey | None:
    """Return a prefix's key with owner and organisation, unless it has ended or its owner may not use it.

    An owner must be active and, unless a superuser, still belong to the organisation.
    """
    membership = Membership.objects.filter(
        user_id=OuterRef("owner_id"), organization_id=OuterRef("organization_id")
    )
    key = (
        ApiKey.objects.select_related("owner", "organization")
        .annotate(is_member=Exists(membership))
        .filter(prefix=prefix, revoked_at=None, expires_at__gt=Now(), owner__is_active=True)
        .first()
    )
    if key is None or not (key.is_member or key.owner.is_superuser):
        return None
    return key


def list_api_keys(organization_ids: Iterable[UUID] | None = None) -> QuerySet[ApiKey]:
    """Return the keys of some organisations (None: of all), newest first."""
    keys = ApiKey.objects.select_related("owner", "organization")
    return keys if organization_ids is None else keys.filter(organization_id__in=list(organization_ids))
