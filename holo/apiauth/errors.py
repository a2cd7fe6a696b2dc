"""Refusals that concern who calls, with what right, and for which organisation."""

from holo.common.errors import RequestError


class UnauthenticatedError(RequestError):
    """No key, or none that is valid; which of the two is not told."""

    code = "request.unauthenticated"
    status = 401
    meaning = "The call needs a valid API key (Authorization: Bearer …) or a session."


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


class StepUpRequiredError(RequestError):
    """A session whose second factor is not fresh."""

    code = "request.step_up_required"
    status = 403
    meaning = (
        "A session needs a code of the second factor that was shown a short time ago: show one on the page "
        "that `details.url` names, then call again. Keys and tokens need none."
    )


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


class BuyerRequiredError(RequestError):
    """A public token that reaches orders, of nobody."""

    code = "apiauth.buyer_required"
    status = 422
    meaning = (
        "A public token with `orders:read` or `orders:write` is for one buyer and reaches no other's orders: "
        "name the buyer, the same one each time, as you call your customer."
    )


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


class PublicTokenExpiredError(RequestError):
    """A genuine public token whose time is over."""

    code = "apiauth.public_token_expired"
    status = 401
    meaning = "The public token is genuine, but its time is over; ask for another."


class PublicTokenClaimError(RequestError):
    """A genuine signature under claims that do not fit."""

    code = "apiauth.public_token_claim_invalid"
    status = 401
    meaning = "The public token's signature is right, but a claim is missing or not what this server signs."


class PublicTokenSignatureError(RequestError):
    """Not signed by the key it names."""

    code = "apiauth.public_token_signature_invalid"
    status = 401
    meaning = "The public token was not signed with the key that it names, or was changed since."


class PublicTokenUsedError(RequestError):
    """A second use of a token for one."""

    code = "apiauth.public_token_used"
    status = 401
    meaning = "The public token was for one use, and has been used."


class EnvironmentRequiredError(RequestError):
    """A caller that is for no environment."""

    code = "apiauth.environment_required"
    status = 409
    meaning = "Public tokens are signed for an environment: call with an API key that is made for one."


class CodePendingError(RequestError):
    """Nobody has decided yet."""

    code = "apiauth.authorization_pending"
    retry_after = 5
    meaning = "Nobody has approved or refused the authorisation code yet; ask again after `Retry-After`."


class SlowDownError(RequestError):
    """Polled too fast."""

    code = "apiauth.slow_down"
    status = 429
    retryable = True
    retry_after = 5
    meaning = "The authorisation code is asked about too often; wait for `Retry-After` between two calls."


class TooManyCodesError(RequestError):
    """Too many codes for one address."""

    code = "apiauth.too_many_codes"
    status = 429
    retryable = True
    retry_after = 600
    meaning = "Too many authorisation codes were asked for from this address; wait for some to run out."


class CodeRefusedError(RequestError):
    """The person said no, or has lost the right since."""

    code = "apiauth.authorization_refused"
    status = 403
    meaning = "The person refused the authorisation code, or has since lost what was approved."


class CodeOverError(RequestError):
    """Run out, used, or decided already."""

    code = "apiauth.authorization_over"
    status = 409
    stored = True
    meaning = (
        "The authorisation code has run out, was decided already, or its token was given out; begin anew."
    )
