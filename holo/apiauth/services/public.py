"""The command that signs a public token with a key's own secret."""

import secrets
from collections.abc import Iterable
from datetime import timedelta
from uuid import uuid4

from django.utils.translation import gettext as _

from holo.apiauth.errors import (
    BuyerRequiredError,
    EnvironmentRequiredError,
    KeyEndedError,
    KeyLifetimeError,
    ScopeNotHeldError,
)
from holo.apiauth.locks import lock_api_key
from holo.apiauth.models import ApiKey
from holo.apiauth.operations import known_scopes
from holo.apiauth.public_tokens import DEFAULT_LIFETIME, MAX_LIFETIME, MIN_LIFETIME, Claims, sign
from holo.apiauth.scopes import OF_BUYERS, PUBLIC
from holo.apiauth.selectors import signing_secret_name
from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.clock import database_now
from holo.common.errors import FieldProblem
from holo.idempotency.commands import RequestKey, command
from holo.secretstore.operations import read_secret, write_secret
from holo.secretstore.places import place_of

_SECRET_BYTES = 32


@command
def sign_public_token(
    *,
    actor: Actor,
    scopes: Iterable[str] | None = None,
    expires_in: timedelta = DEFAULT_LIFETIME,
    one_time: bool = False,
    buyer: str = "",
    request_key: RequestKey | None = None,
) -> tuple[Claims, str]:
    """Sign a token with the key that the actor calls with; return what it says and its text.

    Without `scopes` it has those of the key that may be public. `buyer` is whose orders are all that it
    reaches. It ends with the key at the latest. Not idempotent: each call signs another. Locks the key.

    Raises EnvironmentRequiredError, UnknownScopeError, ScopeNotHeldError, BuyerRequiredError,
    KeyLifetimeError, KeyEndedError, KeyringMissingError.
    """
    if actor.api_key_id is None or actor.environment_id is None:
        raise EnvironmentRequiredError(_("call with an API key that is made for an environment"))
    if not MIN_LIFETIME <= expires_in <= MAX_LIFETIME:
        message = _("a public token lives between one minute and one hour")
        raise KeyLifetimeError(message, field="expires_in_seconds")
    allowed = actor.scopes & PUBLIC
    wanted = frozenset(known_scopes(scopes if scopes is not None else allowed))
    if wanted - allowed:
        missing = sorted(wanted - allowed)
        message = _("a public token of this key cannot have: %(scopes)s") % {"scopes": ", ".join(missing)}
        raise ScopeNotHeldError(message, missing=missing)
    if not buyer and wanted & OF_BUYERS:
        raise _buyer_required()
    key = lock_api_key(actor.api_key_id)
    now = database_now()
    if key.revoked_at is not None or key.expires_at <= now:
        raise KeyEndedError(_("the key has been revoked or replaced, or has expired"))
    claims = Claims(
        environment_id=actor.environment_id,
        buyer=buyer,
        scopes=wanted,
        jti=uuid4(),
        issued_at=now,
        expires_at=min(now + expires_in, key.expires_at),
        one_time=one_time,
    )
    text = sign(claims, key_id=key.pk, secret=_secret(actor, key))
    record_audit(
        actor=actor,
        action="apiauth.public_token_signed",
        subject_type="apiauth.apikey",
        subject_id=key.pk,
        data={"jti": str(claims.jti), "scopes": sorted(wanted), "until": claims.expires_at.isoformat()},
    )
    return claims, text


def _buyer_required() -> BuyerRequiredError:
    message = _("name the buyer whose orders the token reaches")
    problem = FieldProblem(pointer="/buyer", code=BuyerRequiredError.code, message=message)
    return BuyerRequiredError(message, errors=[problem])


def _secret(actor: Actor, key: ApiKey) -> str:
    """Return the key's signing secret, made the first time; the key's lock lets one caller make it."""
    assert key.environment is not None
    place = place_of(key.environment)
    name = signing_secret_name(key.pk)
    found = read_secret(actor, place, name, str)
    if found is None:
        found = secrets.token_urlsafe(_SECRET_BYTES)
        write_secret(actor, place, name, found)
    return found
