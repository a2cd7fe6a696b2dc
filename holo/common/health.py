"""Whether this process lives, and whether the parts it needs answer.

Packages register what they can check; every check runs in a thread of its own, for at most two seconds.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext_noop as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from holo.common.metrics import is_operator

logger = logging.getLogger(__name__)
TIMEOUT = 2.0
_RECENT_SECONDS = 1.0
# Longer than a look may take, and the time until the next.
_STALE_SECONDS = 5.0


class Unhealthy(Exception):
    """Raised by a check with the reason that may be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One dependency. `run` returns facts to show; without one not `required` requests are served."""

    name: str
    run: Callable[[], dict[str, object]]
    required: bool = True


@dataclass(slots=True, kw_only=True)
class Finding:
    """What a check found."""

    name: str
    required: bool
    ok: bool = False
    reason: str = _("no answer within two seconds")
    facts: dict[str, object] = field(default_factory=dict)
    milliseconds: int = int(TIMEOUT * 1000)

    def as_wire(self) -> dict[str, object]:
        """Return the JSON form."""
        wire: dict[str, object] = {"status": "ok" if self.ok else "failed", "milliseconds": self.milliseconds}
        if not self.ok:
            wire["reason"] = self.reason
        return {**wire, **self.facts}


_checks: dict[str, Check] = {}


def register_check(check: Check) -> None:
    """Have `check` run by `/healthz/ready`."""
    _checks[check.name] = check


@csrf_exempt
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Answer without looking at anything: the process lives."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 503 when a part that every request needs does not answer, else 200.

    `status` is ok, degraded (requests are served, what `failed` names catches up later) or failed. Operators
    also see what each check found; others get the findings of the last second, however often they ask.
    """
    operator = is_operator(request)
    findings = run_checks() if operator else _recent.findings()
    failed = [finding.name for finding in findings if not finding.ok]
    unready = any(finding.required and not finding.ok for finding in findings)
    body: dict[str, object] = {
        "status": "failed" if unready else "degraded" if failed else "ok",
        "failed": failed,
    }
    if operator:
        body["checks"] = {finding.name: finding.as_wire() for finding in findings}
    response = JsonResponse(body, status=503 if unready else 200)
    response["Cache-Control"] = "no-store"
    # The checks have logged what failed; Django would add an error for each probe.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


class _Recent:
    """Findings that are a second old at most; while somebody looks anew, others get the last ones.

    Without any, or with old ones, they wait. A part that hangs would otherwise hold every thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: list[Finding] = []
        self._until = float("-inf")

    def findings(self) -> list[Finding]:
        """Return them."""
        if not self._lock.acquire(blocking=time.monotonic() >= self._until + _STALE_SECONDS):
            return self._found
        try:
            if time.monotonic() >= self._until:
                self._found = run_checks()
                self._until = time.monotonic() + _RECENT_SECONDS
            return self._found
        finally:
            self._lock.release()


_recent = _Recent()


def run_checks() -> list[Finding]:
    """Run all checks side by side; one that hangs is left behind."""
    pairs = [(check, Finding(name=check.name, required=check.required)) for check in _checks.values()]
    threads = [
        threading.Thread(target=_run, args=pair, name=f"health-{pair[0].name}", daemon=True) for pair in pairs
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + TIMEOUT
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [finding for _check, finding in pairs]


def _run(check: Check, finding: Finding) -> None:
    started = time.monotonic()
    try:
        facts, reason = check.run(), ""
    except Unhealthy as error:
        facts, reason = {}, str(error)
    except Exception as error:  # noqa: BLE001 - whatever a driver raises is the finding
        # Only the kind: messages of drivers carry addresses and user names.
        facts, reason = {}, type(error).__name__
        logger.warning("health check %s failed: %s", check.name, error)
    finally:
        connections.close_all()
    finding.facts, finding.reason = facts, reason
    finding.milliseconds = int((time.monotonic() - started) * 1000)
    # Last, so that a reader never sees a half-filled success.
    finding.ok = not reason


def _postgresql() -> dict[str, object]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version')")
        row = cursor.fetchone()
    return {"version": row[0] if row else ""}


def _migrations() -> dict[str, object]:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        raise Unhealthy(f"{len(pending)} migrations are pending, first {pending[0][0]}")
    return {}


def _redis() -> dict[str, object]:
    # Not at the top: most processes that know this check never ask.
    import redis

    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
    try:
        client.ping()
    finally:
        client.close()
    return {}


def _temporal() -> dict[str, object]:
    address = urlsplit(f"//{settings.TEMPORAL_ADDRESS}")
    with socket.create_connection((address.hostname or "127.0.0.1", address.port or 7233), timeout=1):
        return {}


register_check(Check(name="postgresql", run=_postgresql))
register_check(Check(name="migrations", run=_migrations))
# Orders are accepted and decided without these two: the outbox keeps what they are to be told.
register_check(Check(name="redis", run=_redis, required=False))
register_check(Check(name="temporal", run=_temporal, required=False))
