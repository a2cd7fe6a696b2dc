"""Turns whatever went wrong into one RFC 9457 problem document; nothing else writes error bodies."""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core import signals
from django.core.exceptions import (
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions as drf
from rest_framework.utils.encoders import JSONEncoder

from holo.common.api.errors import (
    BadRequestError,
    ConstraintError,
    DuplicateError,
    InternalError,
    InvalidValueError,
    MethodNotAllowedError,
    SlowBodyError,
    UnavailableError,
    UnsupportedMediaTypeError,
)
from holo.common.api.field_errors import field_problems
from holo.common.api.parsers import body_too_large
from holo.common.context import request_id
from holo.common.db import (
    DEADLOCK_DETECTED,
    LOCK_NOT_AVAILABLE,
    SERIALIZATION_FAILURE,
    UNIQUE_VIOLATION,
    sqlstate,
)
from holo.common.errors import (
    BusyError,
    ConflictError,
    DomainError,
    FieldProblem,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    error_table,
)

logger = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An error answer, ready to be sent or stored."""

    status: int
    body: bytes
    headers: dict[str, str]


def json_bytes(body: Mapping[str, object]) -> bytes:
    """Return the one JSON form of every answer: UTF-8, no blanks, times in UTC with Z."""
    return json.dumps(body, cls=JSONEncoder, ensure_ascii=False, separators=(",", ":")).encode()


def problem(error: DomainError, *, instance: str) -> Problem:
    """Render a refusal for the request at path `instance`."""
    body: dict[str, object] = {
        "type": f"/api/errors#{error.code}",
        "title": _(error.meaning) if error.meaning else error.code,
        "status": error.status,
        "code": error.code,
        # One text for every 404: an id that is none, an absent object and a foreign one look the same.
        "detail": _nowhere() if isinstance(error, NotFoundError) else error.message,
        "instance": instance,
        "request_id": request_id(),
    }
    if error.errors:
        body["errors"] = [
            {"pointer": wrong.pointer, "code": wrong.code, "message": wrong.message} for wrong in error.errors
        ]
    if error.details:
        body["details"] = error.details
    headers = {"Content-Type": CONTENT_TYPE}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="holo"'
    if error.status == 415:
        headers["Accept-Post"] = "application/json"
    return Problem(status=error.status, body=json_bytes(body), headers=headers)


def _nowhere() -> str:
    return _("there is nothing at this address")


def problem_http(error: DomainError, request: HttpRequest) -> HttpResponse:
    """Return the answer to `request`."""
    rendered = problem(error, instance=request.path)
    response = HttpResponse(rendered.body, status=rendered.status, headers=rendered.headers)
    if not isinstance(error, InternalError):
        # Django would log each 503 as an error; that rows are held is none, and an outage has been logged.
        response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def problem_response(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """Answer for an exception in an API view (the `EXCEPTION_HANDLER` of Django REST framework)."""
    request = context["request"]
    known = _of_media_type(request) if isinstance(error, drf.UnsupportedMediaType) else as_domain_error(error)
    if isinstance(known, InternalError):
        logger.error("unexpected error in %s", request.path, exc_info=error)
        # What Django does for views that raise: error trackers and the test client listen.
        signals.got_request_exception.send(sender=type(context.get("view")), request=request)
    return problem_http(known, request)


def _of_media_type(request: HttpRequest) -> DomainError:
    received = str(request.META.get("CONTENT_TYPE", "")).strip()
    if not received:
        missing = _("Content-Type is missing; send application/json")
        return UnsupportedMediaTypeError(missing, header="Content-Type")
    return UnsupportedMediaTypeError(
        _("Content-Type is “%(received)s”; send application/json") % {"received": received[:64]},
        header="Content-Type",
    )


def refusal_of_fields(problems: Iterable[FieldProblem]) -> DomainError:
    """Return the refusal of a body or of parameters.

    Its code is the one that all of them share, so that a caller can branch on it; else `request.invalid`.
    """
    found = tuple(problems)
    codes = {wrong.code for wrong in found}
    error = error_table().get(next(iter(codes)), InvalidError) if len(codes) == 1 else InvalidError
    message = (
        found[0].message if len(found) == 1 else _("%(count)d fields do not fit") % {"count": len(found)}
    )
    return error(message, errors=found)


def as_domain_error(error: Exception) -> DomainError:
    """Return the refusal that an exception stands for; InternalError for what nobody expected."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, drf.APIException):
        return _of_framework(error)
    if isinstance(error, DatabaseError | InterfaceError):
        return _of_database(error)
    if isinstance(error, Http404):
        return NotFoundError(_nowhere())
    if isinstance(error, PermissionDenied):
        return ForbiddenError(_("this is not allowed"))
    if isinstance(error, ValidationError):
        return refusal_of_fields(
            FieldProblem(pointer="", code=InvalidValueError.code, message=message)
            for message in error.messages
        )
    if isinstance(error, RequestDataTooBig):
        return _too_large()
    if isinstance(error, UnreadablePostError):
        return SlowBodyError(_("the body did not arrive whole and in time"))
    if isinstance(error, SuspiciousOperation):
        return BadRequestError(_("the request is malformed"))
    return InternalError(_("something went wrong on our side"))


def _too_large() -> DomainError:
    return body_too_large(int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0))


def _of_framework(error: drf.APIException) -> DomainError:
    if isinstance(error, drf.ValidationError):
        return refusal_of_fields(field_problems(error.detail))
    if isinstance(error, drf.MethodNotAllowed):
        return MethodNotAllowedError(str(error.detail))
    if isinstance(error, drf.UnsupportedMediaType):
        return UnsupportedMediaTypeError(_("send application/json"))
    if isinstance(error, drf.NotFound):
        return NotFoundError(_nowhere())
    if isinstance(error, drf.NotAuthenticated | drf.AuthenticationFailed):
        return error_table()["request.unauthenticated"](_("send a valid API key"))
    if isinstance(error, drf.PermissionDenied):
        return ForbiddenError(str(error.detail))
    if error.status_code < 500:
        return BadRequestError(str(error.detail))
    return InternalError(_("something went wrong on our side"))


def _of_database(error: Exception) -> DomainError:
    state = sqlstate(error)
    if isinstance(error, IntegrityError):
        logger.warning("refused by the database (SQLSTATE %s)", state)
        if state == UNIQUE_VIOLATION:
            return DuplicateError(_("the same already exists"))
        return ConstraintError(_("a rule of the database refuses this"))
    if state == LOCK_NOT_AVAILABLE:
        return BusyError(_("the rows are held by another call"))
    if state in (SERIALIZATION_FAILURE, DEADLOCK_DETECTED):
        return ConflictError(_("the call collided with others"))
    if isinstance(error, DataError):
        logger.warning("a value got past its checks (SQLSTATE %s)", state)
        return refusal_of_fields(
            [FieldProblem(pointer="", code=InvalidValueError.code, message=_("a value does not fit"))]
        )
    if isinstance(error, OperationalError | InterfaceError):
        logger.error("the database does not answer (SQLSTATE %s)", state or "none")
        return UnavailableError(_("the database does not answer at the moment"))
    return InternalError(_("something went wrong on our side"))


def refused_host(request: HttpRequest) -> HttpResponse | None:
    """Return the refusal of a request for a host name that is not ours.

    Here, because Django would answer with a page of its own that echoes the name, and log a traceback.
    """
    try:
        request.get_host()
    except DisallowedHost as error:
        logger.warning("refused a host name that ALLOWED_HOSTS does not have")
        if is_api(request):
            return problem_http(BadRequestError(_("this host name is not served here")), request)
        return defaults.bad_request(request, error)
    return None


def is_api(request: HttpRequest) -> bool:
    """Tell whether an answer to `request` must be JSON."""
    return request.path.startswith("/api/")


# Exempt, or a POST without a session would be told of a CSRF token, and in HTML.
@csrf_exempt
def nothing_here(request: HttpRequest, path: str = "") -> HttpResponse:
    """Answer for addresses below /api/ that do not exist, also while DEBUG shows its own page elsewhere."""
    return problem_http(NotFoundError(_nowhere()), request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    if is_api(request):
        return problem_http(as_domain_error(exception), request)
    return defaults.bad_request(request, exception)


def busy_page(request: HttpRequest, error: BusyError) -> HttpResponse:
    """Return the page for who waited too long for rows that somebody else holds."""
    response = render(request, "503.html", status=error.status)
    response.headers["Retry-After"] = str(error.retry_after)
    return response


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    if is_api(request):
        return problem_http(ForbiddenError(_("this is not allowed")), request)
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    if is_api(request):
        return nothing_here(request)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    if is_api(request):
        return problem_http(InternalError(_("something went wrong on our side")), request)
    return defaults.server_error(request)
