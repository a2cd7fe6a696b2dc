"""Who calls: by key, token or session. Every way to fail looks the same from outside."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from holo.apiauth.errors import (
    AddressNotAllowedError,
    CsrfError,
    KeyInUrlError,
    PublicTokenUsedError,
    UnauthenticatedError,
)
from holo.apiauth.keys import contains_key, make_key, matches, parse_key
from holo.apiauth.models import ApiKey, UsedPublicToken
from holo.apiauth.networks import is_within
from holo.apiauth.public_tokens import Claims, claim_refused, key_id_of, looks_public, verify
from holo.apiauth.scopes import OF_BUYERS, OF_ORGANIZATION, PUBLIC, scopes_of_groups, scopes_of_user
from holo.apiauth.selectors import find_usable_key, find_usable_key_by_id, place_of_key, signing_secret_name
from holo.common.actor import OrganizationId, system_actor
from holo.common.callers import client_address
from holo.common.fence import any_fence, fence_in
from holo.identity.models import User
from holo.secretstore.services import get_secret

logger = logging.getLogger(__name__)
_USE_RESOLUTION = timedelta(minutes=1)
_KEY_PARAMETERS = frozenset({"api_key", "apikey", "access_token", "authorization"})
# Compared with when there is no row, so that an unknown key costs what a wrong one costs.
_NOBODYS_HASH = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the caller may do in this request; `api_key` is None for a session.

    `public` are the claims of a public token, which acts for the key that signed it.
    """

    scopes: frozenset[str]
    api_key: ApiKey | None = None
    public: Claims | None = None


def unauthenticated() -> UnauthenticatedError:
    """Return the one refusal for every caller who is not known."""
    return UnauthenticatedError(_("send a valid API key as `Authorization: Bearer …`"))


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer holo_…`."""

    def authenticate(self, request: Request) -> tuple[User | AnonymousUser, Grant] | None:
        """Return owner and grant; None where no Authorization header is sent.

        An organisation's token has no owner: the grant alone says who calls.
        """
        _refuse_key_in_url(request)
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        scheme, _blank, text = header.partition(" ")
        if scheme.lower() == "bearer" and looks_public(text.strip()):
            may_repeat = request.method == "POST" and "HTTP_IDEMPOTENCY_KEY" in request.META
            return _by_public_token(text.strip(), may_repeat=may_repeat)
        given = parse_key(text.strip()) if scheme.lower() == "bearer" else None
        with any_fence():
            key, groups = (find_usable_key(given) if given else None) or (None, frozenset())
        if not matches(given or make_key(), key.secret_hash if key else _NOBODYS_HASH) or key is None:
            raise unauthenticated()
        fence_in([key.organization_id])
        _require_network(request, key)
        _note_use(key)
        return key.owner or AnonymousUser(), Grant(scopes=_held(key, groups), api_key=key)

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return 'Bearer realm="holo"'


def _by_public_token(text: str, *, may_repeat: bool) -> tuple[User | AnonymousUser, Grant]:
    """Return who signed a public token, with what it may do.

    One for one use that is spent still gets the stored answer of the call that spent it. Where it works from
    is not asked: it is given away on purpose, by who
    called from where the key works.
    """
    key_id = key_id_of(text)
    with any_fence():
        key, groups = (find_usable_key_by_id(key_id) if key_id else None) or (None, frozenset[str]())
    if key is None or key.environment_id is None:
        raise unauthenticated()
    fence_in([key.organization_id])
    claims = verify(text, secret=_signing_secret(key.pk))
    if claims.environment_id != key.environment_id:
        raise claim_refused("sub")
    if claims.one_time and not may_repeat and _is_spent(claims):
        raise _spent()
    _note_use(key)
    scopes = _held(key, groups) & claims.scopes & PUBLIC
    if not claims.buyer:
        scopes -= OF_BUYERS
    return key.owner or AnonymousUser(), Grant(scopes=scopes, api_key=key, public=claims)


@lru_cache(maxsize=1024)
def _signing_secret(key_id: UUID) -> str:
    """Return a key's secret, read and audited once per process: it never changes, and the key's end is asked
    of its row each time. Raises UnauthenticatedError where the key has signed nothing yet.
    """
    place = place_of_key(key_id)
    actor = system_actor(OrganizationId(place.organization_id or key_id), label="public tokens")
    found = get_secret(actor=actor, place=place, name=signing_secret_name(key_id), schema=str)
    if found is None:
        raise unauthenticated()
    return found


def _is_spent(claims: Claims) -> bool:
    return UsedPublicToken.objects.filter(pk=claims.jti).exists()


def spend_token(claims: Claims) -> None:
    """Note, with what a call changes, that it spends a token for one use. Raises PublicTokenUsedError.

    The row stays a minute longer than the token lives. Of two calls at once the second waits for the first.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO apiauth_usedpublictoken (jti, expires_at) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [claims.jti, claims.expires_at + _USE_RESOLUTION],
        )
        first = cursor.rowcount == 1
    if not first:
        raise _spent()


def _spent() -> PublicTokenUsedError:
    return PublicTokenUsedError(_("the public token was for one use, and has been used"))


def _held(key: ApiKey, groups: frozenset[str]) -> frozenset[str]:
    """A key never outgrows its owner: what groups no longer give, it no longer gives either."""
    held = OF_ORGANIZATION if key.owner is None else scopes_of_groups(key.owner, groups)
    return held.intersection(key.scopes)


def _refuse_key_in_url(request: Request) -> None:
    query = request.META.get("QUERY_STRING", "")
    if not query:
        return
    if contains_key(query) or not _KEY_PARAMETERS.isdisjoint(name.lower() for name in request.query_params):
        logger.warning("an API key was sent in an address; it counts as leaked")
        raise KeyInUrlError(
            _("send the key as `Authorization: Bearer …`, never in the address; revoke this one")
        )


def _require_network(request: Request, key: ApiKey) -> None:
    """Refuse a valid key from a foreign address. Its holder may know why; nobody else gets this far."""
    if key.networks and not is_within(address := client_address(request._request), key.networks):
        logger.warning("the key %s was used from %s, where it does not work", key.prefix, address)
        raise AddressNotAllowedError(
            _("this key does not work from %(address)s") % {"address": address or "-"}, address=address
        )


def _note_use(key: ApiKey) -> None:
    """Keep the time of use to the minute; a row that somebody holds is left alone, so nobody waits."""
    if key.last_used_at is not None and datetime.now(UTC) - key.last_used_at < _USE_RESOLUTION:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE apiauth_apikey SET last_used_at = now() WHERE id IN"
            " (SELECT id FROM apiauth_apikey WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED)",
            [key.pk],
        )


class SessionAuthentication(authentication.SessionAuthentication):
    """The session of the admin, with CSRF protection."""

    def authenticate(self, request: Request) -> tuple[User, Grant] | None:
        """Return the person who is logged in, if any."""
        user = getattr(request._request, "user", None)
        if not isinstance(user, User) or not user.is_active:
            return None
        self.enforce_csrf(request)
        return user, Grant(scopes=scopes_of_user(user))

    def enforce_csrf(self, request: Request) -> None:
        """Refuse unsafe methods without the token."""
        try:
            super().enforce_csrf(request)
        except PermissionDenied:
            raise CsrfError(_("send the CSRF token in the X-CSRFToken header")) from None


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document names API keys."""

    target_class = "holo.apiauth.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the security scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "holo_…",
            "description": "An API key from `manage.py api_key create` or the admin.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document names sessions."""

    target_class = "holo.apiauth.authentication.SessionAuthentication"
    name = "session"
    priority = 1

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the security scheme."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The admin's session, `__Host-sessionid` in production; writes need X-CSRFToken.",
        }
