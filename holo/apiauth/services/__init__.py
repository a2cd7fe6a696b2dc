"""The commands of this package."""

from holo.apiauth.operations import DEFAULT_LIFETIME, MAX_LIFETIME, MIN_LIFETIME
from holo.apiauth.services.codes import (
    Polled,
    create_authorization_code,
    decide_authorization_code,
    exchange_authorization_code,
)
from holo.apiauth.services.keys import (
    DEFAULT_GRACE,
    MAX_GRACE,
    create_api_key,
    revoke_api_key,
    revoke_token,
    rotate_api_key,
)
from holo.apiauth.services.public import sign_public_token

__all__ = [
    "DEFAULT_GRACE",
    "DEFAULT_LIFETIME",
    "MAX_GRACE",
    "MAX_LIFETIME",
    "MIN_LIFETIME",
    "Polled",
    "create_api_key",
    "create_authorization_code",
    "decide_authorization_code",
    "exchange_authorization_code",
    "revoke_api_key",
    "revoke_token",
    "rotate_api_key",
    "sign_public_token",
]
