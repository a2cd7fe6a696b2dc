"""The commands of this package."""

from holo.apiauth.operations import DEFAULT_LIFETIME, MAX_LIFETIME, MIN_LIFETIME
from holo.apiauth.services.keys import (
    DEFAULT_GRACE,
    MAX_GRACE,
    create_api_key,
    revoke_api_key,
    revoke_token,
    rotate_api_key,
)

__all__ = [
    "DEFAULT_GRACE",
    "DEFAULT_LIFETIME",
    "MAX_GRACE",
    "MAX_LIFETIME",
    "MIN_LIFETIME",
    "create_api_key",
    "revoke_api_key",
    "revoke_token",
    "rotate_api_key",
]
