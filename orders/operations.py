"""Changes of one locked order inside somebody's transaction: status, timeline, abort."""

import hashlib
import json
from collections.abc import Mapping

from holo.approvals.operations import withdraw_request
from holo.common.actor import Actor, OrganizationId, system_actor
from holo.common.context import request_id
from holo.common.db import require_transaction
from orders.errors import InvalidTransitionError
from orders.models import Order, OrderAbort, OrderEvent, OrderHandover
from orders.states import TRANSITIONS, AbortReason, Status
from orders.subject import SUBJECT_TYPE


def system(order: Order) -> Actor:
    """Return the system as the actor of an order's own steps."""
    return system_actor(OrganizationId(order.organization_id))


def record_event(
    order: Order,
    kind: str,
    *,
    actor: Actor | None = None,
    status: Status | None = None,
    data: Mapping[str, object] | None = None,
    changed: tuple[str, ...] = (),
) -> None:
    """Write one entry of the timeline and raise the version; with `status`, move the order there.

    The order must be locked (or new). `changed` names further fields to save. Raises InvalidTransitionError.
    """
    require_transaction()
    before = Status(order.status)
    if status is not None and status != before:
        if status not in TRANSITIONS[before]:
            raise InvalidTransitionError(
                f"an order cannot go from {before} to {status}",
                status=str(before),
                wanted=str(status),
                allowed=sorted(TRANSITIONS[before]),
            )
        order.status = status
    order.version += 1
    order.save(update_fields=["status", "version", "updated_at", *changed])
    _append(order, kind, actor or system(order), before if status else None, status, data)


def record_placed(order: Order, actor: Actor) -> None:
    """Write the first entry of a new order's timeline."""
    _append(order, "placed", actor, None, Status.PLACED, {"total": order.total.as_wire()})


def _append(
    order: Order,
    kind: str,
    actor: Actor,
    before: Status | None,
    after: Status | None,
    data: Mapping[str, object] | None,
) -> None:
    OrderEvent.objects.create(
        organization_id=order.organization_id,
        order=order,
        version=order.version,
        kind=kind,
        from_status=before or "",
        to_status=after or "",
        actor_label=actor.label,
        data=dict(data or {}),
        request_id=request_id(),
    )


def is_aborted(order: Order) -> bool:
    """Tell whether the order was given up. The order must be locked for the answer to last."""
    return OrderAbort.objects.filter(order=order).exists()


def is_handed_over(order: Order) -> bool:
    """Tell whether the order is past its point of no return."""
    return OrderHandover.objects.filter(order=order).exists()


def abort_order(order: Order, *, ends_as: Status, reason: AbortReason, actor: Actor | None = None) -> bool:
    """Give the locked order up, unless it was before; an open approval request is withdrawn with it.

    False if it was given up before (the first reason stands) or handed over (the trigger would refuse it).
    """
    if is_aborted(order) or is_handed_over(order):
        return False
    actor = actor or system(order)
    OrderAbort.objects.create(
        order=order,
        organization_id=order.organization_id,
        ends_as=ends_as,
        reason=reason,
        actor_id=actor.user_id,
        actor_label=actor.label,
    )
    withdraw_request(subject_type=SUBJECT_TYPE, subject_id=order.pk)
    record_event(order, "aborted", actor=actor, data={"reason": reason.value, "ends_as": ends_as.value})
    return True


def content_digest(order: Order) -> str:
    """Return the SHA-256 (hex) of what an auditor decides about: number, lines, prices, total."""
    lines = order.lines.order_by("position").values_list("sku", "name", "quantity", "unit_price_minor")
    content = [order.number, order.currency, order.total_minor, [list(line) for line in lines]]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()
