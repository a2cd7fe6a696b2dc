"""Gauges for Prometheus, facts for `/healthz/ready`."""

from holo.common.health import Check, register_check
from holo.common.metrics import register_gauges
from holo.deliveries.selectors import get_backlog

_GAUGES = {
    "holo_deliveries_waiting": "Deliveries not yet sent",
    "holo_deliveries_late_seconds": "How long the delivery that is due longest has been due",
    "holo_deliveries_refused": "Deliveries of the last 30 days that a server refused",
    "holo_deliveries_given_up": "Deliveries of the last 30 days that were given up",
}


def register_monitoring() -> None:
    """Make the backlog known; it is shown only, because a late mail does not stop this process."""
    register_gauges(_GAUGES, _gauges)
    register_check(Check(name="deliveries", run=_facts, required=False))


def _gauges() -> dict[str, float]:
    backlog = get_backlog()
    values = (backlog.waiting, backlog.late_seconds, backlog.refused, backlog.given_up)
    return dict(zip(_GAUGES, values, strict=True))


def _facts() -> dict[str, object]:
    backlog = get_backlog()
    return {
        "waiting": backlog.waiting,
        "late_seconds": round(backlog.late_seconds, 1),
        "refused": backlog.refused,
        "given_up": backlog.given_up,
    }
