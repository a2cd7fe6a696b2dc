"""Refuses what another site makes a browser send, by what the browser itself says of it, besides the token.

Fetch Metadata Request Headers (W3C, 2.4): `Sec-Fetch-Site` is set by the browser, and by no script. Browsers
that are too old, command lines and plain HTTP send none; for them the token and `Origin` stand alone.
"""

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.http import is_same_domain
from django.utils.translation import gettext as _
from django.views.csrf import csrf_failure

from holo.common.api.problems import is_api, problem_http
from holo.common.errors import CrossSiteError

logger = logging.getLogger(__name__)

_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
# Of this very origin, or typed or chosen by the person.
_OWN = ("same-origin", "none")


class FetchSiteMiddleware:
    """Answers 403 to a write that a browser sends for another site, or for a sibling host not trusted here.

    Not where a key is sent: unlike a password for the proxy (`Basic`), a browser sends none by itself.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Refuse, or go on."""
        if _has_key(request) or not _is_foreign_write(request):
            return self.get_response(request)
        logger.warning("refused a write that another site makes a browser send")
        if is_api(request):
            return problem_http(CrossSiteError(_("another site makes the browser send this")), request)
        return csrf_failure(request, reason="Sec-Fetch-Site")


def _has_key(request: HttpRequest) -> bool:
    return request.headers.get("Authorization", "").lower().startswith("bearer ")


def _is_foreign_write(request: HttpRequest) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is None or site in _OWN or request.method in _SAFE:
        return False
    return not (site == "same-site" and _is_trusted(request.headers.get("Origin", "")))


def _is_trusted(origin: str) -> bool:
    """Tell whether CSRF_TRUSTED_ORIGINS names an origin, as Django reads it there."""
    scheme, _sep, host = origin.partition("://")
    return any(
        scheme == trusted.scheme and is_same_domain(host, trusted.netloc.lstrip("*"))
        for trusted in map(urlsplit, settings.CSRF_TRUSTED_ORIGINS)
    )
