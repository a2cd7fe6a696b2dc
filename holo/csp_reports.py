"""Takes what browsers tell of pages that offended the content security policy: counts it, logs a line of it.

Nobody is asked who they are, so anybody may send anything. What is kept of a report is of our own words, but
for the origin of what was refused: never an address, which may hold a secret, nor a piece of the page.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from prometheus_client import Counter

from holo.common.api.errors import InvalidValueError
from holo.common.api.parsers import body_too_large, parse_json
from holo.common.api.problems import as_domain_error, problem_http
from holo.common.callers import caller_of
from holo.common.context import bound
from holo.common.errors import DomainError
from holo.common.metrics import registry
from holo.common.throttles import buckets_of, refuse_excess, spend

logger = logging.getLogger("holo.security")
_LARGEST = 32 * 1024
# Of one request; a browser collects them for a minute.
_MOST = 20
_LONGEST = 2000
# Content Security Policy Level 3, section 6.
_DIRECTIVE = re.compile(
    "(child|connect|default|font|frame|img|manifest|media|object|worker)-src"
    "|(script|style)-src(-elem|-attr)?|base-uri|form-action|frame-ancestors"
)
# What stands in place of an address, or is all of one that is told.
_WORDS = frozenset(("inline", "eval", "wasm-eval", "self", "data", "blob", "about", "filesystem"))
_HOST = re.compile(r"[a-z0-9._:-]{1,253}")

_reports = Counter(
    "holo_csp_reports",
    "Offences against the content security policy that browsers told of.",
    ["directive"],
    registry=registry,
)


# Browsers send reports without a token.
@csrf_exempt
@require_POST
def csp_reports(request: HttpRequest) -> HttpResponse:
    """Count and log what a browser tells."""
    try:
        _spend(request)
        for directive, blocked, page in _told(request):
            _reports.labels(directive).inc()
            with bound(directive=directive, blocked=blocked, page=page):
                logger.warning("a page offended the content security policy")
    except (DomainError, UnreadablePostError) as error:
        return problem_http(as_domain_error(error), request)
    return HttpResponse(status=204)


def _spend(request: HttpRequest) -> None:
    """Count the call by its address, apart from the address's calls of the API. Raises ThrottledError."""
    refuse_excess(spend(buckets_of(address=f"reports:{caller_of(request)}")))


def _told(request: HttpRequest) -> list[tuple[str, str, str]]:
    """Return the directive, the origin of what was refused, and the route of the page, of each report."""
    media_type = (request.content_type or "").lower()
    if media_type not in ("application/csp-report", "application/reports+json"):
        raise _no_report()
    body = request.read(_LARGEST + 1)
    if len(body) > _LARGEST:
        raise body_too_large(_LARGEST)
    document = parse_json(body)
    bodies = _single(document) if media_type == "application/csp-report" else _several(document)
    return [(_directive(directive), _origin(blocked), _route(page)) for directive, blocked, page in bodies][
        :_MOST
    ]


def _single(document: object) -> Iterator[tuple[str, str, str]]:
    """Yield what `report-uri` sends: CSP Level 3, section 5.3."""
    report = _member(document, "csp-report")
    name = "effective-directive" if "effective-directive" in report else "violated-directive"
    yield _text(report, name), _text(report, "blocked-uri"), _text(report, "document-uri")


def _several(document: object) -> Iterator[tuple[str, str, str]]:
    """Yield what `report-to` sends: Reporting API, section 3.1; of other kinds of reports nothing."""
    if not isinstance(document, list):
        raise _no_report()
    for entry in document:
        report = _member(entry, "body")
        if entry.get("type") == "csp-violation":
            yield (
                _text(report, "effectiveDirective"),
                _text(report, "blockedURL"),
                _text(report, "documentURL"),
            )


def _member(value: object, name: str) -> Mapping[str, object]:
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, dict):
        raise _no_report()
    return found


def _text(report: Mapping[str, object], name: str) -> str:
    value = report.get(name, "")
    if not isinstance(value, str):
        raise _no_report()
    return value[:_LONGEST]


def _no_report() -> InvalidValueError:
    return InvalidValueError(_("this is no report of a browser"))


def _directive(text: str) -> str:
    # Older browsers tell the whole of it, with its sources.
    name = text.partition(" ")[0]
    return name if _DIRECTIVE.fullmatch(name) else "other"


def _origin(blocked: str) -> str:
    if blocked in _WORDS:
        return blocked
    try:
        parts = urlsplit(blocked)
        port = parts.port
    except ValueError:
        return "other"
    if parts.scheme in _WORDS:
        return parts.scheme
    if parts.scheme not in ("http", "https", "ws", "wss") or not _HOST.fullmatch(parts.hostname or ""):
        return "other"
    return f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port is not None else "")


def _route(page: str) -> str:
    try:
        return resolve(urlsplit(page).path).route
    except (ValueError, Resolver404):
        return "unmatched"
