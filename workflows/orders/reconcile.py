"""The kinds of drift of orders, and how each is mended by the commands of the app that owns the rows.

Money is never guessed about: what the gateway says decides, and where it says nothing a person does.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from holo.audit.services import record_repair
from holo.common.actor import Actor, OrganizationId, system_actor
from holo.common.errors import OutageError
from inventory.operations import Owner
from inventory.selectors import StockDrift, list_stock_drift
from inventory.services import correct_reserved, release_stray_hold
from orders import services, settlement
from orders.drift import (
    StrayHold,
    Unapplied,
    Unsettled,
    find_states,
    is_unsettled,
    list_stray_holds,
    list_unapplied,
    list_unsettled_payments,
)
from orders.outside import OddAnswerError, OutsideFailedError, payment_gateway
from orders.ports import Charge, ChargeState
from orders.steps import Failure
from orders.subject import SUBJECT_TYPE
from workflows.orders.contracts import OrderStart, order_workflow_id
from workflows.orders.drift import LostOrder, StrayRun, is_running, list_lost_orders, list_stray_runs
from workflows.orders.workflow import OrderFulfilmentWorkflow
from workflows.runtime import client
from workflows.runtime.errors import WorkflowNotFoundError
from workflows.runtime.reconcile import Drift, DriftKind, NotMendedError, Unknown
from workflows.runtime.registry import queue_of

NAME = TASK_QUEUE = "orders"
# A run that belongs to no order belongs to no organisation either.
NOBODY = UUID(int=0)
# Any signal wakes a run, which then reads the rows; the name is for whoever reads its history.
_SIGNALS = {
    "decision": "approval_decided",
    "payment": "payment_requested",
    "cancel": "cancel_requested",
    "retry": "retry_requested",
    "deadline": "payment_requested",
}


def _actor(organization_id: UUID) -> Actor:
    return system_actor(OrganizationId(organization_id), label="reconcile")


# --- Runs -------------------------------------------------------------------------------------------


def _orders_without_run(grace: timedelta) -> Iterator[Drift]:
    for lost in list_lost_orders():
        yield Drift(
            key=str(lost.order.order_id),
            detail=_("%(status)s, its run is %(run)s")
            % {"status": lost.order.status, "run": lost.run_status},
            mend=partial(_start_again, lost),
        )


def _start_again(lost: LostOrder) -> str:
    order_id = lost.order.order_id
    started = client.start_workflow(
        workflow=OrderFulfilmentWorkflow,
        workflow_id=order_workflow_id(order_id),
        task_queue=queue_of(NAME, TASK_QUEUE),
        input=OrderStart(order_id=order_id, at_once=True),
        again=True,
        after_success=lost.run_status == "completed",
    )
    if not started:
        return _("it has come to its end meanwhile")
    _audit_run("orders.run_started_again", order_id, lost.order.organization_id, run=lost.run_status)
    return _("started again")


def _runs_without_order(grace: timedelta) -> Iterator[Drift]:
    return (_ended_run(stray) for stray in list_stray_runs(grace) if stray.order is None)


def _finished_orders_with_run(grace: timedelta) -> Iterator[Drift]:
    return (_ended_run(stray) for stray in list_stray_runs(grace) if stray.order is not None)


def _ended_run(stray: StrayRun) -> Drift:
    detail = (
        _("the order is %(status)s") % {"status": stray.order.status} if stray.order else _("no such order")
    )
    return Drift(key=stray.run.workflow_id, detail=detail, mend=partial(_terminate, stray))


def _terminate(stray: StrayRun) -> str:
    try:
        client.terminate_workflow(workflow_id=stray.run.workflow_id, reason="reconcile: no order under way")
    except WorkflowNotFoundError:
        return _("it has come to its end meanwhile")
    organization_id = stray.order.organization_id if stray.order else NOBODY
    record_repair(
        actor=_actor(organization_id),
        action="orders.run_terminated",
        subject_type="workflows.run",
        subject_id=stray.run.workflow_id[:64],
    )
    return _("terminated")


def _audit_run(action: str, order_id: UUID, organization_id: UUID, **data: object) -> None:
    record_repair(
        actor=_actor(organization_id),
        action=action,
        subject_type=SUBJECT_TYPE,
        subject_id=str(order_id),
        data=data,
    )


# --- Facts that a run was not told of -----------------------------------------------------------------


def _facts_not_applied(grace: timedelta) -> Iterator[Drift]:
    """Only orders with a run: one without is started again, and reads its rows then."""
    for missed in list_unapplied(grace):
        if is_running(missed.order_id):
            yield Drift(key=str(missed.order_id), detail=missed.fact, mend=partial(_wake, missed))


def _wake(missed: Unapplied) -> str:
    client.signal_workflow(workflow_id=order_workflow_id(missed.order_id), signal=_SIGNALS[missed.fact])
    _audit_run("orders.run_woken", missed.order_id, missed.organization_id, fact=missed.fact)
    return _("woken")


# --- Money ------------------------------------------------------------------------------------------


def _payments_not_recorded(grace: timedelta) -> Iterator[Drift | Unknown]:
    for payment in list_unsettled_payments(grace):
        try:
            known = payment_gateway().lookup(_charge(payment))
        except OutageError as error:
            yield from _gateway_silent(payment, str(error))
            continue
        except (OddAnswerError, OutsideFailedError) as error:
            yield Unknown(key=str(payment.payment_id), detail=str(error))
            continue
        # It may have been settled while the gateway was asked.
        if _is_drift(payment, known) and is_unsettled(payment.payment_id):
            yield Drift(
                key=str(payment.payment_id),
                detail=_("%(state)s at the gateway, not recorded")
                % {"state": known.state if known else "absent"},
                mend=_mend_payment(payment, known),
            )


def _charge(payment: Unsettled) -> Charge:
    return Charge(
        key=str(payment.payment_id), token="", amount=payment.amount, submitted_before=payment.submitted
    )


def _is_drift(payment: Unsettled, known: ChargeState | None) -> bool:
    """What the gateway has not ended is still the process's; with the order over it is nobody's."""
    return payment.order_is_over or (known is not None and known.state != "authorised")


def _gateway_silent(payment: Unsettled, reason: str) -> Iterator[Drift | Unknown]:
    """A run that is open asks the gateway itself until it answers; without one a person must know of it."""
    key = str(payment.payment_id)
    if payment.order_is_over or not payment.submitted or is_running(payment.order_id):
        yield Unknown(key=key, detail=reason)
        return
    state = find_states([payment.order_id])[payment.order_id]
    if state.status != "needs_attention":
        yield Drift(key=key, detail=reason, mend=partial(_park, payment, reason))


def _mend_payment(payment: Unsettled, known: ChargeState | None) -> Callable[[], str]:
    if payment.order_is_over or known is None:
        return partial(_give_back, payment)
    return partial(_record, payment, known)


def _record(payment: Unsettled, known: ChargeState) -> str:
    services.recover_payment(
        actor=_actor(payment.organization_id), payment_id=payment.payment_id, outcome=known
    )
    if is_running(payment.order_id):
        client.signal_workflow(workflow_id=order_workflow_id(payment.order_id), signal=_SIGNALS["payment"])
    return _("recorded as %(state)s") % {"state": known.state}


def _give_back(payment: Unsettled) -> str:
    try:
        outcome = settlement.unwind_charge(payment_gateway(), _charge(payment))
    except (OutageError, OddAnswerError, OutsideFailedError) as error:
        raise NotMendedError(str(error)) from error
    if outcome is None and payment.is_fresh:
        raise NotMendedError(_("the gateway does not know of it yet; run this again in an hour"))
    services.close_late_payment(
        actor=_actor(payment.organization_id), payment_id=payment.payment_id, outcome=outcome
    )
    return _("closed as %(state)s") % {"state": outcome.state if outcome else "withdrawn"}


def _park(payment: Unsettled, reason: str) -> str:
    failure = Failure(
        step=f"charge_payment:{payment.payment_id}",
        attempts=1,
        error_code="orders.payment_unknown",
        message=reason,
    )
    services.park_order(order_id=payment.order_id, failures=(failure,))
    _audit_run("orders.order_parked", payment.order_id, payment.organization_id, step=failure.step)
    return _("parked for an operator")


# --- Stock ------------------------------------------------------------------------------------------


def _holds_without_order(grace: timedelta) -> Iterator[Drift]:
    return (_ended_hold(hold) for hold in list_stray_holds() if hold.status is None)


def _holds_past_their_time(grace: timedelta) -> Iterator[Drift]:
    return (_ended_hold(hold) for hold in list_stray_holds() if hold.status is not None)


def _ended_hold(hold: StrayHold) -> Drift:
    detail = _("held for order %(order)s, which is %(status)s") % {
        "order": hold.order_id,
        "status": hold.status or "absent",
    }
    return Drift(key=str(hold.reservation_id), detail=detail, mend=partial(_end_hold, hold))


def _end_hold(hold: StrayHold) -> str:
    actor = _actor(hold.organization_id)
    if hold.status is None:
        ended = release_stray_hold(actor=actor, owner=Owner(owner_type=SUBJECT_TYPE, owner_id=hold.order_id))
    else:
        ended = services.settle_stray_hold(actor=actor, order_id=hold.order_id)
    return _("ended") if ended else _("it has come to its end meanwhile")


def _wrong_counters(grace: timedelta) -> Iterator[Drift]:
    for drift in list_stock_drift(None):
        if drift.reserved != drift.held:
            yield Drift(
                key=str(drift.stock_level_id),
                detail=_("reserved %(reserved)d, held %(held)d")
                % {"reserved": drift.reserved, "held": drift.held},
                mend=partial(_correct, drift),
            )


def _correct(drift: StockDrift) -> str:
    if not correct_reserved(actor=_actor(drift.organization_id), stock_level_id=drift.stock_level_id):
        raise NotMendedError(_("more is held than lies there: the shelf has to be counted"))
    return _("corrected")


# Money first: an order whose payment a person must look into is parked before its run starts again.
DRIFTS = (
    DriftKind(
        name="payment_not_recorded",
        title=lazy("Settled at the gateway, not recorded"),
        find=_payments_not_recorded,
    ),
    DriftKind(name="order_without_run", title=lazy("Order without run"), find=_orders_without_run),
    DriftKind(
        name="fact_not_applied", title=lazy("Decision or payment not applied"), find=_facts_not_applied
    ),
    DriftKind(name="run_without_order", title=lazy("Run without order"), find=_runs_without_order),
    DriftKind(
        name="finished_order_with_run",
        title=lazy("Finished order with an open run"),
        find=_finished_orders_with_run,
    ),
    DriftKind(name="hold_without_order", title=lazy("Hold without order"), find=_holds_without_order),
    DriftKind(name="hold_past_its_time", title=lazy("Hold past its time"), find=_holds_past_their_time),
    DriftKind(name="wrong_counter", title=lazy("Reserved is not what is held"), find=_wrong_counters),
)
