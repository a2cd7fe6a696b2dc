"""What the worker counts for Prometheus beside the SDK's own series."""

import time
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge

from holo.common.outside_calls import ports

REGISTRY = CollectorRegistry()
_ACTIVITIES = Counter(
    "holo_activities", "Finished attempts of activities", ["activity", "outcome"], registry=REGISTRY
)
_HEARTBEAT = Gauge(
    "holo_worker_heartbeat_seconds", "Unix time of the last turn of the loop", registry=REGISTRY
)
_CONNECTED = Gauge(
    "holo_worker_temporal_seen_seconds", "Unix time when Temporal last answered", registry=REGISTRY
)
_OUTSIDE = Gauge(
    "holo_outside_calls",
    "Steps that ask a partner; hanging: calls nobody waits for any more",
    ["port", "state"],
    registry=REGISTRY,
)
_RUNNING = Gauge("holo_worker_running", "1 while workers of a domain run", ["domain"], registry=REGISTRY)


def count_activity(name: str, outcome: str) -> None:
    """Count one attempt; `outcome` is completed, refused, failed, busy or cancelled."""
    _ACTIVITIES.labels(name, outcome).inc()


def note_heartbeat() -> None:
    """Note that the worker's loop turns."""
    _HEARTBEAT.set(time.time())


def note_temporal_answer() -> None:
    """Note that Temporal has just answered."""
    _CONNECTED.set(time.time())


def note_running(domain: str, running: bool) -> None:
    """Note that the worker of a domain has started or stopped."""
    _RUNNING.labels(domain).set(int(running))


def show_ports() -> None:
    """Show how many steps ask each partner, from now on."""
    for port in ports():
        _OUTSIDE.labels(port.name, "asking").set_function(partial(getattr, port, "taken"))
        _OUTSIDE.labels(port.name, "hanging").set_function(partial(getattr, port, "left_behind"))
