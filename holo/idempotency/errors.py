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


class KeyInFlightError(RequestError):
    """The first request with this key still runs."""

    code = "request.idempotency_key_in_flight"
    status = 409
    retryable = True
    retry_after = 1
    meaning = "The first request with this Idempotency-Key has not finished; repeat to get its answer."
