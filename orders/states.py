"""The statuses of an order and the moves between them, as data; the database holds the same table."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Status(TextChoices):
    """Where an order stands."""

    PLACED = "placed", _("placed")
    AWAITING_APPROVAL = "awaiting_approval", _("awaiting approval")
    AWAITING_PAYMENT = "awaiting_payment", _("awaiting payment")
    FULFILLING = "fulfilling", _("fulfilling")
    COMPLETED = "completed", _("completed")
    OUT_OF_STOCK = "out_of_stock", _("out of stock")
    REJECTED = "rejected", _("rejected")
    CANCELLED = "cancelled", _("cancelled")
    PAYMENT_FAILED = "payment_failed", _("payment failed")
    REFUNDED = "refunded", _("refunded")
    NEEDS_ATTENTION = "needs_attention", _("needs attention")


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PLACED: frozenset(
        {
            Status.OUT_OF_STOCK,
            Status.AWAITING_APPROVAL,
            Status.AWAITING_PAYMENT,
            Status.CANCELLED,
            Status.NEEDS_ATTENTION,
        }
    ),
    Status.AWAITING_APPROVAL: frozenset(
        {Status.AWAITING_PAYMENT, Status.REJECTED, Status.CANCELLED, Status.NEEDS_ATTENTION}
    ),
    Status.AWAITING_PAYMENT: frozenset(
        {Status.FULFILLING, Status.PAYMENT_FAILED, Status.CANCELLED, Status.NEEDS_ATTENTION}
    ),
    Status.FULFILLING: frozenset(
        {Status.COMPLETED, Status.REFUNDED, Status.CANCELLED, Status.NEEDS_ATTENTION}
    ),
    # A retried order goes back to where it was parked, and ends from there as it would have.
    Status.NEEDS_ATTENTION: frozenset(
        {Status.PLACED, Status.AWAITING_APPROVAL, Status.AWAITING_PAYMENT, Status.FULFILLING}
    ),
    Status.COMPLETED: frozenset(),
    Status.OUT_OF_STOCK: frozenset(),
    Status.REJECTED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.PAYMENT_FAILED: frozenset(),
    Status.REFUNDED: frozenset(),
}

TERMINAL = frozenset(status for status, targets in TRANSITIONS.items() if not targets)
# While stock is held, or about to be, for what nobody has paid.
UNPAID = frozenset({Status.PLACED, Status.AWAITING_APPROVAL, Status.AWAITING_PAYMENT})
# What an order that is given up may end as.
ENDS_OF_ABORT = frozenset({Status.REJECTED, Status.CANCELLED, Status.PAYMENT_FAILED, Status.REFUNDED})


class AbortReason(TextChoices):
    """Why an order was given up."""

    REQUESTED = "requested", _("cancelled on request")
    APPROVAL_REJECTED = "approval_rejected", _("rejected by an auditor")
    APPROVAL_DEADLINE = "approval_deadline", _("no decision in time")
    PAYMENT_DEADLINE = "payment_deadline", _("no payment in time")
    PAYMENT_DECLINED = "payment_declined", _("payment declined too often")
    CARRIER_REFUSED = "carrier_refused", _("the carrier refused a shipment")
    SHIPMENT_FAILED = "shipment_failed", _("a shipment could not be prepared")
    TEMPORAL = "temporal", _("cancelled in the Temporal UI")
