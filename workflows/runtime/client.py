"""The only Temporal client: a plain function for each call, usable from any thread of Django code.

The SDK's client belongs to one event loop and survives no fork. So each process has one daemon thread with
one loop and one client, made at the first call. A process that forks does so before that; a child forked
later gets a client of its own too, but may find locks of the SDK's native threads held for ever.
"""

import asyncio
import atexit
import os
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.utils.translation import gettext as _
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    GetClusterInfoRequest,
    GetSystemInfoRequest,
)
from temporalio.client import Client, GrpcCompression, WorkflowExecution, WorkflowHandle
from temporalio.common import HeaderCodecBehavior, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode

from workflows.runtime.converter import data_converter
from workflows.runtime.errors import CallRefusedError, TemporalUnavailableError, WorkflowNotFoundError
from workflows.runtime.interceptors import ContextInterceptor
from workflows.runtime.tls import tls_config

T = TypeVar("T")

CONNECT_TIMEOUT = timedelta(seconds=3)
RPC_TIMEOUT = timedelta(seconds=5)
# The SDK repeats an unavailable call within its time; this is what a caller waits at most.
_CALL_TIMEOUT = 12.0
# What the SDK's native threads get at the end to put down what they hold of Python's. One that still does so
# when the interpreter ends aborts the process: 5 of 160 short commands without it, none of 200 with it.
_REST = 0.05
_REFUSED = frozenset(
    {
        RPCStatusCode.INVALID_ARGUMENT,
        RPCStatusCode.PERMISSION_DENIED,
        RPCStatusCode.UNAUTHENTICATED,
        RPCStatusCode.UNIMPLEMENTED,
        RPCStatusCode.FAILED_PRECONDITION,
        RPCStatusCode.OUT_OF_RANGE,
        RPCStatusCode.ALREADY_EXISTS,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowDescription:
    """What Temporal tells of the latest run of a workflow id; `status` is RUNNING, COMPLETED, FAILED, …"""

    workflow_id: str
    run_id: str
    workflow_type: str
    status: str
    history_length: int
    started_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerDescription:
    """What a Temporal server tells of itself: the kind of its store, and whether it knows our namespace."""

    store: str
    has_namespace: bool


async def connect(*, runtime: Runtime | None = None) -> Client:
    """Return a client of this loop for the configured namespace; raises TemporalUnavailableError.

    Compression costs CPU on both sides and gains nothing on a local network.
    """
    try:
        return await Client.connect(
            settings.TEMPORAL_ADDRESS,
            namespace=settings.TEMPORAL_NAMESPACE,
            tls=tls_config(),
            data_converter=data_converter(
                settings.TEMPORAL_KEYRING, accept_plain=settings.TEMPORAL_ACCEPT_PLAIN
            ),
            header_codec_behavior=HeaderCodecBehavior.CODEC,
            interceptors=[ContextInterceptor()],
            connect_timeout=CONNECT_TIMEOUT,
            grpc_compression=GrpcCompression.NONE,
            runtime=runtime,
        )
    except (RuntimeError, RPCError, OSError) as error:
        raise TemporalUnavailableError(
            _("no Temporal at %(address)s") % {"address": settings.TEMPORAL_ADDRESS}
        ) from error


def start_workflow(
    *,
    workflow: type | str,
    workflow_id: str,
    task_queue: str,
    input: object,
    again: bool = False,
    after_success: bool = False,
) -> bool:
    """Start a workflow under its business id; return False if a run of that id has ended already.

    A run that is under way is left as it is. `again` allows a new run after one that failed, was cancelled or
    was terminated, `after_success` after any: for rows that tell that the work is not done, as those of a
    restored backup may. Without them each id runs once.
    """
    reuse = WorkflowIDReusePolicy.REJECT_DUPLICATE
    if again:
        reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
    if after_success:
        reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE
    run: Any = workflow if isinstance(workflow, str) else workflow_name(workflow)

    async def start(client: Client) -> bool:
        try:
            await client.start_workflow(
                run,
                input,
                id=workflow_id,
                task_queue=task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=reuse,
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return False
        return True

    return call(start)


def signal_workflow(*, workflow_id: str, signal: str, payload: object | None = None) -> None:
    """Send a signal to the running workflow of an id; raises WorkflowNotFoundError if there is none."""
    arguments = [] if payload is None else [payload]
    _on_handle(workflow_id, lambda handle: handle.signal(signal, args=arguments, rpc_timeout=RPC_TIMEOUT))


def cancel_workflow(*, workflow_id: str) -> None:
    """Ask the running workflow to cancel itself; raises WorkflowNotFoundError if there is none."""
    _on_handle(workflow_id, lambda handle: handle.cancel(rpc_timeout=RPC_TIMEOUT))


def terminate_workflow(*, workflow_id: str, reason: str) -> None:
    """End the running workflow at once, uncompensated; raises WorkflowNotFoundError if there is none."""
    _on_handle(workflow_id, lambda handle: handle.terminate(reason=reason, rpc_timeout=RPC_TIMEOUT))


def find_workflow(*, workflow_id: str) -> WorkflowDescription | None:
    """Return what Temporal knows of the latest run of an id, or None."""
    try:
        found = _on_handle(workflow_id, lambda handle: handle.describe(rpc_timeout=RPC_TIMEOUT))
    except WorkflowNotFoundError:
        return None
    return description_of(found)


def description_of(found: WorkflowExecution) -> WorkflowDescription:
    """Return our form of what Temporal tells of a run."""
    return WorkflowDescription(
        workflow_id=found.id,
        run_id=found.run_id,
        workflow_type=found.workflow_type,
        status=found.status.name if found.status else "UNKNOWN",
        history_length=found.history_length,
        started_at=found.start_time,
        closed_at=found.close_time,
    )


def fetch_history(*, workflow_id: str) -> str:
    """Return the history of the latest run as JSON, as the replay corpus keeps it."""
    history = _on_handle(workflow_id, lambda handle: handle.fetch_history(rpc_timeout=RPC_TIMEOUT))
    return history.to_json()


def workflow_result(*, workflow_id: str, result_type: type[T], timeout: timedelta) -> T:
    """Wait until the workflow has ended and return its result; raises temporalio's WorkflowFailureError."""

    async def wait(client: Client) -> T:
        handle = client.get_workflow_handle(workflow_id, result_type=result_type)
        result: T = await asyncio.wait_for(handle.result(), timeout.total_seconds())
        return result

    return call(wait, timeout=timeout.total_seconds() + _CALL_TIMEOUT)


def check_health() -> None:
    """Return if Temporal answers; else TemporalUnavailableError."""

    async def ask(client: Client) -> None:
        await client.workflow_service.get_system_info(
            GetSystemInfoRequest(), timeout=timedelta(seconds=2), retry=False
        )

    call(ask, timeout=CONNECT_TIMEOUT.total_seconds() + 2)


def describe_server() -> ServerDescription:
    """Ask Temporal about itself; raises TemporalUnavailableError."""

    async def ask(client: Client) -> ServerDescription:
        service = client.workflow_service
        cluster = await service.get_cluster_info(GetClusterInfoRequest(), timeout=RPC_TIMEOUT)
        wanted = DescribeNamespaceRequest(namespace=client.namespace)
        try:
            await service.describe_namespace(wanted, timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return ServerDescription(store=cluster.persistence_store, has_namespace=False)
        return ServerDescription(store=cluster.persistence_store, has_namespace=True)

    return call(ask)


def has_workers(*, task_queue: str) -> bool:
    """Tell whether a worker has asked a queue for workflows within the last minutes."""

    async def ask(client: Client) -> bool:
        wanted = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        found = await client.workflow_service.describe_task_queue(wanted, timeout=RPC_TIMEOUT)
        return bool(found.pollers)

    return call(ask)


def workflow_name(workflow: type) -> str:
    """Return the name under which Temporal knows a workflow class."""
    definition: Any = getattr(workflow, "__temporal_workflow_definition", None)
    if definition is None:
        raise TypeError(f"{workflow.__qualname__} is no workflow class")
    return str(definition.name)


def call(work: Callable[[Client], Awaitable[T]], *, timeout: float = _CALL_TIMEOUT) -> T:
    """Run `work` with the client on this process's loop and wait for it, from any other thread.

    Raises TemporalUnavailableError (worth repeating), WorkflowNotFoundError or CallRefusedError (not).
    """
    thread = _loop_thread()
    future = asyncio.run_coroutine_threadsafe(_translated(thread, work), thread.loop)
    try:
        return future.result(timeout)
    except FutureTimeoutError as error:
        future.cancel()
        raise TemporalUnavailableError(_("Temporal did not answer in time")) from error


def close() -> None:
    """Stop this process's loop thread, as tests do between servers; the next call makes a new one."""
    _State.stop()


def _on_handle(workflow_id: str, act: Callable[[WorkflowHandle[Any, Any]], Awaitable[T]]) -> T:
    async def run(client: Client) -> T:
        return await act(client.get_workflow_handle(workflow_id))

    return call(run)


async def _translated(thread: "_LoopThread", work: Callable[[Client], Awaitable[T]]) -> T:
    client = await thread.client()
    try:
        return await work(client)
    except RPCError as error:
        raise domain_error(error) from error


def domain_error(error: RPCError) -> Exception:
    """Return our error for a refused call. An unknown namespace is a server not yet set up, no lost run."""
    if error.status == RPCStatusCode.NOT_FOUND:
        details = error.grpc_status.details
        if any(detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in details):
            return TemporalUnavailableError(f"Temporal has no namespace {settings.TEMPORAL_NAMESPACE}")
        return WorkflowNotFoundError(error.message)
    if error.status in _REFUSED:
        return CallRefusedError(error.message)
    return TemporalUnavailableError(error.message)


class _LoopThread:
    """A daemon thread with an event loop and the client that belongs to it."""

    def __init__(self) -> None:
        # Once, however many threads there have been.
        atexit.unregister(_rest)
        atexit.register(_rest)
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self._connecting: asyncio.Task[Client] | None = None
        self._thread = threading.Thread(target=self.loop.run_forever, name="temporal-client", daemon=True)
        self._thread.start()

    async def client(self) -> Client:
        """Return the client; callers that come while it connects share the one attempt."""
        if self._connecting is None or _has_failed(self._connecting):
            runtime = Runtime(telemetry=TelemetryConfig(), worker_heartbeat_interval=None)
            self._connecting = self.loop.create_task(connect(runtime=runtime))
        return await asyncio.shield(self._connecting)

    def stop(self) -> None:
        """End the loop and its thread."""
        asyncio.run_coroutine_threadsafe(self._cancel_all(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()

    async def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _rest() -> None:
    time.sleep(_REST)


def _has_failed(task: "asyncio.Task[Client]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


class _State:
    """The loop thread of this process."""

    lock = threading.Lock()
    current: _LoopThread | None = None

    @classmethod
    def stop(cls) -> None:
        """Stop the thread if this process made one."""
        with cls.lock:
            thread, cls.current = cls.current, None
        if thread is not None and thread.pid == os.getpid():
            thread.stop()


def _loop_thread() -> _LoopThread:
    with _State.lock:
        if _State.current is None or _State.current.pid != os.getpid():
            _State.current = _LoopThread()
        return _State.current


def _after_fork() -> None:
    # The parent's thread does not exist here, and its lock may have been held at the fork.
    _State.lock = threading.Lock()
    _State.current = None


os.register_at_fork(after_in_child=_after_fork)
