"""The domain of orders: its queue, code, and the committed messages that start and wake it."""

from uuid import UUID

from orders import events, selectors
from orders.subject import SUBJECT_TYPE
from workflows.orders.activities import ACTIVITIES
from workflows.orders.contracts import OrderStart, order_workflow_id
from workflows.orders.reconcile import DRIFTS, NAME, TASK_QUEUE
from workflows.orders.verify import RULES
from workflows.orders.workflow import OrderFulfilmentWorkflow, ShipmentWorkflow
from workflows.runtime.registry import Domain, Payload, SignalRoute, StartRoute


def _order(payload: Payload) -> str:
    return order_workflow_id(payload["order_id"])


def _subject(payload: Payload) -> str | None:
    if payload["subject_type"] != SUBJECT_TYPE:
        return None
    return order_workflow_id(payload["subject_id"])


DOMAIN = Domain(
    name=NAME,
    task_queue=TASK_QUEUE,
    workflows=(OrderFulfilmentWorkflow, ShipmentWorkflow),
    activities=ACTIVITIES,
    routes=(
        StartRoute(
            topic=events.ORDER_PLACED,
            workflow=OrderFulfilmentWorkflow,
            workflow_id=_order,
            input=lambda payload: OrderStart(
                order_id=UUID(payload["order_id"]), first=payload.get("first"), at_once=True
            ),
            skip=lambda payload: selectors.is_finished(UUID(payload["order_id"])),
        ),
        SignalRoute(topic=events.PAYMENT_REQUESTED, signal="payment_requested", workflow_id=_order),
        SignalRoute(topic=events.CANCEL_REQUESTED, signal="cancel_requested", workflow_id=_order),
        SignalRoute(topic=events.RETRY_REQUESTED, signal="retry_requested", workflow_id=_order),
        SignalRoute(topic="approvals.approval_decided", signal="approval_decided", workflow_id=_subject),
    ),
    rules=RULES,
    drifts=DRIFTS,
)
