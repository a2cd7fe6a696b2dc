"""What the web process tells about the outbox: gauges for Prometheus, facts for `/healthz/ready`."""

from holo.common.health import Check, register_check
from holo.common.metrics import register_gauges
from holo.outbox.selectors import get_backlog

_GAUGES = {
    "holo_outbox_lag_seconds": "Age of the oldest undelivered message",
    "holo_outbox_pending": "Messages not yet delivered",
    "holo_outbox_dead_letters": "Messages given up",
}


def register_monitoring() -> None:
    """Make the backlog known; it is shown only, because a late message does not stop this process."""
    register_gauges(_GAUGES, _gauges)
    register_check(Check(name="outbox", run=_facts, required=False))


def _gauges() -> dict[str, float]:
    backlog = get_backlog()
    return dict(zip(_GAUGES, (backlog.lag_seconds, backlog.pending, backlog.dead), strict=True))


def _facts() -> dict[str, object]:
    backlog = get_backlog()
    return {
        "lag_seconds": round(backlog.lag_seconds, 1),
        "pending": backlog.pending,
        "dead_letters": backlog.dead,
    }
