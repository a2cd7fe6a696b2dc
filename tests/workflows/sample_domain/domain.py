"""The sample domain."""

from tests.workflows.sample_domain.activities import backend_pid, refuse, take_step, undo_step
from tests.workflows.sample_domain.contracts import Subject
from tests.workflows.sample_domain.workflow import PidWorkflow, RefusedWorkflow, SampleWorkflow
from workflows.runtime.registry import Domain, Payload, SignalRoute, StartRoute


def _id(payload: Payload) -> str:
    return f"sample-{payload['subject_id']}"


DOMAIN = Domain(
    name="sample",
    task_queue="sample",
    workflows=(SampleWorkflow, PidWorkflow, RefusedWorkflow),
    activities=(take_step, undo_step, refuse, backend_pid),
    routes=(
        StartRoute(
            topic="sample.begun",
            workflow=SampleWorkflow,
            workflow_id=_id,
            input=lambda payload: Subject(subject_id=payload["subject_id"]),
            skip=lambda payload: bool(payload.get("finished")),
        ),
        SignalRoute(
            topic="sample.given_up",
            signal="go_back",
            workflow_id=lambda payload: None if payload.get("foreign") else _id(payload),
        ),
        SignalRoute(topic="sample.retried", signal="retry_requested", workflow_id=_id),
    ),
)
