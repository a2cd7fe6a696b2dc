"""Refusals that concern an idempotency key."""

from holo.common.errors import RequestError


class KeyInvalidError(RequestError):
    """The header is no key."""

    code = "request.idempotency_key_invalid"
    meaning = "Idempotency-Key is sent once, with 1 to 255 printable ASCII characters, no commas."


class KeyReusedError(RequestError):
    """The key belongs to another request."""

    code = "request.idempotency_key_reused"
    status = 422
    meaning = "The Idempotency-Key was used with another body; a key names one request."


class KeyUnverifiableError(RequestError):
    """The key was used, for a request that can no longer be compared with this one."""

    code = "request.idempotency_key_unverifiable"
    status = 409
    meaning = (
        "The Idempotency-Key was used, but the secret that compares the two requests is no longer on the "
        "server. Find out whether the first one took effect before you use another key."
    )


class KeyInFlightError(RequestError):
    """The first request with this key still runs."""

    code = "request.idempotency_key_in_flight"
    status = 409
    retryable = True
    retry_after = 1
    meaning = "The first request with this Idempotency-Key has not finished; repeat to get its answer."
