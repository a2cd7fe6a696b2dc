"""Public tokens: JWTs that a key signs for what it cannot trust with itself, such as a browser.

HS256 with a random secret of the key's own, so that who holds the secret of one key signs for no other. The
algorithm is this one, whatever a token says. Knows no database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import jwt
from django.utils.translation import gettext as _

from holo.apiauth.errors import (
    PublicTokenClaimError,
    PublicTokenExpiredError,
    PublicTokenSignatureError,
)

DEFAULT_LIFETIME = timedelta(minutes=15)
MIN_LIFETIME, MAX_LIFETIME = timedelta(minutes=1), timedelta(hours=1)
MAX_LENGTH = 4096
_ALGORITHM = "HS256"
_ISSUER, _AUDIENCE = "holo", "holo-public"
_REQUIRED = ["iss", "aud", "sub", "iat", "exp", "jti", "scopes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a public token says: for which environment and buyer, what for, how long, whether for one use.

    An empty buyer is nobody: such a token reaches no orders.
    """

    environment_id: UUID
    buyer: str
    scopes: frozenset[str]
    jti: UUID
    issued_at: datetime
    expires_at: datetime
    one_time: bool


def sign(claims: Claims, *, key_id: UUID, secret: str) -> str:
    """Return the text of a token."""
    body = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": str(claims.environment_id),
        "iat": int(claims.issued_at.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
        "jti": str(claims.jti),
        "scopes": sorted(claims.scopes),
        "buyer": claims.buyer,
        "once": claims.one_time,
    }
    return jwt.encode(body, secret, algorithm=_ALGORITHM, headers={"kid": str(key_id)})


def looks_public(text: str) -> bool:
    """Tell whether a text has the form of a public token."""
    return text.count(".") == 2 and len(text) <= MAX_LENGTH


def key_id_of(text: str) -> UUID | None:
    """Return the id of the key that a token says it is signed by; not believed, only looked up."""
    try:
        header = jwt.get_unverified_header(text)
        return UUID(header["kid"]) if header.get("alg") == _ALGORITHM else None
    except (jwt.InvalidTokenError, KeyError, ValueError, AttributeError, TypeError):
        return None


def verify(text: str, *, secret: str) -> Claims:
    """Return what a token says, once signature, time and claims are right.

    Raises PublicTokenSignatureError, PublicTokenExpiredError, PublicTokenClaimError; the last two only for a
    genuine signature.
    """
    try:
        body = jwt.decode(
            text,
            secret,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            # When it was signed decides nothing, and the clocks of two machines differ.
            options={"require": _REQUIRED, "verify_iat": False},
        )
        return Claims(
            environment_id=UUID(body["sub"]),
            buyer=_buyer(body),
            scopes=frozenset(body["scopes"]),
            jti=UUID(body["jti"]),
            issued_at=datetime.fromtimestamp(body["iat"]).astimezone(),
            expires_at=datetime.fromtimestamp(body["exp"]).astimezone(),
            one_time=body.get("once") is True,
        )
    except jwt.ExpiredSignatureError:
        raise PublicTokenExpiredError(_("the public token's time is over")) from None
    except (jwt.DecodeError, jwt.InvalidAlgorithmError, jwt.InvalidKeyError):
        raise PublicTokenSignatureError(
            _("the public token was not signed with the key that it names")
        ) from None
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, OverflowError) as error:
        # The signature was looked at first, so this is told to nobody who cannot sign.
        raise claim_refused(_name(error)) from None


def _buyer(body: Mapping[str, object]) -> str:
    """Return the buyer; a token that an earlier version signed names none. Raises PublicTokenClaimError."""
    buyer = body.get("buyer", "")
    if not isinstance(buyer, str):
        raise claim_refused("buyer")
    return buyer


def claim_refused(name: str) -> PublicTokenClaimError:
    """Return the refusal of a claim; the name is empty where it is not known."""
    return PublicTokenClaimError(_("a claim of the public token is missing or not right"), claim=name)


def _name(error: Exception) -> str:
    if isinstance(error, jwt.MissingRequiredClaimError):
        return str(error.claim)
    if isinstance(error, jwt.InvalidIssuerError):
        return "iss"
    return "aud" if isinstance(error, jwt.InvalidAudienceError) else ""
