"""Every way an order can go, played on a running relay and worker: how to bring it there, and how it ends.

The replay corpus holds one history of each; the crash matrix plays some of them with a worker that dies.
"""

import re
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from django.db import transaction
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.workflowservice.v1 import RespondActivityTaskFailedByIdRequest
from temporalio.client import Client

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from orders import services
from orders.models import Order, OrderAbort, SandboxCharge, SandboxFault
from orders.sandbox.faults import ANY_KEY
from orders.states import Status
from tests.live import eventually, reaches, run_status
from tests.stories import EAST_ONLY, MAC, PHONE, SOUTH_ONLY, Shop
from workflows.orders.contracts import Activity, OrderRef, order_workflow_id, shipment_workflow_id
from workflows.orders.domain import DOMAIN
from workflows.orders.workflow import OrderFulfilmentWorkflow
from workflows.runtime import client
from workflows.runtime.errors import WorkflowNotFoundError
from workflows.runtime.policies import GIVEN_UP

APPROVE, REJECT = ApprovalDecision.Verdict.APPROVE, ApprovalDecision.Verdict.REJECT
# Long enough for a killed worker's step to be given to another one.
PATIENCE = 180.0
# Written in the reason of decisions, where it must not leave the database.
REASON = "as agreed with Mrs Zhang on the phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One way: `play` brings an order onto it, and it then goes on by itself to its `end`."""

    play: Callable[[Shop], Order]
    end: Status


def until(order: Order, status: Status) -> None:
    """Wait until the order is in `status`."""
    reaches(order, status, within=PATIENCE)


def decide_about(shop: Shop, order: Order, verdict: ApprovalDecision.Verdict) -> None:
    """Decide as the auditor."""
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    decide(actor=shop.auditor_actor, request_id=request.pk, verdict=verdict, reason=REASON)


def _paid(shop: Shop, *skus: str, carrier: str = "ok") -> Order:
    order = shop.place(*skus, carrier=carrier)
    until(order, Status.AWAITING_PAYMENT)
    shop.pay(order)
    return order


def _paid_with_order(shop: Shop, sku: str) -> Order:
    order = shop.place(sku, payment_token="tok_ok")
    if sku == MAC:
        decide_about(shop, order, APPROVE)
    return order


def _decided(shop: Shop, verdict: ApprovalDecision.Verdict) -> Order:
    order = shop.place(MAC)
    until(order, Status.AWAITING_APPROVAL)
    decide_about(shop, order, verdict)
    if verdict == APPROVE:
        until(order, Status.AWAITING_PAYMENT)
        shop.pay(order)
    return order


def _declined(shop: Shop, *, attempts: int) -> Order:
    order = shop.place(PHONE)
    until(order, Status.AWAITING_PAYMENT)
    for attempt in range(1, attempts + 1):
        shop.pay(order, "tok_declined")
        eventually(partial(_count, order, "declined", attempt), within=PATIENCE, what=f"decline {attempt}")
    return order


def _declined_once(shop: Shop) -> Order:
    order = _declined(shop, attempts=1)
    shop.pay(order)
    return order


def _count(order: Order, state: str, wanted: int) -> bool:
    return order.payments.filter(state=state).count() == wanted


def _cancelled(
    shop: Shop, *, sku: str, waits_as: Status, token: str = "", by_temporal: bool = False
) -> Order:
    order = shop.place(sku)
    until(order, waits_as)
    if token:
        payment = shop.pay(order, token)
        eventually(
            lambda: SandboxCharge.objects.filter(pk=str(payment)).exists(), within=PATIENCE, what="the charge"
        )
    if by_temporal:
        eventually(lambda: run_status(order) == "RUNNING", within=PATIENCE, what="the run")
        client.cancel_workflow(workflow_id=order_workflow_id(order.pk))
    else:
        services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    return order


@contextmanager
def outage(operation: str, *, lasting: bool = False) -> Iterator[None]:
    """Let the sandbox fail at an operation until the block ends; `lasting` makes it a refusal."""
    fault = SandboxFault.objects.create(key=ANY_KEY, operation=operation, remaining=-1, lasting=lasting)
    try:
        yield
    finally:
        fault.delete()


def _retry(shop: Shop, order: Order) -> None:
    services.request_retry(actor=shop.seller_actor, order_id=order.pk)


def _parked_refund(shop: Shop) -> Order:
    with outage("refund", lasting=True):
        order = _paid(shop, PHONE, carrier="fail")
        until(order, Status.NEEDS_ATTENTION)
    _retry(shop, order)
    return order


def _parked_handover(shop: Shop, skus: Sequence[str], *, cancelled_meanwhile: bool = False) -> Order:
    with outage("hand_over", lasting=True):
        order = _paid(shop, *skus)
        until(order, Status.NEEDS_ATTENTION)
        if cancelled_meanwhile:
            client.cancel_workflow(workflow_id=order_workflow_id(order.pk))
            eventually(lambda: _has_marker(order, Activity.CANCEL_ORDER), what="the refused cancel")
    _retry(shop, order)
    return order


def _has_marker(order: Order, activity: str) -> bool:
    """Tell whether a local activity has run, from the run's history."""
    return activity in payloads_of(client.fetch_history(workflow_id=order_workflow_id(order.pk)))


def _parcel_ended_by_hand(shop: Shop) -> Order:
    """The operator terminates the process of one parcel, whose carrier does not answer."""
    with outage("create_label"):
        order = _paid(shop, EAST_ONLY, SOUTH_ONLY)
        eventually(lambda: order.shipments.count() == 2, within=PATIENCE, what="the shipments")
        eventually(lambda: child_of(order), within=PATIENCE, what="the parcel's run")
        client.terminate_workflow(workflow_id=child_of(order), reason="ended by hand")
        # Until then: an attempt in flight would make the label of a parcel without a process after all.
        eventually(lambda: _is_aborted(order), within=PATIENCE, what="the abort")
    return order


def child_of(order: Order) -> str:
    """Return the workflow id of the one parcel of two that has a run of its own; empty while it has none."""
    ids = [shipment_workflow_id(shipment.pk) for shipment in order.shipments.all()]
    return next((id_ for id_ in ids if client.find_workflow(workflow_id=id_)), "")


def _is_aborted(order: Order) -> bool:
    return OrderAbort.objects.filter(order=order).exists()


def _label_ended_by_hand(shop: Shop, *, child: bool = False, type_: str = "ended_by_hand") -> Order:
    """The label of the order's own run, or of its child, fails for good; the other one is made meanwhile."""
    with outage("create_label"):
        order = _paid(shop, EAST_ONLY, SOUTH_ONLY)
        eventually(lambda: order.shipments.count() == 2, within=PATIENCE, what="the shipments")
        eventually(lambda: child_of(order), within=PATIENCE, what="the parcel's run")
        run = child_of(order) if child else order_workflow_id(order.pk)
        with transaction.atomic():
            # An attempt that waits for the lock is one that can be failed; a planned one cannot.
            Order.objects.select_for_update().get(pk=order.pk)
            eventually(lambda: _fail_activity(run, Activity.CREATE_LABEL, type_), what="the label")
    until(order, Status.NEEDS_ATTENTION)
    _retry(shop, order)
    return order


def parked_charge(shop: Shop) -> Order:
    """The operator fails a charge while the gateway does not answer; it is parked."""
    order = shop.place(PHONE)
    until(order, Status.AWAITING_PAYMENT)
    run = order_workflow_id(order.pk)
    with outage("authorise"):
        shop.pay(order)
        sent = order.payments.filter(submitted_at__isnull=False)
        eventually(sent.exists, within=PATIENCE, what="a first attempt")
        with transaction.atomic():
            # An attempt that waits for the lock is one that can be failed; a planned one cannot.
            Order.objects.select_for_update().get(pk=order.pk)
            eventually(
                lambda: _fail_activity(run, Activity.CHARGE_PAYMENT), within=PATIENCE, what="the charge"
            )
        # The attempt that was failed goes on in its thread, and must find no gateway.
        until(order, Status.NEEDS_ATTENTION)
        time.sleep(0.5)
    return order


def _taken_alone(shop: Shop, operation: str) -> Order:
    """One call outside fails once, so that its step is taken alone."""
    SandboxFault.objects.update_or_create(key=ANY_KEY, operation=operation, defaults={"remaining": 1})
    return _paid(shop, PHONE)


def _steps_ended_by_hand(shop: Shop) -> Order:
    """The operator fails the activity that takes the steps at once, in the middle of its charge."""
    order = shop.place(PHONE, payment_token="tok_slow")
    run = order_workflow_id(order.pk)
    eventually(lambda: _fail_activity(run, Activity.ADVANCE_ORDER), within=PATIENCE, what="the steps")
    return order


def _charge_ended_by_hand(shop: Shop) -> Order:
    order = parked_charge(shop)
    _retry(shop, order)
    return order


def _restarted_while_parked(shop: Shop) -> Order:
    """The run of a parked order is lost; a new one waits for the same operator."""
    order = parked_charge(shop)
    workflow_id = order_workflow_id(order.pk)
    client.terminate_workflow(workflow_id=workflow_id, reason="lost")
    client.start_workflow(
        workflow=OrderFulfilmentWorkflow,
        workflow_id=workflow_id,
        task_queue=DOMAIN.task_queue,
        input=OrderRef(order_id=order.pk),
        again=True,
    )
    eventually(lambda: _has_marker(order, Activity.SETTLE_RETRY), within=PATIENCE, what="the wait")
    _retry(shop, order)
    return order


def _fail_activity(workflow_id: str, activity: str, type_: str = "ended_by_hand") -> bool:
    """Fail the activity of the run that is at work for good; False while there is none."""

    async def fail(temporal: Client) -> bool:
        found = await temporal.get_workflow_handle(workflow_id).describe()
        pending = [
            pending
            for pending in found.raw_description.pending_activities
            if pending.activity_type.name == activity
            and pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
        ]
        if not pending:
            return False
        info = ApplicationFailureInfo(type=type_, non_retryable=True)
        await temporal.workflow_service.respond_activity_task_failed_by_id(
            RespondActivityTaskFailedByIdRequest(
                namespace=temporal.namespace,
                workflow_id=workflow_id,
                activity_id=pending[0].activity_id,
                failure=Failure(message="ended by hand", application_failure_info=info),
            )
        )
        return True

    try:
        return client.call(fail)
    except WorkflowNotFoundError:
        # The attempt has ended between the two calls.
        return False


def payloads_of(history: str) -> str:
    """Return a history's JSON with its payloads decoded, for they are in base64 there."""
    return re.sub(r'"data": ?"([^"]*)"', lambda match: b64decode(match[1]).decode(errors="replace"), history)


_PHONE_IN_WAIT = partial(_cancelled, sku=PHONE, waits_as=Status.AWAITING_PAYMENT)

BRANCHES: Mapping[str, Branch] = {
    "paid": Branch(play=lambda shop: _paid(shop, PHONE), end=Status.COMPLETED),
    "two-parcels": Branch(play=lambda shop: _paid(shop, EAST_ONLY, SOUTH_ONLY), end=Status.COMPLETED),
    "paid-with-the-order": Branch(play=partial(_paid_with_order, sku=PHONE), end=Status.COMPLETED),
    "approved-after-it-was-paid": Branch(play=partial(_paid_with_order, sku=MAC), end=Status.COMPLETED),
    "approved": Branch(play=partial(_decided, verdict=APPROVE), end=Status.COMPLETED),
    "rejected": Branch(play=partial(_decided, verdict=REJECT), end=Status.REJECTED),
    "undecided": Branch(play=lambda shop: shop.place(MAC, approval_deadline_seconds=1), end=Status.CANCELLED),
    "unpaid": Branch(play=lambda shop: shop.place(PHONE, payment_deadline_seconds=1), end=Status.CANCELLED),
    "declined-once": Branch(play=_declined_once, end=Status.COMPLETED),
    "declined-for-good": Branch(play=partial(_declined, attempts=3), end=Status.PAYMENT_FAILED),
    "out-of-stock": Branch(
        play=lambda shop: shop.place_without_hold(PHONE, quantity=1000), end=Status.OUT_OF_STOCK
    ),
    "refused-parcel": Branch(play=lambda shop: _paid(shop, PHONE, carrier="fail"), end=Status.REFUNDED),
    "one-of-two-parcels-refused": Branch(
        play=lambda shop: _paid(shop, EAST_ONLY, SOUTH_ONLY, carrier="fail"), end=Status.REFUNDED
    ),
    "cancelled-before-approval": Branch(
        play=partial(_cancelled, sku=MAC, waits_as=Status.AWAITING_APPROVAL), end=Status.CANCELLED
    ),
    "cancelled-before-payment": Branch(play=_PHONE_IN_WAIT, end=Status.CANCELLED),
    "cancelled-while-charging": Branch(play=partial(_PHONE_IN_WAIT, token="tok_slow"), end=Status.CANCELLED),
    "cancelled-in-temporal": Branch(play=partial(_PHONE_IN_WAIT, by_temporal=True), end=Status.CANCELLED),
    "cancelled-in-temporal-too-late": Branch(
        play=partial(_parked_handover, skus=(PHONE,), cancelled_meanwhile=True), end=Status.COMPLETED
    ),
    "refund-parked": Branch(play=_parked_refund, end=Status.REFUNDED),
    "handover-parked": Branch(
        play=partial(_parked_handover, skus=(EAST_ONLY, SOUTH_ONLY)), end=Status.COMPLETED
    ),
    "parcel-ended-by-hand": Branch(play=_parcel_ended_by_hand, end=Status.REFUNDED),
    "label-ended-by-hand": Branch(play=_label_ended_by_hand, end=Status.COMPLETED),
    "childs-label-given-up": Branch(
        play=partial(_label_ended_by_hand, child=True, type_=GIVEN_UP), end=Status.COMPLETED
    ),
    "charge-ended-by-hand": Branch(play=_charge_ended_by_hand, end=Status.COMPLETED),
    "charge-taken-alone": Branch(play=partial(_taken_alone, operation="authorise"), end=Status.COMPLETED),
    "label-taken-alone": Branch(play=partial(_taken_alone, operation="create_label"), end=Status.COMPLETED),
    "steps-ended-by-hand": Branch(play=_steps_ended_by_hand, end=Status.COMPLETED),
    "restarted-while-parked": Branch(play=_restarted_while_parked, end=Status.COMPLETED),
}
