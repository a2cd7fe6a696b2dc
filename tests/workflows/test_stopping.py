"""A worker process that is told to stop while something hangs ends in its time, and another one goes on."""

import signal
import subprocess
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from pytest_django import Settings
from temporalio.api.enums.v1 import PendingActivityState

from orders.models import Order, Payment
from orders.states import Status
from tests.live import Live, eventually, reaches, worker_process
from tests.orders import hanging
from tests.stories import PHONE, Shop, build_shop
from tests.workflows.sample_domain.contracts import Pid, Subject
from tests.workflows.sample_domain.domain import DOMAIN
from tests.workflows.sample_domain.workflow import PidWorkflow
from tests.workflows.test_runtime import PATIENCE, SAMPLE
from workflows.runtime import client

HANGING = {
    "PAYMENT_GATEWAY": "tests.orders.hanging.HangingGateway",
    "OUTSIDE_SECONDS": "2",
    "STOP_SECONDS": "40",
    "ENABLE_DOMAINS": "orders",
}


def stopped(process: "subprocess.Popen[bytes]") -> tuple[int, float]:
    """Tell the process to stop; return its exit code and how long it took."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    return process.wait(120), time.monotonic() - began


def begun(order: Order) -> bool:
    """Tell whether the gateway is being asked."""
    return Payment.objects.filter(order=order, submitted_at__isnull=False).exists()


@pytest.fixture
def shop(live_relay: Live) -> Shop:
    """A shop."""
    return build_shop()


def test_worker_whose_gateway_hangs_stops_when_the_steps_in_hand_have_given_up(shop: Shop) -> None:
    with worker_process(HANGING) as first:
        order = shop.place(PHONE)
        reaches(order, Status.AWAITING_PAYMENT)
        shop.pay(order, hanging.HANG)
        eventually(lambda: begun(order), what="a charge under way")
        code, seconds = stopped(first)
    assert code == 0
    assert seconds < 30
    # The gateway of the second one knows the key and answers; `hang` is a token that it declines.
    with worker_process({"ENABLE_DOMAINS": "orders"}):
        eventually(lambda: order.payments.filter(state="declined").exists(), what="the charge's end")


@pytest.fixture
def sample(live_relay: Live, settings: Settings) -> Iterator[None]:
    """The sample domain with a client of the test's own."""
    settings.ENABLE_DOMAINS = [SAMPLE]
    client.close()
    yield
    client.close()


def is_in_hand(workflow_id: str) -> bool:
    """Tell whether a worker has begun the run's activity."""
    described = client.call(lambda connected: connected.get_workflow_handle(workflow_id).describe())
    started = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    return any(one.state == started for one in described.raw_description.pending_activities)


def test_step_that_hangs_by_itself_is_left_behind_and_named(
    sample: None, capfd: pytest.CaptureFixture[str]
) -> None:
    workflow_id = f"sample-{uuid4()}"
    client.start_workflow(
        workflow=PidWorkflow,
        workflow_id=workflow_id,
        task_queue=DOMAIN.task_queue,
        input=Subject(subject_id=workflow_id),
    )
    with worker_process({"ENABLE_DOMAINS": SAMPLE, "SAMPLE_HANGS": "1", "STOP_SECONDS": "5"}) as first:
        eventually(lambda: is_in_hand(workflow_id), what="a step in hand")
        code, seconds = stopped(first)
    assert code == 1
    assert 4 < seconds < 15
    assert f"not stopped within 5 s; left in hand: backend_pid of {workflow_id} (" in capfd.readouterr().err
    with worker_process({"ENABLE_DOMAINS": SAMPLE}):
        done = client.workflow_result(workflow_id=workflow_id, result_type=Pid, timeout=PATIENCE)
    assert done.attempt == 2
