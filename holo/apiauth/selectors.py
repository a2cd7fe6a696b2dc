"""Reads of API keys."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from holo.apiauth.models import ApiKey
from holo.common.rows import columns, from_row, width
from holo.identity.models import Organization, User

# Asked once a request: everything about the caller in one round trip.
_USABLE = f"""
SELECT {columns(ApiKey, "k")}, {columns(User, "u")}, {columns(Organization, "o")}, ARRAY(
    SELECT g.name FROM auth_group g JOIN identity_user_groups m ON m.group_id = g.id WHERE m.user_id = u.id)
FROM apiauth_apikey k
JOIN identity_user u ON u.id = k.owner_id
JOIN identity_organization o ON o.id = k.organization_id
WHERE k.prefix = %s AND k.revoked_at IS NULL AND k.expires_at > now() AND u.is_active AND (u.is_superuser
    OR EXISTS (SELECT FROM identity_membership m WHERE (m.user_id, m.organization_id) = (u.id, o.id)))
"""


def find_usable_key(prefix: str) -> tuple[ApiKey, frozenset[str]] | None:
    """Return a prefix's key with owner and organisation, and the names of its owner's groups.

    None if the key has ended or its owner may not use it: an owner must be active and, unless a superuser,
    still belong to the organisation.
    """
    with connection.cursor() as cursor:
        cursor.execute(_USABLE, [prefix])
        row = cursor.fetchone()
    if row is None:
        return None
    user = width(ApiKey)
    organization = user + width(User)
    key = from_row(ApiKey, row[:user])
    key.owner = from_row(User, row[user:organization])
    key.organization = from_row(Organization, row[organization:-1])
    return key, frozenset(row[-1])


def list_api_keys(organization_ids: Iterable[UUID] | None = None) -> QuerySet[ApiKey]:
    """Return the keys of some organisations (None: of all), newest first."""
    keys = ApiKey.objects.select_related("owner", "organization", "environment__project", "replaced_by")
    return keys if organization_ids is None else keys.filter(organization_id__in=list(organization_ids))
