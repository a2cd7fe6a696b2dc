"""What the page of one order shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.safestring import SafeString

from holo.approvals.decisions import COMMANDS as DECISIONS
from holo.approvals.models import ApprovalRequest
from holo.approvals.words import SECOND_PERSON, TONES, time_left, urgency
from holo.common.admin import badge
from holo.common.clock import database_now
from holo.identity.staff import may_decide, person_of
from inventory.selectors import HeldView, HoldingLine, get_holding
from orders.admin.words import (
    HOLD_STATES,
    HOLD_TONES,
    PAYMENT_TONES,
    SHIPMENT_TONES,
    STATUS_TONES,
    event_detail,
    event_title,
    event_tone,
    failure_reason,
    next_label,
    status_label,
    step_label,
    wait_label,
)
from orders.models import Order, OrderEvent, Payment, Shipment
from orders.selectors import Standing, list_timeline
from orders.states import Status
from orders.subject import owner_of

_ENVELOPE = ("name", "street", "city", "region", "postal_code", "country", "phone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the timeline as it is shown; `note` is what the person wrote."""

    title: str
    detail: str
    tone: str
    by: str
    at: datetime
    status: SafeString | str
    note: str


def order_page(request: HttpRequest, standing: Standing) -> dict[str, Any]:
    """Return what the template needs."""
    order = standing.order
    waiting = standing.waiting
    now = database_now()
    return {
        "order": order,
        "status": badge(order.get_status_display(), STATUS_TONES[Status(order.status)]),
        "abort": standing.abort,
        "wait": "" if waiting.kind == "none" else wait_label(waiting),
        "deadline": waiting.deadline,
        "due": badge(time_left(waiting.deadline, now), urgency(waiting.deadline, now))
        if waiting.deadline
        else "",
        "next": next_label(waiting),
        "timeline": _timeline(standing),
        "hold": _hold(get_holding(owner_of(order))),
        "approval": _approval(request, standing.approval),
        "payments": [
            {"row": row, "state": badge(row.get_state_display(), PAYMENT_TONES[Payment.State(row.state)])}
            for row in order.payments.all()
        ],
        "shipments": [
            {"row": row, "state": badge(row.get_state_display(), SHIPMENT_TONES[Shipment.State(row.state)])}
            for row in order.shipments.all()
        ],
        "parked": [
            {"row": row, "step": step_label(row.step), "reason": failure_reason(row.error_code)}
            for row in standing.parked
        ],
        "ship_to": _address(order),
        "workflow_url": workflow_url(order),
    }


def workflow_url(order: Order) -> str:
    """Return the order's workflow in the Temporal UI; empty where there is none."""
    if not settings.TEMPORAL_UI_URL:
        return ""
    base = settings.TEMPORAL_UI_URL.rstrip("/")
    return f"{base}/namespaces/{settings.TEMPORAL_NAMESPACE}/workflows/order-{order.pk}"


def _address(order: Order) -> str:
    """Return the address in one line, in the order of an envelope: the database keeps none."""
    parts = {str(name): str(value) for name, value in (order.ship_to or {}).items() if value}
    known = [name for name in _ENVELOPE if name in parts]
    return ", ".join(parts[name] for name in (*known, *sorted(parts.keys() - set(known))))


def _timeline(standing: Standing) -> list[Entry]:
    order = standing.order
    decisions = list(standing.approval.decisions.all()) if standing.approval else []
    reason = decisions[0].reason if decisions else ""
    events = list_timeline(Order.objects.all(), order.pk)
    return [_entry(event, reason) for event in events]


def _entry(event: OrderEvent, reason: str) -> Entry:
    decided = event.kind == "approved" or event.data.get("reason") == "approval_rejected"
    moved = event.to_status and event.to_status != event.from_status
    return Entry(
        title=event_title(event.kind),
        detail=event_detail(event.data),
        tone=event_tone(event.kind),
        by=str(getattr(event, "by", event.actor_label)),
        at=event.created_at,
        status=badge(status_label(event.to_status), STATUS_TONES[Status(event.to_status)]) if moved else "",
        note=reason if decided and event.kind != "closed" else "",
    )


def _hold(held: HeldView | None) -> dict[str, Any] | None:
    if held is None:
        return None
    places: dict[str, list[HoldingLine]] = {}
    for line in held.lines:
        places.setdefault(line.warehouse_code, []).append(line)
    return {
        "state": badge(HOLD_STATES.get(held.state, held.state), HOLD_TONES.get(held.state, "neutral")),
        "is_held": held.state == "held",
        "expires_at": held.expires_at,
        "ended_at": held.ended_at,
        "places": [{"warehouse": code, "lines": lines} for code, lines in places.items()],
    }


def _approval(request: HttpRequest, row: ApprovalRequest | None) -> dict[str, Any] | None:
    if row is None:
        return None
    buttons: Sequence[Any] = [command for command in DECISIONS if command.offered(request, row)]
    is_open = row.state == ApprovalRequest.State.OPEN
    own = person_of(request).pk in row.contributors
    return {
        "row": row,
        "state": badge(row.get_state_display(), TONES[ApprovalRequest.State(row.state)]),
        "decisions": row.decisions.all(),
        "buttons": buttons,
        "refusal": SECOND_PERSON if is_open and own and may_decide(request) else "",
    }
