"""The answer to a request that the server could not read, so that no view and no middleware has seen it."""

import logging
import time
from http import HTTPStatus
from uuid import uuid4

from django.utils import translation
from django.utils.http import http_date
from django.utils.translation import gettext as _

from holo.common.api.errors import (
    AddressTooLongError,
    BadRequestError,
    ExpectationError,
    HeadersIncompleteError,
    HeadersTooLargeError,
    InternalError,
    TransferCodingError,
)
from holo.common.api.problems import problem
from holo.common.context import bound
from holo.common.errors import DomainError, ForbiddenError
from holo.common.middleware import security_headers

logger = logging.getLogger("holo.access")

_REFUSALS: dict[int, type[DomainError]] = {
    error.status: error
    for error in (
        BadRequestError,
        ForbiddenError,
        HeadersIncompleteError,
        AddressTooLongError,
        ExpectationError,
        HeadersTooLargeError,
        TransferCodingError,
    )
}


def answer_to_unread(status: int) -> bytes:
    """Return a whole answer, of nothing that the request said: what was read of it may be anything."""
    refusal = _REFUSALS.get(status, InternalError)
    request_id = uuid4().hex
    # The thread may still speak the language of the request before.
    with bound(request_id=request_id), translation.override("en"):
        logger.info("a request that could not be read: %d", refusal.status)
        told = problem(refusal(_detail(refusal)), instance="")
    headers = {
        **told.headers,
        **security_headers(),
        "X-Request-ID": request_id,
        "Date": http_date(time.time()),
        "Content-Length": str(len(told.body)),
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {told.status} {HTTPStatus(told.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + told.body


def _detail(refusal: type[DomainError]) -> str:
    if refusal is InternalError:
        return _("something went wrong on our side")
    return _("the server could not read the request")
