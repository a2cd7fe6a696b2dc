"""Thin adapters between the workflow's contracts and the services."""

import logging
from collections.abc import Callable
from functools import partial

from temporalio import activity

from holo.common.actor import OrganizationId, system_actor
from holo.common.errors import OutageError
from holo.common.logs import error_text
from orders import selectors, services, settlement
from orders.outside import carrier, payment_gateway
from orders.states import AbortReason
from orders.steps import Failure
from workflows.orders.contracts import (
    Activity,
    Advanced,
    OrderAtStep,
    OrderRef,
    Parked,
    PaymentRef,
    ShipmentRef,
    StepTaken,
)
from workflows.runtime.heartbeats import heartbeats

logger = logging.getLogger(__name__)
# Characters of an error's text that the log keeps.
_LONGEST = 500


@activity.defn(name=Activity.RESERVE_STOCK, no_thread_cancel_exception=True)
def reserve_order_stock(order: OrderRef) -> StepTaken:
    """Hold the order's stock."""
    return StepTaken.model_validate(services.reserve_order_stock(order_id=order.order_id))


@activity.defn(name=Activity.SETTLE_APPROVAL, no_thread_cancel_exception=True)
def settle_approval(order: OrderRef) -> StepTaken:
    """Read and apply the decision."""
    return StepTaken.model_validate(services.settle_approval(order_id=order.order_id))


@activity.defn(name=Activity.SETTLE_PAYMENT, no_thread_cancel_exception=True)
def settle_payment(order: OrderRef) -> StepTaken:
    """Look for a payment, or for the end of the wait."""
    return StepTaken.model_validate(services.settle_payment(order_id=order.order_id))


@activity.defn(name=Activity.CHARGE_PAYMENT, no_thread_cancel_exception=True)
def charge_payment(payment: PaymentRef) -> StepTaken:
    """Authorise and capture one payment attempt."""
    outcome = None
    try:
        gateway = payment_gateway()
        with gateway.turn():
            charge = services.begin_payment(payment_id=payment.payment_id)
            outcome = settlement.settle_charge(
                gateway, charge, is_wanted=lambda: selectors.is_charge_wanted(payment.payment_id)
            )
    except OutageError:
        # A cancel does not wait until the gateway can take a charge that nobody wants any more.
        if not services.withdraw_payment(payment_id=payment.payment_id):
            raise
    return StepTaken.model_validate(services.record_payment(payment_id=payment.payment_id, outcome=outcome))


@activity.defn(name=Activity.CREATE_LABEL, no_thread_cancel_exception=True)
def create_label(shipment: ShipmentRef) -> StepTaken:
    """Get the shipment's label; the last one passes the point of no return."""
    outcome = None
    try:
        partner = carrier()
        with partner.turn():
            parcel = services.begin_label(shipment_id=shipment.shipment_id)
            outcome = settlement.request_label(partner, parcel)
    except OutageError:
        if selectors.is_label_wanted(shipment.shipment_id):
            raise
    return StepTaken.model_validate(services.record_label(shipment_id=shipment.shipment_id, outcome=outcome))


@activity.defn(name=Activity.ADVANCE_ORDER, no_thread_cancel_exception=True)
def advance_order(order: OrderAtStep) -> Advanced:
    """Take the steps that need no waiting one after the other, as far as they succeed.

    Each is a service that can be repeated, so a worker that dies between two costs nothing. A step that fails
    raises nothing here: it is named, and the workflow takes it alone, with that step's own retries.
    """
    step, shipment_ids = order.step, order.step.shipment_ids
    with heartbeats() as begin:
        while (calls := _calls(step)) and not activity.is_worker_shutdown():
            for name, call in calls:
                begin(name)
                try:
                    answer = call()
                except Exception as error:  # noqa: BLE001 - taken again alone, where it is looked at
                    logger.warning("%s is taken alone: %s", name, error_text(error, _LONGEST))
                    return Advanced(step=step, shipment_ids=shipment_ids, failed=name)
            if answer.next == step.next:
                return Advanced(step=step, shipment_ids=shipment_ids, failed=name)
            step, shipment_ids = answer, answer.shipment_ids or shipment_ids
    return Advanced(step=step, shipment_ids=shipment_ids)


def _calls(step: StepTaken) -> list[tuple[str, Callable[[], StepTaken]]]:
    """Return the calls of a step that needs no waiting; several labels are made in parallel elsewhere."""
    parcels = [ShipmentRef(shipment_id=shipment_id) for shipment_id in step.shipment_ids]
    if step.next == "charge" and step.payment_id is not None:
        return [(Activity.CHARGE_PAYMENT, partial(charge_payment, PaymentRef(payment_id=step.payment_id)))]
    if step.next == "shipping" and len(parcels) == 1:
        return [(Activity.CREATE_LABEL, partial(create_label, parcels[0]))]
    if step.next == "handover":
        return [(Activity.HAND_OVER_SHIPMENT, partial(hand_over_shipment, parcel)) for parcel in parcels]
    return []


@activity.defn(name=Activity.FAIL_SHIPMENT, no_thread_cancel_exception=True)
def fail_shipment(shipment: ShipmentRef) -> StepTaken:
    """Give the order up for a shipment whose process ended without a result."""
    return StepTaken.model_validate(services.fail_shipment(shipment_id=shipment.shipment_id))


@activity.defn(name=Activity.HAND_OVER_SHIPMENT, no_thread_cancel_exception=True)
def hand_over_shipment(shipment: ShipmentRef) -> StepTaken:
    """Give one parcel to its carrier; the last one completes the order."""
    parcel = services.begin_shipment_handover(shipment_id=shipment.shipment_id)
    if parcel is not None:
        settlement.hand_over_parcel(carrier(), parcel)
    return StepTaken.model_validate(services.record_shipment_handover(shipment_id=shipment.shipment_id))


@activity.defn(name=Activity.CANCEL_ORDER, no_thread_cancel_exception=True)
def cancel_order(order: OrderRef) -> None:
    """Commit a cancel that came from Temporal itself."""
    actor = system_actor(
        OrganizationId(selectors.get_organization_id(order.order_id)), label=AbortReason.TEMPORAL.value
    )
    services.cancel_order(actor=actor, order_id=order.order_id, reason=AbortReason.TEMPORAL)


@activity.defn(name=Activity.VOID_LABEL, no_thread_cancel_exception=True)
def void_label(shipment: ShipmentRef) -> None:
    """Make a label worthless."""
    key = services.begin_void(shipment_id=shipment.shipment_id)
    if key is not None:
        settlement.void_parcel_label(carrier(), key)
    services.record_void(shipment_id=shipment.shipment_id)


@activity.defn(name=Activity.REFUND_PAYMENT, no_thread_cancel_exception=True)
def refund_payment(order: OrderRef) -> None:
    """Pay back in full whatever was captured."""
    charge = services.begin_refund(order_id=order.order_id)
    if charge is None:
        return
    gateway = payment_gateway()
    with gateway.turn():
        outcome = settlement.unwind_charge(gateway, charge)
    services.record_refund(order_id=order.order_id, outcome=outcome)


@activity.defn(name=Activity.RELEASE_STOCK, no_thread_cancel_exception=True)
def release_order_stock(order: OrderRef) -> None:
    """Give the hold back."""
    services.release_order_stock(order_id=order.order_id)


@activity.defn(name=Activity.CLOSE_ORDER, no_thread_cancel_exception=True)
def close_order(order: OrderRef) -> StepTaken:
    """End an order that was given up."""
    return StepTaken.model_validate(services.close_order(order_id=order.order_id))


@activity.defn(name=Activity.PARK_ORDER, no_thread_cancel_exception=True)
def park_order(parked: Parked) -> StepTaken:
    """Mark the order for an operator."""
    failures = tuple(Failure(**failure.model_dump()) for failure in parked.failures)
    step = services.park_order(order_id=parked.order_id, failures=failures, forward=parked.forward)
    return StepTaken.model_validate(step)


@activity.defn(name=Activity.SETTLE_RETRY, no_thread_cancel_exception=True)
def settle_retry(order: OrderRef) -> StepTaken:
    """Look whether the operator asked for a retry."""
    return StepTaken.model_validate(services.settle_retry(order_id=order.order_id))


ACTIVITIES = (
    reserve_order_stock,
    advance_order,
    settle_approval,
    settle_payment,
    charge_payment,
    create_label,
    fail_shipment,
    hand_over_shipment,
    cancel_order,
    void_label,
    refund_payment,
    release_order_stock,
    close_order,
    park_order,
    settle_retry,
)
