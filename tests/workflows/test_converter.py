"""Contracts cross Temporal as they are; what does not fit ends what it was meant for, at once."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError

from holo.stack.temporal_server import TemporalServer
from tests.live import eventually
from tests.workflows.echo_domain.contracts import Leaf, Mode, Tree, example
from tests.workflows.echo_domain.domain import DOMAIN
from tests.workflows.echo_domain.workflow import CarelessWorkflow, EchoWorkflow
from tests.workflows.serving import serving
from workflows.runtime import client
from workflows.runtime.converter import MALFORMED_PAYLOAD

PATIENCE = timedelta(seconds=60)


@pytest.fixture(scope="module", autouse=True)
def _worker(temporal: TemporalServer) -> Iterator[None]:
    client.close()
    with serving(DOMAIN):
        yield
    client.close()


def start(workflow: type, value: object) -> str:
    workflow_id = f"echo-{uuid4()}"
    client.start_workflow(
        workflow=workflow, workflow_id=workflow_id, task_queue=DOMAIN.task_queue, input=value
    )
    return workflow_id


def failure_of(workflow_id: str) -> BaseException | None:
    with pytest.raises(WorkflowFailureError) as raised:
        client.workflow_result(workflow_id=workflow_id, result_type=object, timeout=PATIENCE)
    return raised.value.cause


def test_values_of_every_kind_come_back_as_they_were() -> None:
    workflow_id = start(EchoWorkflow, example())
    found = client.workflow_result(workflow_id=workflow_id, result_type=Tree, timeout=PATIENCE)
    assert found == example()
    assert str(found.leaves[1].amount) == "0.10"
    assert found.at.utcoffset() == timedelta(0)
    assert found.missing is None
    assert found.leaf.colour is example().leaf.colour


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({**example().model_dump(mode="json"), "id": "secret-value"}, "id: uuid_parsing"),
        ({**example().model_dump(mode="json"), "named": {"a": [{}]}}, "named/a/0/amount: missing"),
        ("no tree", "value: model_"),
        (None, "value: model_"),
    ],
)
def test_malformed_input_fails_the_workflow_at_once(value: object, says: str) -> None:
    failure = failure_of(start(EchoWorkflow, value))
    assert isinstance(failure, ApplicationError)
    assert failure.type == MALFORMED_PAYLOAD
    assert failure.non_retryable
    assert says in failure.message
    assert "secret-value" not in str(failure)


@pytest.mark.parametrize("mode", [Mode.WRONG_ARGUMENT, Mode.WRONG_RESULT])
def test_malformed_payload_of_an_activity_is_not_tried_again(mode: Mode) -> None:
    failure = failure_of(start(CarelessWorkflow, mode))
    if isinstance(failure, ActivityError):
        failure = failure.cause
    assert isinstance(failure, ApplicationError)
    assert failure.type == MALFORMED_PAYLOAD
    assert "secret-value" not in str(failure)


def test_malformed_signal_is_left_out_and_the_run_goes_on() -> None:
    workflow_id = start(EchoWorkflow, example())
    client.signal_workflow(workflow_id=workflow_id, signal="tell", payload={"amount": "much"})
    eventually(lambda: _is_over(workflow_id), what="the end")

    async def told(connected: Client) -> Leaf | None:
        handle = connected.get_workflow_handle_for(EchoWorkflow.run, workflow_id)
        found: Leaf | None = await handle.query(EchoWorkflow.told)
        return found

    assert client.call(told) is None


def _is_over(workflow_id: str) -> bool:
    found = client.find_workflow(workflow_id=workflow_id)
    return found is not None and found.status == "COMPLETED"
