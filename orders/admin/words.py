"""Statuses, waits and events of an order in words and colours."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from holo.common.money import InvalidAmountError, parse_amount
from orders.errors import HandoverRefusedError, StepNotAllowedError
from orders.models import Payment, Shipment
from orders.outside import OddAnswerError, OutsideFailedError
from orders.selectors import Waiting
from orders.states import AbortReason, Status

STATUS_TONES = {
    Status.PLACED: "info",
    Status.AWAITING_APPROVAL: "warn",
    Status.AWAITING_PAYMENT: "info",
    Status.FULFILLING: "progress",
    Status.COMPLETED: "good",
    Status.OUT_OF_STOCK: "neutral",
    Status.REJECTED: "bad",
    Status.CANCELLED: "neutral",
    Status.PAYMENT_FAILED: "bad",
    Status.REFUNDED: "neutral",
    Status.NEEDS_ATTENTION: "bad",
}
PAYMENT_TONES = {
    Payment.State.REQUESTED: "info",
    Payment.State.CAPTURED: "good",
    Payment.State.DECLINED: "bad",
    Payment.State.WITHDRAWN: "neutral",
    Payment.State.REFUNDED: "neutral",
}
SHIPMENT_TONES = {
    Shipment.State.PREPARING: "info",
    Shipment.State.READY: "progress",
    Shipment.State.HANDED_OVER: "good",
    Shipment.State.REFUSED: "bad",
    Shipment.State.VOIDED: "neutral",
}
HOLD_TONES = {"held": "progress", "consumed": "good", "released": "neutral", "expired": "neutral"}
HOLD_STATES: dict[str, Promise] = {
    "held": lazy("held"),
    "consumed": lazy("shipped"),
    "released": lazy("given back"),
    "expired": lazy("expired"),
}

_WAITS: dict[str, Promise] = {
    "approval": lazy("a decision"),
    "payment": lazy("payment"),
    "payment_gateway": lazy("the payment provider"),
    "carrier": lazy("the carriers"),
    "compensation": lazy("being undone"),
    "operator": lazy("an operator"),
    "system": lazy("its next step"),
    "none": lazy("nothing"),
}
_NEXT: dict[str, Promise] = {
    "charge": lazy("the payment is charged"),
    "complete": lazy("the parcels are handed over and the order is completed"),
    "reserve": lazy("stock is reserved"),
}
# Where nobody acts before the deadline.
_AT_DEADLINE: dict[str, Promise] = {
    "approval": lazy("without a decision the order is cancelled and its stock given back"),
    "payment": lazy("without payment the order is cancelled and its stock given back"),
}

# Why a step is parked, and what to do about it, by the code of its last error.
_REASONS: dict[str, Promise] = {
    OddAnswerError.code: lazy(
        "The gateway or the carrier gave an answer that makes no sense. Look there what it has done; then"
        " retry or cancel."
    ),
    OutsideFailedError.code: lazy(
        "The connection to the gateway or the carrier failed in an unknown way. Tell whoever looks after it;"
        " then retry or cancel."
    ),
    "orders.payment_unknown": lazy(
        "The gateway does not say what became of the payment. Retry when it answers again."
    ),
    HandoverRefusedError.code: lazy(
        "The carrier refuses a parcel that has its label. Settle it with the carrier; then retry."
    ),
    StepNotAllowedError.code: lazy(
        "The order's state does not allow this step, so nothing was done. Read the timeline; then retry or"
        " cancel."
    ),
}

# Kind of event: what happened, and its colour.
_EVENTS: dict[str, tuple[Promise, str]] = {
    "placed": (lazy("Order placed"), "info"),
    "stock_reserved": (lazy("Stock reserved"), "progress"),
    "out_of_stock": (lazy("Out of stock"), "bad"),
    "approved": (lazy("Approved"), "good"),
    "aborted": (lazy("Order given up"), "bad"),
    "closed": (lazy("Everything undone"), "neutral"),
    "completed": (lazy("Order completed"), "good"),
    "payment_requested": (lazy("Payment requested"), "info"),
    "payment_withdrawn": (lazy("Payment withdrawn"), "neutral"),
    "payment_captured": (lazy("Payment captured"), "good"),
    "payment_declined": (lazy("Payment declined"), "bad"),
    "payment_refunded": (lazy("Payment refunded in full"), "warn"),
    "parked": (lazy("Steps parked for an operator"), "bad"),
    "retry_requested": (lazy("Retry requested"), "info"),
    "retried": (lazy("Parked steps run again"), "progress"),
    "stock_released": (lazy("Stock given back"), "neutral"),
    "shipment_ready": (lazy("Parcel ready"), "progress"),
    "shipment_refused": (lazy("Parcel refused by its carrier"), "bad"),
    "handover_begun": (lazy("Point of no return: handover begun"), "progress"),
    "shipment_handed_over": (lazy("Parcel handed over"), "good"),
    "shipment_voided": (lazy("Label voided"), "neutral"),
}


def status_label(status: str) -> str:
    """Return a status in words."""
    return str(Status(status).label) if status in Status.values else status


def wait_label(waiting: Waiting) -> str:
    """Return what an order waits for."""
    return str(_WAITS[waiting.kind])


def next_label(waiting: Waiting) -> str:
    """Return what happens next without anybody doing anything; empty if nothing does."""
    if waiting.kind in _AT_DEADLINE:
        return str(_AT_DEADLINE[waiting.kind])
    ends_as = waiting.next_action.removeprefix("ends_as_")
    if ends_as != waiting.next_action:
        return _("what was done is undone, then the order ends as “%(status)s”") % {
            "status": status_label(ends_as)
        }
    return str(_NEXT.get(waiting.next_action, ""))


def failure_reason(code: str) -> str:
    """Return why a step is parked and what to do, as far as the code tells."""
    return str(_REASONS.get(code, ""))


def event_title(kind: str) -> str:
    """Return what happened."""
    known = _EVENTS.get(kind)
    return str(known[0]) if known else kind.replace("_", " ").capitalize()


def event_kinds() -> list[tuple[str, Promise]]:
    """Return all kinds of events with what each says."""
    return [(kind, title) for kind, (title, _tone) in _EVENTS.items()]


def event_tone(kind: str) -> str:
    """Return the colour of what happened."""
    return _EVENTS[kind][1] if kind in _EVENTS else "neutral"


def event_detail(data: Mapping[str, Any]) -> str:
    """Return the particulars of an event in one line."""
    parts: list[str] = []
    if "total" in data or "amount" in data:
        parts.append(_money(data.get("total", data.get("amount"))))
    if data.get("warehouses"):
        parts.append(_("from %(places)s") % {"places": ", ".join(map(str, data["warehouses"]))})
    if "warehouse" in data:
        parts.append(_("from %(places)s") % {"places": data["warehouse"]})
    if "attempt" in data:
        parts.append(_("attempt %(number)s") % {"number": data["attempt"]})
    if "code" in data:
        parts.append(str(data["code"]).replace("_", " "))
    if "reason" in data:
        parts.append(reason_label(str(data["reason"])))
    if data.get("refusal"):
        parts.append(_("the carrier says: %(text)s") % {"text": data["refusal"]})
    parts.extend(_shortage(short) for short in data.get("shortages", ()))
    parts.extend(_failure(step) for step in data.get("steps", ()))
    return " · ".join(part for part in parts if part)


def reason_label(reason: str) -> str:
    """Return why an order was given up."""
    return str(AbortReason(reason).label) if reason in AbortReason.values else reason


def step_label(step: str) -> str:
    """Return the name of a step as people read it; the id behind a colon says nothing to them."""
    return step.partition(":")[0].replace("_", " ")


def _money(value: Any) -> str:
    try:
        return str(parse_amount(value["amount"], currency=value["currency"]))
    except (KeyError, TypeError, InvalidAmountError):
        return ""


def _shortage(short: Mapping[str, Any]) -> str:
    return _("%(sku)s: %(requested)s wanted, %(available)s available") % {
        "sku": short.get("sku"),
        "requested": short.get("requested"),
        "available": short.get("available"),
    }


def _failure(step: Mapping[str, Any]) -> str:
    attempts = int(step.get("attempts", 0))
    text = ngettext(
        "%(step)s failed after %(count)d attempt (%(error)s)",
        "%(step)s failed after %(count)d attempts (%(error)s)",
        attempts,
    )
    return text % {
        "step": step_label(str(step.get("step"))),
        "count": attempts,
        "error": step.get("error"),
    }
