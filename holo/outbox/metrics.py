"""What the relay tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from holo.outbox.selectors import Backlog

REGISTRY = CollectorRegistry()
_DELIVERED = Counter("holo_outbox_delivered", "Messages delivered", ["topic"], registry=REGISTRY)
_FAILED = Counter(
    "holo_outbox_failed", "Tries that failed, by how they count", ["topic", "verdict"], registry=REGISTRY
)
_LAG = Gauge("holo_outbox_lag_seconds", "Age of the oldest undelivered message", registry=REGISTRY)
_PENDING = Gauge("holo_outbox_pending", "Messages not yet delivered", registry=REGISTRY)
_DEAD = Gauge("holo_outbox_dead_letters", "Messages given up", registry=REGISTRY)
_REACHABLE = Gauge("holo_outbox_database_up", "1 while the relay has its database", registry=REGISTRY)


def count_delivered(topic: str) -> None:
    """Count a delivery."""
    _DELIVERED.labels(topic).inc()


def count_failed(topic: str, verdict: str) -> None:
    """Count a failed try; `verdict` is transient, failed or permanent."""
    _FAILED.labels(topic, verdict).inc()


def show_backlog(backlog: Backlog) -> None:
    """Set the gauges."""
    _LAG.set(backlog.lag_seconds)
    _PENDING.set(backlog.pending)
    _DEAD.set(backlog.dead)


def show_database(reachable: bool) -> None:
    """Set whether the database answers."""
    _REACHABLE.set(int(reachable))
