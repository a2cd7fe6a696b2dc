"""Waits until the API and a worker are there to be used."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from orders.demo.client import ApiClient, fetch_text

API_SECONDS = 60.0
WORKER_SECONDS = 30.0
_POLL = 0.2
_REMIND = 5.0
_WORKER_RUNS = 'holo_worker_running{domain="orders"} 1'
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

Say = Callable[[str], None]


def wait_for_api(client: ApiClient, say: Say) -> bool:
    """Wait until the API and its dependencies answer; tell how it goes."""
    what = _("the API at %(url)s") % {"url": client.base_url}
    return _wait(client.is_ready, what, API_SECONDS, say)


def wait_for_worker(client: ApiClient, say: Say) -> bool:
    """Wait until a worker says that it runs orders; True at once where it cannot be asked.

    The metrics of a worker on another machine cannot be reached; then the first order finds out.
    """
    if urlsplit(client.base_url).hostname not in _LOOPBACK:
        return True
    url = f"http://127.0.0.1:{settings.WORKER_METRICS_PORT}/metrics"
    return _wait(lambda: _WORKER_RUNS in fetch_text(url), _("a worker for orders"), WORKER_SECONDS, say)


def _wait(is_there: Callable[[], bool], what: str, limit: float, say: Say) -> bool:
    started = reminded = time.monotonic()
    if not is_there():
        say(_("waiting for %(what)s …") % {"what": what})
    while not is_there():
        now = time.monotonic()
        if now - started > limit:
            return False
        if now - reminded > _REMIND:
            reminded = now
            say(_("still waiting for %(what)s, %(seconds).0f s") % {"what": what, "seconds": now - started})
        time.sleep(_POLL)
    say(_("%(what)s is ready") % {"what": what})
    return True
