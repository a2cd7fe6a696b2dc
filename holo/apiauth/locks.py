"""The row locks of this package."""

from uuid import UUID

from django.db import connection

from holo.apiauth.models import ApiKey, AuthorizationCode
from holo.common.db import require_transaction


def lock_api_key(key_id: UUID) -> ApiKey:
    """Lock one key. Raises ApiKey.DoesNotExist."""
    return ApiKey.objects.select_for_update(of=("self",), no_key=True).get(pk=key_id)


def lock_code(**condition: object) -> AuthorizationCode | None:
    """Lock one authorisation code, by its id or hash; None where there is none."""
    require_transaction()
    return AuthorizationCode.objects.select_for_update(of=("self",), no_key=True).filter(**condition).first()


def lock_address(address: str) -> None:
    """Let one caller of an address at a time count its codes; there may be no row to lock yet."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 4711))", [f"code|{address}"])
