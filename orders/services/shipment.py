"""Labels, the point of no return, the handover of parcels, and completion with the last of them."""

from uuid import UUID

from holo.idempotency.commands import command, once
from inventory.operations import consume_reservation
from orders.locks import lock_shipment
from orders.models import Order, Shipment
from orders.operations import (
    abort_order,
    hand_over_order,
    is_aborted,
    is_handed_over,
    record_event,
    resolve_parked,
    system,
)
from orders.ports import CarrierRefusedError, Label, Parcel
from orders.preconditions import refusal, require_step
from orders.states import AbortReason, Status
from orders.steps import Next, Step
from orders.subject import owner_of

State = Shipment.State


def _parcel(order: Order, shipment: Shipment) -> Parcel:
    mode = str(order.sandbox.get("carrier", ""))
    if mode and shipment.pk != _last(order).pk:
        mode = ""  # the sandbox refuses one parcel of an order, so that the others' labels have to be voided
    return Parcel(
        key=str(shipment.pk),
        warehouse=shipment.warehouse.code,
        ship_to=order.ship_to,
        mode=mode,
    )


def _last(order: Order) -> Shipment:
    return order.shipments.order_by("-warehouse__priority", "-warehouse__code")[0]


@command
def begin_label(*, shipment_id: UUID) -> Parcel | None:
    """Write ahead that a label is wanted, return the parcel; None if nothing is to do. Locks the order.

    Raises StepNotAllowedError.
    """
    order, shipment = lock_shipment(shipment_id)
    if shipment.state != State.PREPARING or is_aborted(order):
        return None
    require_step(order, "create_label")
    if shipment.submitted_at is None:
        shipment.submitted_at = order.locked_at
        shipment.save(update_fields=["submitted_at"])
    return _parcel(order, shipment)


@command
def record_label(*, shipment_id: UUID, outcome: Label | CarrierRefusedError | None) -> Step:
    """Write the label, or give the order up where the carrier refuses it, with what it says in the timeline.

    The last label of an order passes its point of no return in the same commit. Idempotent by the shipment's
    state and the handover row. Locks the order, then its approval request. Next: SHIPPING (other labels are
    missing), HANDOVER with the shipments, or UNWIND.
    """
    order, shipment = lock_shipment(shipment_id)
    if isinstance(outcome, Label) and shipment.state == State.PREPARING:
        shipment.state, shipment.ready_at = State.READY, order.locked_at
        shipment.label_reference, shipment.tracking_number = outcome.reference, outcome.tracking_number
        shipment.save(update_fields=["state", "ready_at", "label_reference", "tracking_number"])
        record_event(order, "shipment_ready", data=_shown(shipment))
    elif isinstance(outcome, CarrierRefusedError) and shipment.state == State.PREPARING:
        _refused(order, shipment, AbortReason.CARRIER_REFUSED, refusal=str(outcome))
    return _hand_over_when_ready(order)


def _hand_over_when_ready(order: Order) -> Step:
    """Pass the point of no return, unless the order was given up or a parcel is not ready."""
    if is_aborted(order):
        return Step(next=Next.UNWIND, status=order.status)
    shipments = dict(order.shipments.values_list("pk", "state"))
    if not is_handed_over(order):
        if any(state != State.READY for state in shipments.values()):
            return Step(next=Next.SHIPPING, status=order.status)
        hand_over_order(order)
    return Step(next=Next.HANDOVER, status=order.status, shipment_ids=tuple(shipments))


def _refused(order: Order, shipment: Shipment, reason: AbortReason, *, refusal: str) -> None:
    shipment.state = State.REFUSED
    shipment.save(update_fields=["state"])
    record_event(order, "shipment_refused", data={**_shown(shipment), "refusal": refusal})
    abort_order(order, ends_as=Status.REFUNDED, reason=reason)


def _shown(shipment: Shipment) -> dict[str, object]:
    return {"shipment_id": str(shipment.pk), "warehouse": shipment.warehouse.code}


@command
def fail_shipment(*, shipment_id: UUID) -> Step:
    """Give the order up because the process of a shipment ended without a result.

    Its label may have been written all the same; then the order goes on. Locks the order, then its approval
    request. Next: as `record_label`. Raises StepNotAllowedError.
    """
    order, shipment = lock_shipment(shipment_id)
    if shipment.state == State.PREPARING and not is_aborted(order):
        require_step(order, "fail_shipment")
        abort_order(order, ends_as=Status.REFUNDED, reason=AbortReason.SHIPMENT_FAILED)
    return _hand_over_when_ready(order)


@command
def begin_shipment_handover(*, shipment_id: UUID) -> Parcel | None:
    """Return the parcel to hand over; None if it has no label or has left. Locks the order.

    Raises StepNotAllowedError.
    """
    order, shipment = lock_shipment(shipment_id)
    if shipment.state != State.READY:
        return None
    require_step(order, "hand_over")
    return _parcel(order, shipment)


@command
def record_shipment_handover(*, shipment_id: UUID) -> Step:
    """Write that the carrier has the parcel; with the last one, consume the hold and complete the order.

    Idempotent by the shipment's state, the completion by step key. Locks the order, then stock rows. Next:
    HANDOVER (other parcels have not left) or DONE. Raises StepNotAllowedError.
    """
    order, shipment = lock_shipment(shipment_id)
    if shipment.state == State.READY:
        # Not `require_step`: what the carrier did is written for an order that was parked meanwhile, too.
        if not is_handed_over(order):
            raise refusal(order, "hand_over")
        shipment.state, shipment.handed_over_at = State.HANDED_OVER, order.locked_at
        shipment.save(update_fields=["state", "handed_over_at"])
        record_event(order, "shipment_handed_over", data=_shown(shipment))
    if order.shipments.exclude(state=State.HANDED_OVER).exists():
        return Step(next=Next.HANDOVER, status=order.status)
    return once(key=f"{order.pk}:complete", result=Step, effect=lambda: _complete(order))


def _complete(order: Order) -> Step:
    consume_reservation(owner=owner_of(order), actor_label=system(order).reference)
    resolve_parked(order)
    record_event(order, "completed", status=Status.COMPLETED)
    return Step(next=Next.DONE, status=order.status)


@command
def begin_void(*, shipment_id: UUID) -> str | None:
    """Return the carrier's key of a label that may exist; None if none can. Locks the order.

    Raises StepNotAllowedError.
    """
    order, shipment = lock_shipment(shipment_id)
    if shipment.submitted_at is None or shipment.state not in (State.PREPARING, State.READY):
        return None
    require_step(order, "void_label")
    return str(shipment.pk)


@command
def record_void(*, shipment_id: UUID) -> None:
    """Write that the shipment's label is worthless; once. Locks the order. Raises StepNotAllowedError."""
    order, shipment = lock_shipment(shipment_id)
    if shipment.state not in (State.PREPARING, State.READY):
        return
    require_step(order, "void_label")
    shipment.state, shipment.voided_at = State.VOIDED, order.locked_at
    shipment.save(update_fields=["state", "voided_at"])
    record_event(order, "shipment_voided", data=_shown(shipment))
