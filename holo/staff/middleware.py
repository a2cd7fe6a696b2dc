"""Ends sessions when they must end, tells each request how fresh its second factor is, and fences it in."""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from holo.common.fence import fence_in
from holo.identity.staff import organization_ids, person_of
from holo.staff.selectors import LiveSession, use_session

# Where the browser's session names its row.
SESSION_KEY = "staff_session"


class StaffSessionMiddleware:
    """Lets nobody be logged in without a row that says when both factors were shown."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Look, answer."""
        live = _live(request) if settings.SESSION_COOKIE_NAME in request.COOKIES else None
        request.staff_session_id = live.id if live else None  # type: ignore[attr-defined]
        request.second_factor_is_fresh = bool(live and live.is_fresh)  # type: ignore[attr-defined]
        if live is not None and not person_of(request).is_superuser:
            fence_in(organization_ids(request))
        return self.get_response(request)


def _live(request: HttpRequest) -> LiveSession | None:
    if not request.user.is_authenticated:
        return None
    named = request.session.get(SESSION_KEY)
    live = use_session(UUID(named), request.user.pk) if named else None
    if live is None:
        logout(request)
    return live
