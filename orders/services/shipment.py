"""Labels, the point of no return, and the handover of parcels."""

from uuid import UUID

from holo.idempotency.commands import command
from orders.locks import lock_order, lock_shipment
from orders.models import Order, Shipment
from orders.operations import abort_order, hand_over_order, is_aborted, is_handed_over, record_event
from orders.ports import CarrierRefusedError, Label, Parcel
from orders.states import AbortReason, Status
from orders.steps import Next, Step

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
    """Write ahead that a label is wanted, return the parcel; None if nothing is to do. Locks the order."""
    order, shipment = lock_shipment(shipment_id)
    if shipment.state != State.PREPARING or is_aborted(order):
        return None
    if shipment.submitted_at is None:
        shipment.submitted_at = order.locked_at
        shipment.save(update_fields=["submitted_at"])
    return _parcel(order, shipment)


@command
def record_label(*, shipment_id: UUID, outcome: Label | CarrierRefusedError | None) -> Step:
    """Write the label, or give the order up where the carrier refuses it.

    Idempotent by the shipment's state. Locks the order, then its approval request. Next: HANDOVER or UNWIND.
    """
    order, shipment = lock_shipment(shipment_id)
    if isinstance(outcome, Label) and shipment.state == State.PREPARING:
        shipment.state, shipment.ready_at = State.READY, order.locked_at
        shipment.label_reference, shipment.tracking_number = outcome.reference, outcome.tracking_number
        shipment.save(update_fields=["state", "ready_at", "label_reference", "tracking_number"])
        record_event(order, "shipment_ready", data=_shown(shipment))
    elif isinstance(outcome, CarrierRefusedError) and shipment.state == State.PREPARING:
        _refused(order, shipment, AbortReason.CARRIER_REFUSED)
    ready = shipment.state in (State.READY, State.HANDED_OVER) and not is_aborted(order)
    return Step(next=Next.HANDOVER if ready else Next.UNWIND, status=order.status)


def _refused(order: Order, shipment: Shipment, reason: AbortReason) -> None:
    shipment.state = State.REFUSED
    shipment.save(update_fields=["state"])
    record_event(order, "shipment_refused", data=_shown(shipment))
    abort_order(order, ends_as=Status.REFUNDED, reason=reason)


def _shown(shipment: Shipment) -> dict[str, object]:
    return {"shipment_id": str(shipment.pk), "warehouse": shipment.warehouse.code}


@command
def fail_shipment(*, shipment_id: UUID) -> Step:
    """Give the order up because the process of a shipment ended without a result.

    Locks the order, then its approval request. Next: HANDOVER or UNWIND.
    """
    order, shipment = lock_shipment(shipment_id)
    if shipment.state == State.PREPARING:
        abort_order(order, ends_as=Status.REFUNDED, reason=AbortReason.SHIPMENT_FAILED)
    ready = shipment.state in (State.READY, State.HANDED_OVER) and not is_aborted(order)
    return Step(next=Next.HANDOVER if ready else Next.UNWIND, status=order.status)


@command
def begin_handover(*, order_id: UUID) -> Step:
    """Pass the point of no return, unless the order was given up or a parcel is not ready.

    Idempotent by the handover row. Locks the order. Next: COMPLETION with the shipments, or UNWIND.
    """
    order = lock_order(order_id)
    shipments = list(order.shipments.all())
    if not is_handed_over(order):
        if is_aborted(order):
            return Step(next=Next.UNWIND, status=order.status)
        unready = [shipment for shipment in shipments if shipment.state != State.READY]
        assert not unready, "the point of no return comes when all parcels are ready"
        hand_over_order(order)
    return Step(
        next=Next.COMPLETION,
        status=order.status,
        shipment_ids=tuple(shipment.pk for shipment in shipments),
    )


@command
def begin_shipment_handover(*, shipment_id: UUID) -> Parcel | None:
    """Return the parcel to hand over; None if it has been. Locks the order."""
    order, shipment = lock_shipment(shipment_id)
    assert is_handed_over(order), "parcels leave only after the point of no return"
    return _parcel(order, shipment) if shipment.state == State.READY else None


@command
def record_shipment_handover(*, shipment_id: UUID) -> None:
    """Write that the carrier has the parcel; once. Locks the order."""
    order, shipment = lock_shipment(shipment_id)
    if shipment.state != State.READY:
        return
    shipment.state, shipment.handed_over_at = State.HANDED_OVER, order.locked_at
    shipment.save(update_fields=["state", "handed_over_at"])
    record_event(order, "shipment_handed_over", data=_shown(shipment))


@command
def begin_void(*, shipment_id: UUID) -> str | None:
    """Return the carrier's key of a label that may exist; None if none can. Locks the order."""
    order, shipment = lock_shipment(shipment_id)
    assert not is_handed_over(order), "after the point of no return labels are not voided"
    may_exist = shipment.submitted_at is not None and shipment.state in (State.PREPARING, State.READY)
    return str(shipment.pk) if may_exist else None


@command
def record_void(*, shipment_id: UUID) -> None:
    """Write that the shipment's label is worthless; once. Locks the order."""
    order, shipment = lock_shipment(shipment_id)
    if shipment.state not in (State.PREPARING, State.READY):
        return
    shipment.state, shipment.voided_at = State.VOIDED, order.locked_at
    shipment.save(update_fields=["state", "voided_at"])
    record_event(order, "shipment_voided", data=_shown(shipment))
