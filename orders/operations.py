"""Changes of one locked order inside somebody's transaction: status, timeline, abort."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from holo.approvals.operations import withdraw_request
from holo.audit.operations import record_audit
from holo.common.actor import Actor, OrganizationId, system_actor
from holo.common.context import request_id
from holo.common.db import require_transaction
from orders.errors import InvalidTransitionError
from orders.events import PAYMENT_REQUESTED
from orders.models import Order, OrderAbort, OrderHandover, Payment
from orders.states import TRANSITIONS, AbortReason, Status
from orders.subject import SUBJECT_TYPE

# The timeline is written with what it tells of, in one round trip under the order's lock.
_APPEND = """
INSERT INTO orders_orderevent (order_id, organization_id, version, kind, from_status, to_status, actor_label,
    data, request_id, created_at)
VALUES (%(order)s, %(organization)s, %(version)s, %(kind)s, %(before)s, %(after)s, %(actor)s,
    %(data)s::jsonb, %(request)s, clock_timestamp())
"""
_MOVE = f"""
WITH entry AS ({_APPEND})
UPDATE orders_order SET {{}}, version = %(version)s, updated_at = clock_timestamp()
WHERE id = %(order)s RETURNING updated_at
"""  # noqa: S608 # of the code's own words


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
    sql, values = _event(order, kind, actor=actor, status=status, data=data, changed=changed)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row = cursor.fetchone()
    assert row is not None, "the order that is locked is there"
    order.updated_at = row[0]


def event_statement(
    order: Order, kind: str, *, status: Status, data: Mapping[str, object], changed: tuple[str, ...] = ()
) -> str:
    """Return what `record_event` would write as SQL with its values, to be sent with another statement.

    The order has its new status and version then, but still its former `updated_at`.
    """
    sql, values = _event(order, kind, actor=None, status=status, data=data, changed=changed)
    with connection.cursor() as cursor:
        return str(cursor.mogrify(sql, values))


def _event(
    order: Order,
    kind: str,
    *,
    actor: Actor | None,
    status: Status | None,
    data: Mapping[str, object] | None,
    changed: tuple[str, ...],
) -> tuple[str, dict[str, Any]]:
    before = Status(order.status)
    if status is not None and status != before:
        if status not in TRANSITIONS[before]:
            raise InvalidTransitionError(
                _("an order cannot go from %(before)s to %(after)s") % {"before": before, "after": status},
                status=str(before),
                wanted=str(status),
                allowed=sorted(TRANSITIONS[before]),
            )
        order.status = status
    order.version += 1
    values = {"status": order.status, **{name: getattr(order, name) for name in changed}}
    entry = _entry(order, kind, actor or system(order), before if status else None, status, data)
    return _MOVE.format(", ".join(f"{name} = %({name})s" for name in values)), {**entry, **values}


def record_placed(order: Order, actor: Actor) -> None:
    """Write the first entry of a new order's timeline."""
    entry = _entry(order, "placed", actor, None, Status.PLACED, {"total": order.total.as_wire()})
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, entry)


def _entry(
    order: Order,
    kind: str,
    actor: Actor,
    before: Status | None,
    after: Status | None,
    data: Mapping[str, object] | None,
) -> dict[str, UUID | str | int]:
    return {
        "order": order.pk,
        "organization": order.organization_id,
        "version": order.version,
        "kind": kind,
        "before": before or "",
        "after": after or "",
        "actor": actor.reference,
        "data": json.dumps(dict(data or {})),
        "request": request_id(),
    }


def is_aborted(order: Order) -> bool:
    """Tell whether the order was given up. The order must be locked for the answer to last."""
    if order.aborted is None:
        return OrderAbort.objects.filter(order=order).exists()
    return order.aborted


def is_handed_over(order: Order) -> bool:
    """Tell whether the order is past its point of no return."""
    if order.handed_over is None:
        return OrderHandover.objects.filter(order=order).exists()
    return order.handed_over


def hand_over_order(order: Order) -> None:
    """Pass the locked order's point of no return. The trigger refuses it for an order that was given up."""
    OrderHandover.objects.create(order=order, organization_id=order.organization_id)
    order.handed_over = True
    record_event(order, "handover_begun")


def withdraw_payment_attempt(order: Order, payment: Payment) -> None:
    """End an attempt of the locked order that the gateway never took, or gave back before it was captured."""
    payment.state = Payment.State.WITHDRAWN
    payment.save(update_fields=["state", "gateway_reference"])
    record_event(order, "payment_withdrawn", data={"payment_id": str(payment.pk)})


def insert_attempt(order: Order, *, token: str, attempt: int) -> Payment:
    """Write the row of an attempt to pay the locked, or new, order; `attempt` counts from 1."""
    return Payment.objects.create(
        organization_id=order.organization_id,
        order=order,
        attempt=attempt,
        token=token,
        amount_minor=order.total_minor,
        currency=order.currency,
    )


def request_attempt(order: Order, *, actor: Actor, payment: Payment) -> None:
    """Write that a payment attempt of the locked, or new, order was asked for."""
    data = {"payment_id": str(payment.pk)}
    record_event(order, "payment_requested", actor=actor, data=data)
    record_audit(
        actor=actor, action=PAYMENT_REQUESTED, subject_type=SUBJECT_TYPE, subject_id=order.pk, data=data
    )


def resolve_parked(order: Order) -> None:
    """Note that the locked order's parked steps were done after all."""
    order.parked_steps.filter(resolved_at__isnull=True).update(resolved_at=order.locked_at)


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
        actor_id=actor.acting_id,
        actor_label=actor.reference,
    )
    order.aborted = True
    withdraw_request(subject_type=SUBJECT_TYPE, subject_id=order.pk)
    record_event(order, "aborted", actor=actor, data={"reason": reason.value, "ends_as": ends_as.value})
    return True


def content_digest(order: Order) -> str:
    """Return the SHA-256 (hex) of what an auditor decides about: number, lines, prices, total."""
    lines = order.lines.order_by("position").values_list("sku", "name", "quantity", "unit_price_minor")
    return digest_of(order.number, order.currency, order.total_minor, [list(line) for line in lines])


def digest_of(number: str, currency: str, total_minor: int, lines: Sequence[Sequence[object]]) -> str:
    """Return the digest of an order's content; a line is SKU, name, quantity and unit price."""
    content = [number, currency, total_minor, lines]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()
