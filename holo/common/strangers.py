"""Limits what callers who are not logged in may ask for: RATE_ADDRESS, by their address.

The views of the API count their own callers, with a key or without one.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from holo.common.api.problems import is_api, nothing_here, problem_http
from holo.common.callers import caller_of
from holo.common.errors import ThrottledError
from holo.common.metrics import is_operator
from holo.common.middleware import REPORTS_PATH
from holo.common.throttles import buckets_of, refuse_excess, spend

# Load balancers ask for health more often than any limit allows: one answer of it serves all for a second.
# Browsers' reports have a bucket of their own. Static files come before this: a page has a dozen of them.
_COUNTED_ELSEWHERE = ("/api/v1/", "/healthz/", REPORTS_PATH)


class AnonymousRateMiddleware:
    """Counts requests without a session, and answers 429 to one that is too many."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Count, then answer."""
        refusal = refusal_of_stranger(request) if _is_counted(request) else None
        return refusal or self.get_response(request)


def _is_counted(request: HttpRequest) -> bool:
    if request.path_info.startswith(_COUNTED_ELSEWHERE):
        return False
    # Prometheus asks as often as it is told to.
    return not (request.user.is_authenticated or (request.path_info == "/metrics" and is_operator(request)))


def refusal_of_stranger(request: HttpRequest) -> HttpResponse | None:
    """Count a request by its address; return the response where it is one too many."""
    try:
        refuse_excess(spend(buckets_of(address=caller_of(request))))
    except ThrottledError as error:
        return _too_many(request, error)
    return None


# Exempt, or a POST without a session would be told of a CSRF token, and in HTML.
@csrf_exempt
def no_such_call(request: HttpRequest, path: str = "") -> HttpResponse:
    """Answer for addresses below /api/ that do not exist; no view counts those below /api/v1/."""
    uncounted = request.path_info.startswith("/api/v1/") and not request.user.is_authenticated
    return (refusal_of_stranger(request) if uncounted else None) or nothing_here(request)


def _too_many(request: HttpRequest, error: ThrottledError) -> HttpResponse:
    if is_api(request):
        return problem_http(error, request)
    response = render(request, "429.html", status=error.status)
    response.headers["Retry-After"] = str(error.retry_after)
    return response
