"""What the worker counts for Prometheus beside the SDK's own series."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge

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
_RUNNING = Gauge("holo_worker_running", "1 while workers of a domain run", ["domain"], registry=REGISTRY)


def count_activity(name: str, outcome: str) -> None:
    """Count one attempt; `outcome` is completed, refused, failed or cancelled."""
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
