"""Whole runs that are sealed, on the real server: nothing to read in them, all else as before."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from uuid import uuid4

import pytest
from django.conf import settings
from temporalio.api.failure.v1 import ApplicationFailureInfo
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from holo.common.context import bound
from holo.secretstore.keyring import make_entry, parse_keyring
from holo.stack.temporal_server import TemporalServer
from orders.states import Status
from tests.branches import payloads_of
from tests.live import Live, ends, eventually, reaches, worker_process
from tests.replay.corpus import recorded
from tests.stories import EAST_ONLY, SOUTH_ONLY, build_shop
from tests.workflows.echo_domain.contracts import Leaf, Tree, example
from tests.workflows.echo_domain.domain import DOMAIN as ECHO
from tests.workflows.echo_domain.workflow import EchoWorkflow
from tests.workflows.payloads import history_of, payloads_in, readable_in
from tests.workflows.pizza import open_kitchen, pizza_data, position
from tests.workflows.sample_domain.activities import CONTEXT, FAILING
from tests.workflows.sample_domain.contracts import Done, Subject
from tests.workflows.sample_domain.domain import DOMAIN as SAMPLE
from tests.workflows.sample_domain.workflow import SampleWorkflow
from tests.workflows.serving import serving
from tests.workflows.test_converter import PATIENCE
from tests.workflows.test_workflow_command import run
from workflows.hello.domain import DOMAIN as HELLO
from workflows.orders.contracts import order_workflow_id
from workflows.orders.domain import DOMAIN as ORDERS
from workflows.pizza.contracts import Status as PizzaStatus
from workflows.runtime import client
from workflows.runtime.converter import data_converter
from workflows.runtime.errors import PayloadUnreadableError
from workflows.runtime.history import follow
from workflows.runtime.registry import Domain
from workflows.runtime.sealing import KEY_ID
from workflows.runtime.worker import workflow_runner

OLD, NEW = make_entry("t1"), make_entry("t2")


@contextmanager
def ring(text: str, *, accept_plain: bool = False) -> Iterator[None]:
    """Be a process with this ring, with a client of its own."""
    before = settings.TEMPORAL_KEYRING
    client.close()
    settings.TEMPORAL_KEYRING, settings.TEMPORAL_ACCEPT_PLAIN = parse_keyring(text), accept_plain
    try:
        yield
    finally:
        client.close()
        settings.TEMPORAL_KEYRING, settings.TEMPORAL_ACCEPT_PLAIN = before, False


@pytest.fixture(scope="module", autouse=True)
def _sealed(temporal: TemporalServer) -> Iterator[None]:
    """All of this module has the old key, but for what says otherwise."""
    with ring(OLD):
        yield


def start(domain: Domain, workflow: type, value: object) -> str:
    workflow_id = f"sealed-{uuid4()}"
    client.start_workflow(
        workflow=workflow, workflow_id=workflow_id, task_queue=domain.task_queue, input=value
    )
    return workflow_id


def nothing_to_read(workflow_id: str) -> None:
    history = history_of(workflow_id)
    assert readable_in(history) == []
    assert len(list(payloads_in(history))) > 1


# --- Nothing to read, everything as before -----------------------------------------------------------


@pytest.mark.parametrize("sandboxed", [True, False], ids=["sandbox", "no sandbox"])
def test_run_of_every_kind_of_call_is_sealed(sandboxed: bool) -> None:
    """Input, signal, query, activities of both kinds, results."""
    told = Leaf(amount=example().leaf.amount, colour=example().leaf.colour, note="told")
    with serving(ECHO, sandboxed=sandboxed):
        workflow_id = start(ECHO, EchoWorkflow, example())
        client.signal_workflow(workflow_id=workflow_id, signal="tell", payload=told)
        found = client.workflow_result(workflow_id=workflow_id, result_type=Tree, timeout=PATIENCE)

        async def ask(connected: Client) -> Leaf | None:
            handle = connected.get_workflow_handle_for(EchoWorkflow.run, workflow_id)
            answer: Leaf | None = await handle.query(EchoWorkflow.told)
            return answer

        assert client.call(ask) in (told, None)
    assert found == example()
    nothing_to_read(workflow_id)


def test_control_without_a_ring_the_same_run_can_be_read() -> None:
    with ring(""), serving(ECHO):
        workflow_id = start(ECHO, EchoWorkflow, example())
        client.workflow_result(workflow_id=workflow_id, result_type=Tree, timeout=PATIENCE)
        assert any(str(example().id) in text for text in readable_in(history_of(workflow_id)))


def test_history_of_an_order_can_be_read_by_nobody(live: Live) -> None:
    """By relay, local activities, a child workflow and timers."""
    shop = build_shop()
    with bound(request_id="req-sealed"):
        order = shop.place(EAST_ONLY, SOUTH_ONLY)
    reaches(order, Status.AWAITING_PAYMENT)
    shop.pay(order)
    ends(order, Status.COMPLETED)
    workflow_id = order_workflow_id(order.pk)
    nothing_to_read(workflow_id)
    assert "awaiting_payment" not in payloads_of(client.fetch_history(workflow_id=workflow_id))
    text, code, _ = run("workflow", "show", workflow_id)
    assert code == 0
    assert '"status":"awaiting_payment"' in text


def test_pizza_that_fails_and_is_cancelled_is_sealed_with_its_errors() -> None:
    with open_kitchen() as kitchen:
        kitchen.failing |= {"refund": 2, "send": 100}
        workflow_id = kitchen.start(baking_seconds=3600)
        eventually(lambda: position(workflow_id) == "baking", what="the oven")
        client.signal_workflow(workflow_id=workflow_id, signal="cancel")
        assert kitchen.outcome(workflow_id).status is PizzaStatus.CANCELLED
    nothing_to_read(workflow_id)
    shown = [f"{step.name} {step.detail}" for step in follow(workflow_id=workflow_id)]
    assert "notify_customer send does not answer (ConnectionError)" in shown
    assert any(line.startswith('calculate_bill {"total_minor":') for line in shown)


def test_run_from_the_command_line_is_sealed_and_shown_opened(live: Live) -> None:
    order = json.dumps(pizza_data(order_id=f"order-{uuid4().hex[:12]}"))
    text, code, _ = run("workflow", "start", "pizza", "--input", "-", "--json", stdin=order)
    told = json.loads(text)
    assert (code, told["result"]["total"]) == (0, "40.00 CNY")
    assert '"total_minor":4000' in text.replace("\\", "")
    nothing_to_read(told["workflow_id"])


def test_parked_failure_keeps_its_words_and_the_request_its_id() -> None:
    """What workflow code reads of an error is the opened text."""
    subject = str(uuid4())
    FAILING.add((subject, "second"))
    with serving(SAMPLE):
        with bound(request_id="req-7"):
            workflow_id = start(SAMPLE, SampleWorkflow, Subject(subject_id=subject))
        client.signal_workflow(workflow_id=workflow_id, signal="go_back")
        eventually(lambda: _parked(workflow_id), what="the failure")
        FAILING.remove((subject, "second"))
        client.signal_workflow(workflow_id=workflow_id, signal="retry_requested")
        done = client.workflow_result(workflow_id=workflow_id, result_type=Done, timeout=PATIENCE)
    (failure,) = done.rounds[0]
    assert (failure.error_code, failure.message) == ("ConnectionError", "the other side is away")
    assert CONTEXT[subject]["request_id"] == "req-7"
    nothing_to_read(workflow_id)


def _parked(workflow_id: str) -> object:
    async def ask(connected: Client) -> object:
        handle = connected.get_workflow_handle_for(SampleWorkflow.run, workflow_id)
        return await handle.query(SampleWorkflow.parked)

    return client.call(ask)


@pytest.mark.parametrize("sandbox", ["0", "1"])
def test_worker_process_takes_the_ring_from_its_environment(sandbox: str) -> None:
    queue = f"hello-{uuid4()}"
    environment = {
        "DJANGO_SETTINGS_MODULE": "holo.settings",
        "TASK_QUEUES": f"hello={queue}",
        "TEMPORAL_KEYRING": OLD,
        "WORKER_SANDBOX": sandbox,
    }
    with worker_process(environment, domain="hello"):
        workflow_id = start(replace(HELLO, task_queue=queue), HELLO.workflows[0], {"name": "you"})
        greeting = client.workflow_result(workflow_id=workflow_id, result_type=str, timeout=PATIENCE)
    assert greeting == "Hello, you!"
    nothing_to_read(workflow_id)


def test_malformed_input_still_fails_at_once_and_says_why() -> None:
    with serving(ECHO):
        workflow_id = start(ECHO, EchoWorkflow, "no tree")
        eventually(
            lambda: "value: model_type (malformed_payload)" in run("workflow", "show", workflow_id)[0],
            what="the failure",
        )
    nothing_to_read(workflow_id)


# --- Histories of before -----------------------------------------------------------------------------


@pytest.mark.parametrize("sandboxed", [True, False], ids=["sandbox", "no sandbox"])
def test_history_of_before_there_was_a_ring_replays_with_one(sandboxed: bool) -> None:
    for history in recorded().values():
        assert _replayed(ORDERS, history, OLD, sandboxed=sandboxed, accept_plain=True) is None


def test_sealed_history_replays_with_its_key_alone() -> None:
    with serving(ECHO):
        workflow_id = start(ECHO, EchoWorkflow, example())
        client.workflow_result(workflow_id=workflow_id, result_type=Tree, timeout=PATIENCE)
    history = WorkflowHistory.from_json(workflow_id, client.fetch_history(workflow_id=workflow_id))
    assert _replayed(ECHO, history, f"{NEW},{OLD}") is None
    assert "workflows.payload_unreadable" in str(_replayed(ECHO, history, NEW))


def _replayed(
    domain: Domain,
    history: WorkflowHistory,
    text: str,
    *,
    sandboxed: bool = True,
    accept_plain: bool = False,
) -> Exception | None:
    replayer = Replayer(
        workflows=domain.workflows,
        workflow_runner=workflow_runner(domain, sandboxed=sandboxed),
        data_converter=data_converter(parse_keyring(text), accept_plain=accept_plain),
    )
    found = asyncio.run(replayer.replay_workflow(history, raise_on_replay_failure=False))
    return found.replay_failure


def test_run_that_began_without_a_ring_goes_on_with_one() -> None:
    subject = str(uuid4())
    with ring(""), serving(SAMPLE):
        workflow_id = start(SAMPLE, SampleWorkflow, Subject(subject_id=subject))
        eventually(lambda: subject in CONTEXT, what="the first step")
    with ring(OLD, accept_plain=True), serving(SAMPLE):
        client.signal_workflow(workflow_id=workflow_id, signal="go_back")
        done = client.workflow_result(workflow_id=workflow_id, result_type=Done, timeout=PATIENCE)
    assert done == Done(rounds=((),), cancelled=False)


def test_run_that_somebody_without_a_key_starts_does_nothing() -> None:
    subject = str(uuid4())
    with ring(""):
        workflow_id = start(SAMPLE, SampleWorkflow, Subject(subject_id=subject))
    with serving(SAMPLE):
        eventually(lambda: "workflows.payload_unreadable" in _failed_task(workflow_id), what="the refusal")
    assert subject not in CONTEXT


def _failed_task(workflow_id: str) -> str:
    events = history_of(workflow_id).events
    return "".join(str(event.workflow_task_failed_event_attributes.failure) for event in events)


# --- Keys --------------------------------------------------------------------------------------------


def test_keys_are_exchanged_under_open_runs() -> None:
    """Begun under the old key, ended under the new one; the old one is needed as long as it is there."""
    with serving(SAMPLE):
        workflow_id = start(SAMPLE, SampleWorkflow, Subject(subject_id=str(uuid4())))
        eventually(lambda: len(history_of(workflow_id).events) > 4, what="the first steps")
    with ring(f"{NEW},{OLD}"):
        with serving(SAMPLE):
            client.signal_workflow(workflow_id=workflow_id, signal="go_back")
            done = client.workflow_result(workflow_id=workflow_id, result_type=Done, timeout=PATIENCE)
        assert done == Done(rounds=((),), cancelled=False)
        used = {payload.metadata.get(KEY_ID) for payload in payloads_in(history_of(workflow_id))}
        assert {b"t1", b"t2"} <= used
        assert run("workflow", "show", workflow_id)[1] == 0
    with pytest.raises(PayloadUnreadableError, match="the key t2"):
        client.workflow_result(workflow_id=workflow_id, result_type=Done, timeout=PATIENCE)


def test_runs_stand_still_until_their_worker_has_the_key() -> None:
    """Nothing ends by a mistake with keys: the task is tried again, and the right worker takes it on."""
    wrong = {NEW: "t1, which is not in", "": "t1, which is not in", make_entry("t1"): "is another one here"}
    begun = {}
    with ExitStack() as workers:
        for text in wrong:
            domain = replace(ECHO, task_queue=f"echo-{uuid4()}")
            begun[text] = (domain, start(domain, EchoWorkflow, example()))
            with ring(text):
                workers.enter_context(serving(domain))
        for _domain, workflow_id in begun.values():
            eventually(partial(_was_tried_again, workflow_id), what="the third try")
    for text, (_domain, workflow_id) in begun.items():
        with ring(text):
            shown, code, _ = run("workflow", "show", workflow_id)
        assert (code, shown.splitlines()[-1]) == (0, "still running")
        assert wrong[text] in shown
        assert "(workflows.payload_unreadable)" in shown
        assert str(example().id) not in shown
    with ExitStack() as workers:
        for domain, _id in begun.values():
            workers.enter_context(serving(domain))
        for _domain, workflow_id in begun.values():
            found = client.workflow_result(workflow_id=workflow_id, result_type=Tree, timeout=PATIENCE)
            assert found == example()


def _was_tried_again(workflow_id: str) -> bool:
    async def ask(connected: Client) -> bool:
        found = await connected.get_workflow_handle(workflow_id).describe()
        return found.raw_description.pending_workflow_task.attempt > 2

    return client.call(ask)


def test_activity_is_tried_again_until_its_worker_has_the_key() -> None:
    """One worker with the key for the workflow, one without for its activity."""
    with ExitStack() as workers:
        workers.enter_context(serving(replace(ECHO, activities=())))
        with ring(NEW):
            workers.enter_context(serving(replace(ECHO, workflows=())))
        workflow_id = start(ECHO, EchoWorkflow, example())
        eventually(lambda: _failure_of_activity(workflow_id), what="the failure")
        info = _failure_of_activity(workflow_id)
    assert info is not None
    assert (info.type, info.non_retryable) == ("workflows.payload_unreadable", False)
    with serving(ECHO):
        found = client.workflow_result(workflow_id=workflow_id, result_type=Tree, timeout=PATIENCE)
    assert found == example()


def _failure_of_activity(workflow_id: str) -> ApplicationFailureInfo | None:
    async def ask(connected: Client) -> ApplicationFailureInfo | None:
        found = await connected.get_workflow_handle(workflow_id).describe()
        for pending in found.raw_description.pending_activities:
            if pending.HasField("last_failure"):
                return pending.last_failure.application_failure_info
        return None

    return client.call(ask)


def test_result_that_does_not_open_is_one_line_without_a_value() -> None:
    with serving(HELLO):
        workflow_id = start(HELLO, HELLO.workflows[0], {"name": "4711"})
        client.workflow_result(workflow_id=workflow_id, result_type=str, timeout=PATIENCE)
    with ring(NEW), pytest.raises(PayloadUnreadableError) as raised:
        run("workflow", "show", workflow_id)
    assert raised.value.message == "a payload is sealed with the key t1, which is not in TEMPORAL_KEYRING"
