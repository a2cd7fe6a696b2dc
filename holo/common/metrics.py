"""Numbers for Prometheus: what the web process counts, and gauges that are asked for at each scrape.

Packages above register their gauges here; nothing is computed unless somebody scrapes.
"""

import hmac
import ipaddress
import logging
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from holo.common.fence import fence_of_request

logger = logging.getLogger(__name__)
registry = CollectorRegistry()
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_requests = Counter(
    "holo_http_requests", "Requests answered.", ["route", "method", "status"], registry=registry
)
_seconds = Histogram(
    "holo_http_request_seconds",
    "Time to the answer.",
    ["route", "method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)

# Name and help of each gauge, and one call that returns the values of several at once.
Gauges = dict[str, str]
_sources: list[tuple[Gauges, Callable[[], dict[str, float]]]] = []


def register_gauges(gauges: Gauges, read: Callable[[], dict[str, float]]) -> None:
    """Have `read` called at each scrape; `gauges` maps the names it returns to their help texts."""
    if (gauges, read) not in _sources:
        _sources.append((gauges, read))


class _Gauges(Collector):
    """Reads the registered sources; one that fails is left out and logged."""

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        for gauges, read in _sources:
            try:
                values = read()
            except (DatabaseError, InterfaceError, OSError) as error:
                logger.warning("gauges %s are not readable: %s", ", ".join(gauges), type(error).__name__)
                continue
            for name, text in gauges.items():
                if name in values:
                    yield GaugeMetricFamily(name, text, value=values[name])

    def describe(self) -> list[Metric]:
        """Return nothing, so that registering asks no source."""
        return []


registry.register(_Gauges())


def observe_request(*, route: str, method: str, status: int, seconds: float) -> None:
    """Count one answered request. `route` is the pattern of the address, never the address."""
    known = method if method in _METHODS else "other"
    _requests.labels(route, known, str(status)).inc()
    _seconds.labels(route, known).observe(seconds)


@csrf_exempt
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Serve the numbers to this machine, or to who sends METRICS_TOKEN."""
    if not is_operator(request):
        return HttpResponse(status=404)
    # Of the whole installation, whoever's cookie the request happens to bring.
    with fence_of_request():
        return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def is_operator(request: HttpRequest) -> bool:
    """Tell whether a request sends METRICS_TOKEN or, where there is none, comes from this machine."""
    token = str(getattr(settings, "METRICS_TOKEN", ""))
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if token:
        return hmac.compare_digest(given.encode(), token.encode())
    # Behind a proxy everybody is local; then only a token tells who asks.
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
