"""Mending an order whose rows were left behind by its process: used by `reconcile` alone, always audited."""

from uuid import UUID

from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.clock import database_now
from holo.idempotency.commands import command
from inventory.operations import consume_reservation, release_reservation
from inventory.selectors import has_consumed
from orders.locks import lock_order, lock_payment
from orders.models import Order, Payment
from orders.operations import record_event
from orders.ports import ChargeState
from orders.states import ENDS_OF_ABORT, Status
from orders.subject import SUBJECT_TYPE, owner_of

State = Payment.State


@command
def settle_stray_hold(*, actor: Actor, order_id: UUID) -> bool:
    """End what an order that is over still holds; False if it holds nothing or is not over.

    The goods of a completed order have left, so its hold is consumed unless one was; any other is released.
    Idempotent by rows. Locks the order, then stock rows.
    """
    order = lock_order(order_id)
    if not order.is_terminal:
        return False
    owner = owner_of(order)
    if order.status == Status.COMPLETED and not has_consumed(owner):
        consume_reservation(owner=owner, actor_label=actor.reference)
        ended = "consumed"
    elif release_reservation(owner=owner):
        ended = "released"
        _tell_release(order, actor)
    else:
        return False
    record_audit(
        actor=actor,
        action="orders.stray_hold_ended",
        subject_type=SUBJECT_TYPE,
        subject_id=order.pk,
        data={"ended": ended},
    )
    return True


def _tell_release(order: Order, actor: Actor) -> None:
    """Tell the timeline that the order's own hold was undone, once; a hold too many is not in it."""
    if order.status in ENDS_OF_ABORT and not order.events.filter(kind="stock_released").exists():
        record_event(order, "stock_released", actor=actor)


@command
def close_late_payment(*, actor: Actor, payment_id: UUID, outcome: ChargeState | None) -> bool:
    """Write how an attempt ended that outlived its order, after the gateway gave back what it had.

    `outcome` is the gateway's last word, None if it never heard of the attempt. False if the attempt has an
    outcome already. Idempotent by the payment's state. Locks the order.
    """
    order, payment = lock_payment(payment_id)
    if payment.state != State.REQUESTED:
        return False
    fields, kinds = _ending(payment, outcome)
    payment.save(update_fields=["state", *fields])
    data = {"payment_id": str(payment.pk), "amount": payment.amount.as_wire()}
    for kind in kinds:
        record_event(order, kind, actor=actor, data=data)
    record_audit(
        actor=actor,
        action="orders.late_payment_closed",
        subject_type=SUBJECT_TYPE,
        subject_id=order.pk,
        data={"payment_id": str(payment.pk), "state": payment.state},
    )
    return True


def _ending(payment: Payment, outcome: ChargeState | None) -> tuple[list[str], list[str]]:
    """Set what the outcome means; return the fields that changed and the events to tell."""
    if outcome is None or outcome.state == "voided":
        payment.state = State.WITHDRAWN
        return [], ["payment_withdrawn"]
    payment.gateway_reference = outcome.reference
    if outcome.state == "refunded":
        payment.state = State.REFUNDED
        payment.captured_at = payment.refunded_at = database_now()
        return ["gateway_reference", "captured_at", "refunded_at"], ["payment_captured", "payment_refunded"]
    assert outcome.state == "declined", "what was captured or authorised has been given back before"
    payment.state, payment.decline_code = State.DECLINED, outcome.decline_code
    return ["gateway_reference", "decline_code"], ["payment_declined"]
