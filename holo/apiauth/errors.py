"""Refusals that concern who calls, with what right, and for which organisation."""

from holo.common.errors import RequestError


class UnauthenticatedError(RequestError):
    """No key, or none that is valid; which of the two is not told."""

    code = "request.unauthenticated"
    status = 401
    meaning = "The call needs a valid API key (Authorization: Bearer …) or a session."


class ThrottledError(RequestError):
    """Too many calls."""

    code = "request.throttled"
    status = 429
    retryable = True
    meaning = "Too many calls; nothing was changed. Try again after the seconds in Retry-After."

    def __init__(self, message: str, *, retry_after: int, limit: str) -> None:
        super().__init__(message, limit=limit)
        self.retry_after = retry_after


class KeyInUrlError(RequestError):
    """A key where proxies and histories keep it."""

    code = "request.key_in_url"
    status = 401
    meaning = "An API key was sent in the address, where logs keep it. Revoke it, and send keys as a header."


class MissingScopeError(RequestError):
    """The caller lacks a scope."""

    code = "request.missing_scope"
    status = 403
    meaning = "The key, or its owner at this moment, lacks the scope in `details.scope`."


class CsrfError(RequestError):
    """A session without its CSRF token."""

    code = "request.csrf_failed"
    status = 403
    meaning = "Calls by session need the CSRF token in the X-CSRFToken header."


class OrganizationRequiredError(RequestError):
    """Which of several organisations is meant is not said."""

    code = "request.organization_required"
    meaning = "The caller belongs to several organisations; name one in the X-Organization header."


class OrganizationUnknownError(RequestError):
    """No such organisation, or not the caller's."""

    code = "request.organization_unknown"
    meaning = "X-Organization names no organisation that the caller (or the key) belongs to."


class UnknownScopeError(RequestError):
    """No such scope."""

    code = "apiauth.unknown_scope"
    meaning = "A scope is none of those that exist, or the list of scopes is empty."


class ScopeNotHeldError(RequestError):
    """A key may not do what its owner may not."""

    code = "apiauth.scope_not_held"
    status = 403
    meaning = "The owner of a key lacks a scope that the key shall have."


class OwnKeyOnlyError(RequestError):
    """Who makes the key of a decider could decide in that person's name."""

    code = "apiauth.own_key_only"
    status = 403
    meaning = "A key that decides is made, and any key replaced, by its owner alone: who sees it can use it."


class KeyLifetimeError(RequestError):
    """Too short or too long a life."""

    code = "apiauth.key_lifetime"
    meaning = "A key lives between one minute and 366 days."


class AddressNotAllowedError(RequestError):
    """A valid key from where it does not work."""

    code = "apiauth.address_not_allowed"
    status = 403
    meaning = "The key works from other addresses only; `details.address` is the one that the server saw."


class NetworkInvalidError(RequestError):
    """No address and no network."""

    code = "apiauth.network_invalid"
    meaning = "What a key shall work from is no IP address or CIDR network, or there are too many."


class KeyEndedError(RequestError):
    """A key that cannot be replaced any more."""

    code = "apiauth.key_ended"
    status = 409
    meaning = "The key has been revoked or replaced, or has expired; make a new one."


class GraceInvalidError(RequestError):
    """Too long an overlap."""

    code = "apiauth.grace_invalid"
    meaning = "A replaced key goes on working for none to 168 hours."
