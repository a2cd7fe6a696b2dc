"""Where pages of people are answered, when sessions end, what they see, how fresh their second factor is."""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host

from holo.common.fence import fence_in
from holo.common.kept_form import person_mark
from holo.common.middleware import REPORTS_PATH
from holo.identity.staff import organization_ids, person_of
from holo.staff.selectors import LiveSession, use_session

# Where the browser's session names its row.
SESSION_KEY = "staff_session"
# Where people fill in forms, and how long a browser remembers whose it is: a form may be sent days later.
_PAGES_WITH_FORMS = ("/admin/", "/authorize/")
_REMEMBERED_SECONDS = 7 * 24 * 3600
_SALT = "holo.staff.person"
# Behind the mark of a person: they are not the only one who has used the browser.
_SHARED = "+"
# What programs, browsers' reports and people without an account ask for; a page that is new is closed.
_ON_EVERY_HOST = ("/api/", "/healthz/", "/metrics", REPORTS_PATH, "/invitations/", "/i18n/")


class AdminHostsMiddleware:
    """Keeps the pages of people who log in, and their sessions, on ADMIN_HOSTS where it is set."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer 404 to a page on a wrong host, and forget the session that a request brings there."""
        if settings.ADMIN_HOSTS and not _is_admin_host(request):
            if not request.path_info.startswith(_ON_EVERY_HOST):
                raise Http404
            request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        return self.get_response(request)


def _is_admin_host(request: HttpRequest) -> bool:
    host, _port = split_domain_port(request.get_host())
    return validate_host(host, settings.ADMIN_HOSTS)


class StaffSessionMiddleware:
    """Lets nobody be logged in without a row that says when both factors were shown."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Look, answer."""
        remembered = _remembered(request)
        request.person_mark = remembered.removesuffix(_SHARED)  # type: ignore[attr-defined]
        live = _live(request) if settings.SESSION_COOKIE_NAME in request.COOKIES else None
        request.staff_session_id = live.id if live else None  # type: ignore[attr-defined]
        request.second_factor_is_fresh = bool(live and live.is_fresh)  # type: ignore[attr-defined]
        request.is_shared_browser = _is_shared(request, remembered)  # type: ignore[attr-defined]
        if live is not None and not person_of(request).is_superuser:
            fence_in(organization_ids(request))
        response = self.get_response(request)
        if live is not None and has_pages_with_forms(request.path_info):
            _remember(request, response, remembered)
        return response


def has_pages_with_forms(path: str) -> bool:
    """Tell whether people fill in forms at an address."""
    return path.startswith(_PAGES_WITH_FORMS)


def _live(request: HttpRequest) -> LiveSession | None:
    if not request.user.is_authenticated:
        return None
    # Before a session that has ended is forgotten: whose form it is that may come with this request.
    request.person_mark = person_mark(person_of(request).pk)  # type: ignore[attr-defined]
    named = request.session.get(SESSION_KEY)
    live = use_session(UUID(named), request.user.pk) if named else None
    if live is None:
        logout(request)
    return live


def _person_cookie() -> str:
    """Return the name of the cookie that says whose browser it is, after the session too."""
    return settings.SESSION_COOKIE_NAME.replace("sessionid", "person")


def _remembered(request: HttpRequest) -> str:
    mark = request.get_signed_cookie(_person_cookie(), default="", salt=_SALT, max_age=_REMEMBERED_SECONDS)
    return str(mark)


def _is_shared(request: HttpRequest, remembered: str) -> bool:
    """Tell whether somebody else used this browser before: a form of an older page may be theirs."""
    mark: str = request.person_mark  # type: ignore[attr-defined]
    return remembered not in ("", mark)


def _remember(request: HttpRequest, response: HttpResponse, remembered: str) -> None:
    mark: str = request.person_mark  # type: ignore[attr-defined]
    if request.is_shared_browser:  # type: ignore[attr-defined]
        mark += _SHARED
    if mark != remembered:
        response.set_signed_cookie(
            _person_cookie(),
            mark,
            salt=_SALT,
            max_age=_REMEMBERED_SECONDS,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
