"""The domain of users: its queue, code, and the committed messages that start and wake it."""

from uuid import UUID

from holo.identity.events import USER_CHANGE_CANCEL_REQUESTED, USER_CHANGE_REQUESTED
from holo.identity.selectors import is_user_change_over
from workflows.runtime.registry import Domain, Payload, SignalRoute, StartRoute
from workflows.users.activities import ACTIVITIES
from workflows.users.contracts import ChangeRef
from workflows.users.reconcile import DRIFTS, NAME, RULES, TASK_QUEUE, input_of
from workflows.users.workflow import UserWorkflow


def _workflow_id(payload: Payload) -> str:
    return str(payload["workflow_id"])


def _input(payload: Payload) -> ChangeRef:
    return input_of(UUID(payload["change_id"]), _workflow_id(payload).split("-")[1])


DOMAIN = Domain(
    name=NAME,
    task_queue=TASK_QUEUE,
    workflows=(UserWorkflow,),
    activities=ACTIVITIES,
    routes=(
        StartRoute(
            topic=USER_CHANGE_REQUESTED,
            workflow=UserWorkflow,
            workflow_id=_workflow_id,
            input=_input,
            skip=lambda payload: is_user_change_over(UUID(payload["change_id"])),
        ),
        SignalRoute(topic=USER_CHANGE_CANCEL_REQUESTED, signal="cancel", workflow_id=_workflow_id),
    ),
    rules=RULES,
    drifts=DRIFTS,
)
