"""Tells auditors by mail that something waits for them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from holo.approvals.tasks import mail_auditors

if TYPE_CHECKING:
    from holo.outbox.delivery import Delivery


def handlers() -> dict[str, "Callable[[Delivery], None]"]:
    """Return this module's outbox handlers by topic."""
    return {"approvals.approval_requested": _approval_requested}


def _approval_requested(delivery: "Delivery") -> None:
    mail_auditors.delay(str(delivery.payload["request_id"]))
