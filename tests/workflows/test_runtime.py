"""Routes, saga, interceptors and the worker process against a real Temporal server and PostgreSQL."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, OperationalError, connection
from pytest_django import Settings
from temporalio.client import WorkflowHistory
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer

from holo.common.context import bound
from holo.outbox.delivery import Delivery, Outcome, Verdict, deliver, load_handlers
from holo.stack.ports import free_port
from holo.stack.temporal_server import TemporalServer
from tests.live import worker_port
from tests.workflows.sample_domain.activities import CONTEXT, DONE, FAILING, GATES, OUTAGES
from tests.workflows.sample_domain.contracts import STEPS, Done, Pid, Refusal, Subject
from tests.workflows.sample_domain.domain import DOMAIN
from tests.workflows.sample_domain.workflow import PidWorkflow, RefusedWorkflow, SampleWorkflow
from workflows.runtime import client, interceptors
from workflows.runtime.converter import DATA_CONVERTER
from workflows.runtime.errors import TemporalUnavailableError, WorkflowNotFoundError
from workflows.runtime.policies import ATTEMPTS, COMPENSATION, LOCAL_STEP
from workflows.runtime.registry import enabled_domains
from workflows.runtime.saga import StepFailure
from workflows.runtime.worker import activity_pool, build_worker, check_connection_budget

SAMPLE = "tests.workflows.sample_domain"
HANDLERS = ["workflows.runtime.outbox_handlers.handlers"]
PATIENCE = timedelta(seconds=60)
UNDONE = [f"take {step}" for step in STEPS] + [f"undo {step}" for step in reversed(STEPS)]
BASE = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def temporal_client(temporal: TemporalServer, settings: Settings) -> Iterator[None]:
    """Temporal with the sample domain enabled and a client of the test's own."""
    settings.ENABLE_DOMAINS = [SAMPLE]
    client.close()
    yield
    client.close()


def _serve(begun: threading.Event, stop: threading.Event, cached_workflows: int) -> None:
    async def serve() -> None:
        with activity_pool(DOMAIN) as pool:
            worker = build_worker(
                await client.connect(), DOMAIN, pool=pool, sandboxed=True, cached_workflows=cached_workflows
            )
            async with worker:
                begun.set()
                await asyncio.to_thread(stop.wait)

    asyncio.run(serve())


@pytest.fixture(params=[2000])
def worker(request: pytest.FixtureRequest, temporal_client: None, fresh_database: str) -> Iterator[None]:
    """A sandboxed worker of the sample domain; the parameter is the size of its workflow cache."""
    begun, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=_serve, args=(begun, stop, request.param))
    thread.start()
    try:
        assert begun.wait(60)
        yield
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def _start(subject_id: str, workflow: type = SampleWorkflow) -> str:
    workflow_id = f"sample-{subject_id}"
    client.start_workflow(
        workflow=workflow,
        workflow_id=workflow_id,
        task_queue=DOMAIN.task_queue,
        input=Subject(subject_id=subject_id),
    )
    return workflow_id


def _result(workflow_id: str) -> Done:
    return client.workflow_result(workflow_id=workflow_id, result_type=Done, timeout=PATIENCE)


def _until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _deliver(topic: str, **payload: object) -> Outcome:
    message = Delivery(
        id=1, topic=topic, key="k", payload=payload, organization_id=UUID(int=1), request_id="req-7"
    )
    return deliver(message, load_handlers(HANDLERS))


def _replay(workflow_id: str) -> None:
    history = WorkflowHistory.from_json(workflow_id, client.fetch_history(workflow_id=workflow_id))
    replayer = Replayer(workflows=DOMAIN.workflows, data_converter=DATA_CONVERTER)
    asyncio.run(replayer.replay_workflow(history))


# --- Saga -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("worker", [2000, 0], indirect=True)
def test_saga_undoes_in_reverse(worker: None) -> None:
    """With a cache of none, every task replays the history, so that eviction and replay are in it too."""
    subject = str(uuid4())
    workflow_id = _start(subject)
    client.signal_workflow(workflow_id=workflow_id, signal="go_back")
    assert _result(workflow_id) == Done(rounds=((),), cancelled=False)
    assert DONE[subject] == UNDONE
    _replay(workflow_id)


def test_failing_undo_is_parked_and_run_again_alone(worker: None) -> None:
    subject = str(uuid4())
    FAILING.add((subject, "second"))
    workflow_id = _start(subject)
    client.signal_workflow(workflow_id=workflow_id, signal="go_back")
    _until(lambda: _parked(workflow_id))
    assert "undo first" in DONE[subject]
    assert "undo second" not in DONE[subject]
    started = time.monotonic()
    client.signal_workflow(workflow_id=workflow_id, signal="retry_requested")
    FAILING.remove((subject, "second"))
    done = _result(workflow_id)
    assert time.monotonic() - started < 15
    (failure,) = done.rounds[0]
    assert (failure.step, failure.attempts) == ("second", ATTEMPTS)
    assert (failure.error_code, failure.message) == ("ConnectionError", "the other side is away")
    assert done.rounds[1:] == ((),)
    assert sorted(DONE[subject]) == sorted(UNDONE)
    _replay(workflow_id)


def test_attempts_of_a_parked_undo_add_up(worker: None) -> None:
    subject = str(uuid4())
    FAILING.add((subject, "third"))
    workflow_id = _start(subject)
    client.signal_workflow(workflow_id=workflow_id, signal="go_back")
    for attempts in (ATTEMPTS, 2 * ATTEMPTS):
        _until(lambda expected=attempts: [f["attempts"] for f in _parked(workflow_id)] == [expected])
        if attempts == 2 * ATTEMPTS:
            FAILING.clear()
        client.signal_workflow(workflow_id=workflow_id, signal="retry_requested")
    assert len(_result(workflow_id).rounds) == 3


def _parked(workflow_id: str) -> Any:
    return client.call(lambda temporal: temporal.get_workflow_handle(workflow_id).query("parked"))


@pytest.mark.parametrize("worker", [2000, 0], indirect=True)
def test_cancel_during_compensation_does_not_break_it(worker: None) -> None:
    subject = str(uuid4())
    begun, gate = GATES[(subject, "second")] = (threading.Event(), threading.Event())
    workflow_id = _start(subject)
    client.signal_workflow(workflow_id=workflow_id, signal="go_back")
    assert begun.wait(60)
    client.cancel_workflow(workflow_id=workflow_id)
    _until(lambda: "WORKFLOW_EXECUTION_CANCEL_REQUESTED" in client.fetch_history(workflow_id=workflow_id))
    gate.set()
    assert _result(workflow_id) == Done(rounds=((),), cancelled=True)
    assert DONE[subject] == UNDONE
    _replay(workflow_id)


def test_cancel_while_waiting_takes_the_compensating_path(worker: None) -> None:
    subject = str(uuid4())
    workflow_id = _start(subject)
    _until(lambda: len(DONE[subject]) == len(STEPS))
    client.cancel_workflow(workflow_id=workflow_id)
    assert _result(workflow_id) == Done(rounds=((),), cancelled=True)
    assert DONE[subject] == UNDONE


# --- Interceptors ---------------------------------------------------------------------------------


def test_activity_works_after_its_connection_was_terminated(worker: None, settings: Settings) -> None:
    before = _pid()
    assert _pid().pid == before.pid  # the thread keeps its connection, so the next step is worth something
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    after = _pid()
    assert after.pid != before.pid
    assert after.attempt == 1


def _pid() -> Pid:
    workflow_id = _start(str(uuid4()), PidWorkflow)
    return client.workflow_result(workflow_id=workflow_id, result_type=Pid, timeout=PATIENCE)


@pytest.mark.parametrize("worker", [2000, 0], indirect=True)
def test_busy_rows_are_tried_again_and_a_refusal_ends_the_step(worker: None) -> None:
    subject = str(uuid4())
    workflow_id = _start(subject, RefusedWorkflow)
    _until(lambda: DONE[subject] == ["asked", "asked"])
    client.signal_workflow(workflow_id=workflow_id, signal="go_on")
    refusal = client.workflow_result(workflow_id=workflow_id, result_type=Refusal, timeout=PATIENCE)
    assert refusal.failure == StepFailure(
        step="refuse", attempts=2, error_code="request.not_found", message="no such thing"
    )
    # Not an ActivityError, which wraps the failures of normal activities only.
    assert refusal.kind == "ApplicationError"


def test_request_id_and_ids_reach_the_activity(worker: None) -> None:
    subject = str(uuid4())
    assert _deliver("sample.begun", subject_id=subject).verdict is Verdict.DELIVERED
    _until(lambda: subject in CONTEXT)
    assert CONTEXT[subject] == {
        "workflow_id": f"sample-{subject}",
        "activity": "take_step",
        "subject_id": subject,
        "request_id": "req-7",
    }
    with bound(request_id="req-8"):
        assert _pid().request_id == "req-8"


@pytest.mark.pure
def test_database_error_leaves_no_values_of_rows_in_the_history() -> None:
    secret = DataError("Failing row contains (Miss Marple)")
    translated = interceptors._translated(secret, attempt=1, tries=1)
    assert isinstance(translated, ApplicationError)
    assert (translated.message, translated.type) == ("DataError", "database_error")
    assert translated.next_retry_delay is None


@pytest.mark.pure
def test_outage_of_the_database_stretches_the_waits() -> None:
    delays = []
    for attempt in range(1, 8):
        translated = interceptors._translated(OperationalError("gone"), attempt=attempt, tries=attempt)
        assert isinstance(translated, ApplicationError)
        assert translated.type == "database_unavailable"
        assert translated.next_retry_delay is not None
        delays.append(translated.next_retry_delay.total_seconds())
    assert delays == [0.5, 1, 2, 4, 8, 8, 8]


def test_local_step_waits_longer_during_an_outage(worker: None) -> None:
    subject = str(uuid4())
    OUTAGES[subject] = 2
    started = time.monotonic()
    _start(subject)
    _until(lambda: len(DONE[subject]) == len(STEPS))
    # 0.5 s and 1 s, where the policy alone would wait 0.1 s and 0.2 s.
    assert time.monotonic() - started > 1.4


# --- Routes ---------------------------------------------------------------------------------------


def test_message_delivered_twice_starts_one_workflow(worker: None) -> None:
    subject = str(uuid4())
    for _ in range(2):
        assert _deliver("sample.begun", subject_id=subject).verdict is Verdict.DELIVERED
    running = client.find_workflow(workflow_id=f"sample-{subject}")
    assert running is not None
    assert (running.status, running.workflow_type) == ("RUNNING", "SampleWorkflow")
    assert _deliver("sample.given_up", subject_id=subject).verdict is Verdict.DELIVERED
    _result(f"sample-{subject}")
    # Late repetitions find an ended run: delivered, and nothing starts again.
    assert _deliver("sample.begun", subject_id=subject).verdict is Verdict.DELIVERED
    assert _deliver("sample.given_up", subject_id=subject).verdict is Verdict.DELIVERED
    ended = client.find_workflow(workflow_id=f"sample-{subject}")
    assert ended is not None
    assert (ended.run_id, ended.status) == (running.run_id, "COMPLETED")


def test_signal_without_its_workflow_counts_as_delivered(temporal_client: None) -> None:
    assert _deliver("sample.given_up", subject_id=str(uuid4())).verdict is Verdict.DELIVERED
    with pytest.raises(WorkflowNotFoundError):
        client.signal_workflow(workflow_id="sample-nobody", signal="go_back")


def test_skipped_and_foreign_messages_touch_nothing(temporal_client: None) -> None:
    subject = str(uuid4())
    assert _deliver("sample.begun", subject_id=subject, finished=True).verdict is Verdict.DELIVERED
    assert _deliver("sample.given_up", foreign=True).verdict is Verdict.DELIVERED
    assert client.find_workflow(workflow_id=f"sample-{subject}") is None


def test_payload_that_does_not_fit_is_given_up(temporal_client: None) -> None:
    outcome = _deliver("sample.begun", wrong=1)
    assert outcome.verdict is Verdict.PERMANENT
    assert "KeyError" in outcome.error


def test_absent_temporal_is_transient_and_found_again(
    temporal_client: None, temporal: TemporalServer, settings: Settings
) -> None:
    settings.TEMPORAL_ADDRESS = f"127.0.0.1:{free_port()}"
    outcome = _deliver("sample.begun", subject_id="x")
    assert outcome.verdict is Verdict.TRANSIENT
    with pytest.raises(TemporalUnavailableError):
        client.check_health()
    settings.TEMPORAL_ADDRESS = temporal.address
    client.check_health()


def test_missing_namespace_is_transient(temporal_client: None, settings: Settings) -> None:
    settings.TEMPORAL_NAMESPACE = "nowhere"
    assert _deliver("sample.given_up", subject_id="x").verdict is Verdict.TRANSIENT
    assert _deliver("sample.begun", subject_id="x").verdict is Verdict.TRANSIENT


def test_terminated_run_starts_again_only_when_asked(worker: None) -> None:
    subject = str(uuid4())
    workflow_id = _start(subject)
    client.terminate_workflow(workflow_id=workflow_id, reason="test")
    begin: dict[str, Any] = {
        "workflow": SampleWorkflow,
        "workflow_id": workflow_id,
        "task_queue": DOMAIN.task_queue,
        "input": Subject(subject_id=subject),
    }
    assert client.start_workflow(**begin) is False
    assert client.start_workflow(**begin, again=True) is True
    client.signal_workflow(workflow_id=workflow_id, signal="go_back")
    _result(workflow_id)
    assert client.start_workflow(**begin, again=True) is False


# --- Registry, policies, processes ------------------------------------------------------------------


@pytest.mark.pure
def test_domains_are_found_by_path_and_chosen_by_name(settings: Settings) -> None:
    settings.ENABLE_DOMAINS = [SAMPLE, " "]
    assert enabled_domains() == (DOMAIN,)
    assert enabled_domains(["sample", SAMPLE]) == (DOMAIN,)


@pytest.mark.pure
@pytest.mark.parametrize(
    ("entries", "chosen", "message"),
    [
        (["nowhere"], None, "there is no module workflows.nowhere.domain"),
        (["tests.workflows"], None, "there is no module tests.workflows.domain"),
        ([SAMPLE], ["other"], "domain other is not enabled"),
        (["tests.workflows.sample_domain.broken"], None, "there is no module"),
    ],
)
def test_wrong_domain_is_named(
    settings: Settings, entries: list[str], chosen: list[str] | None, message: str
) -> None:
    settings.ENABLE_DOMAINS = entries
    with pytest.raises(ImproperlyConfigured, match=message):
        enabled_domains(chosen)


@pytest.mark.pure
def test_policies_are_mappings_without_unset_options() -> None:
    assert set(LOCAL_STEP.keys()) == {
        "start_to_close_timeout",
        "retry_policy",
        "cancellation_type",
        "local_retry_threshold",
    }
    assert "heartbeat_timeout" not in dict(**COMPENSATION)


@pytest.mark.pure
def test_lasting_failure_of_a_compensation_is_parked_within_seconds() -> None:
    retry = COMPENSATION.retry_policy
    waits = [min(retry.initial_interval.total_seconds() * 2**n, 5.0) for n in range(ATTEMPTS - 1)]
    assert sum(waits) < 5


def test_more_threads_than_connections_are_refused(fresh_database: str, settings: Settings) -> None:
    check_connection_budget([DOMAIN])
    settings.WORKER_THREADS = 100_000
    with pytest.raises(ImproperlyConfigured, match="lower WORKER_THREADS"):
        check_connection_budget([DOMAIN])
    settings.WORKER_THREADS = 1
    with pytest.raises(ImproperlyConfigured, match="at least 2"):
        check_connection_budget([DOMAIN])


def test_forked_processes_make_clients_of_their_own(temporal_client: None) -> None:
    """A child forked before the first call works; one forked later has nothing of its parent's client."""
    script = (
        "import os, django; django.setup()\n"
        "from workflows.runtime import client\n"
        "child = os.fork()\n"
        "client.check_health()\n"
        "os._exit(0) if not child else None\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "child = os.fork()\n"
        "os._exit(0 if client._State.current is None else 1) if not child else None\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    finished = subprocess.run([sys.executable, "-c", script], cwd=BASE, env=env, timeout=60, check=False)
    assert finished.returncode == 0


def test_worker_process_serves_its_domain_and_stops_gracefully(
    temporal_client: None, fresh_database: str
) -> None:
    port = worker_port()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_worker", "--domain", "sample"],
        cwd=BASE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        | {"ENABLE_DOMAINS": SAMPLE, "WORKER_METRICS_PORT": str(port)},
        stderr=subprocess.PIPE,
    )
    try:
        assert _pid().attempt == 1
        ours = urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        assert 'holo_activities_total{activity="backend_pid",outcome="completed"} 1.0' in ours
        assert "holo_worker_heartbeat_seconds" in ours
        sdk = urlopen(f"http://127.0.0.1:{port + 2}/metrics").read().decode()
        assert "temporal_worker_task_slots_available" in sdk
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        _, stderr = process.communicate()
    assert b"Traceback" not in stderr


def test_unknown_domain_ends_the_worker_with_one_line() -> None:
    finished = subprocess.run(
        [sys.executable, "manage.py", "run_worker", "--domain", "nowhere"],
        cwd=BASE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "ENABLE_DOMAINS": SAMPLE},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 2
    assert b"domain nowhere is not enabled" in finished.stderr
    assert len(finished.stderr.strip().splitlines()) == 1
