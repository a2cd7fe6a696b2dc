"""The row locks of this package."""

from uuid import UUID

from holo.apiauth.models import ApiKey


def lock_api_key(key_id: UUID) -> ApiKey:
    """Lock one key. Raises ApiKey.DoesNotExist."""
    return ApiKey.objects.select_for_update(of=("self",), no_key=True).get(pk=key_id)
