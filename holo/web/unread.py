"""Responses to requests that the server refuses, so that no view and no middleware sees them."""

import logging
from http import HTTPStatus
from uuid import uuid4

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from holo.common.api.errors import (
    AddressTooLongError,
    BadRequestError,
    BodyTooLargeError,
    ExpectationError,
    HeadersIncompleteError,
    HeadersTooLargeError,
    InternalError,
    LengthRequiredError,
    SlowBodyError,
    TransferCodingError,
)
from holo.common.api.parsers import body_too_large
from holo.common.api.problems import problem
from holo.common.context import bound
from holo.common.errors import DomainError
from holo.common.middleware import security_headers

logger = logging.getLogger("holo.access")

# The reason for each status with which waitress or the parser refuses a request.
REFUSALS: dict[int, type[DomainError]] = {
    error.status: error
    for error in (
        AddressTooLongError,
        BadRequestError,
        BodyTooLargeError,
        ExpectationError,
        HeadersTooLargeError,
        LengthRequiredError,
        TransferCodingError,
    )
}
TOO_SLOW = {"headers": HeadersIncompleteError, "body": SlowBodyError}


def refusal_of_unread(refusal: type[DomainError]) -> tuple[str, dict[str, str], bytes]:
    """Return status line, headers and body. They contain nothing from the request, which may be anything."""
    request_id = uuid4().hex
    # The thread may still have the language of the previous request.
    with bound(request_id=request_id), translation.override("en"):
        logger.info("refused a request before it was read: %d", refusal.status)
        document = problem(_error(refusal), instance="")
    headers = {**document.headers, **security_headers(), "X-Request-ID": request_id}
    return f"{document.status} {HTTPStatus(document.status).phrase}", headers, document.body


def _error(refusal: type[DomainError]) -> DomainError:
    if refusal is BodyTooLargeError:
        return body_too_large(int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0))
    if refusal is InternalError:
        return refusal(_("something went wrong on our side"))
    return refusal(_("the server could not read the request"))
