"""What happens around every request: its id, its numbers, and the headers that fence in the browser."""

import logging
import re
import time
from collections.abc import Callable
from uuid import uuid4

from django.conf import settings
from django.db import DataError
from django.http import HttpRequest, HttpResponse

from holo.common.api.problems import bad_request, busy_page, is_api, refused_host
from holo.common.context import bound
from holo.common.db import sqlstate
from holo.common.errors import BusyError
from holo.common.fence import fence_of_request
from holo.common.metrics import observe_request

logger = logging.getLogger("holo.access")
GetResponse = Callable[[HttpRequest], HttpResponse]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = ("/healthz/", "/metrics", "/static/")

# Where browsers tell what they refused: `holo/csp_reports.py`.
REPORTS_PATH = "/csp-reports"
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        f"report-uri {REPORTS_PATH}",
    )
)

# `report-uri` goes out of use. Chromium leaves it alone where `report-to` is, and that works over TLS only.
_OVER_TLS = {
    "Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; report-to csp",
    "Reporting-Endpoints": f'csp="{REPORTS_PATH}"',
}

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Files of the static folder and answers with an ETag say otherwise themselves.
    "Cache-Control": "no-store",
}


def security_headers() -> dict[str, str]:
    """Return what every answer carries, also those that no view and no middleware has seen."""
    if not settings.SECURE_HSTS_SECONDS:
        return SECURITY_HEADERS
    # Over plain HTTP too: browsers ignore it there (RFC 6797, 8.1), and TLS ends before this process.
    lasting = f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains"
    return {**SECURITY_HEADERS, **_OVER_TLS, "Strict-Transport-Security": lasting}


class RequestContextMiddleware:
    """Gives each request an id that is in its log lines, its rows and its answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Bind the id, answer, count."""
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        started = time.perf_counter()
        with bound(request_id=request_id), fence_of_request():
            response = refused_host(request) or self.get_response(request)
            seconds = time.perf_counter() - started
            method = request.method or ""
            observe_request(
                route=_route(request), method=method, status=response.status_code, seconds=seconds
            )
            if not request.path.startswith(_QUIET):
                logger.info("%s %s %d %.0f ms", method, request.path, response.status_code, seconds * 1000)
        response["X-Request-ID"] = request_id
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 503 where a page waited for a row in vain.

        And 400 where it has handed the database a value that its column cannot hold.
        """
        if isinstance(exception, BusyError) and not is_api(request):
            return busy_page(request, exception)
        if not isinstance(exception, DataError):
            return None
        logger.warning("a value got past its checks (SQLSTATE %s)", sqlstate(exception))
        return bad_request(request, exception)


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    return match.route if match is not None else "unmatched"


class SecurityHeadersMiddleware:
    """Fences in the browser, whatever answers: the first of all, so that no refusal gets by it.

    A page may be shown and run what this server sends, and no inline scripts; nothing is kept by a cache, and
    no other origin opens, frames or includes it. A view may set its own of each.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add each header that the view has not set."""
        response = self.get_response(request)
        for name, value in security_headers().items():
            response.headers.setdefault(name, value)
        return response
