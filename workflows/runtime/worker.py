"""The Temporal worker of this installation: one queue per domain, stopped gracefully."""

import asyncio
import contextlib
import logging
import random
import threading
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib.util import find_spec

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection, connections
from django.utils.translation import gettext as _
from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from holo.common.outside_calls import ports
from workflows.runtime.client import connect
from workflows.runtime.errors import TemporalUnavailableError
from workflows.runtime.interceptors import ActivityInterceptor
from workflows.runtime.metrics import note_heartbeat, note_running, note_temporal_answer
from workflows.runtime.registry import Domain

logger = logging.getLogger(__name__)

# More would only contend for the interpreter lock and trip the SDK's two-second deadlock check.
WORKFLOW_TASKS = 16
CACHED_WORKFLOWS = 2000
# How long the tasks of a killed worker stay with it before another may take them.
STICKY_TIMEOUT = timedelta(seconds=5)
EAGER_ACTIVITIES = 16
_SDK_METRICS_OFFSET = 2
_LONGEST_RECONNECT = 10.0
_HEARTBEAT_SECONDS = 5.0
_POOL_STOP_SECONDS = 2.0


async def run_workers(domains: Sequence[Domain], *, stop: asyncio.Event) -> None:
    """Serve the queues of `domains` until `stop` is set; running activities get time to end."""
    client = await _connected(stop)
    if client is None:
        return
    pulse = asyncio.create_task(_pulse(client))
    try:
        async with contextlib.AsyncExitStack() as running:
            workers = []
            for domain in domains:
                pool = running.enter_context(activity_pool(domain))
                workers.append(await running.enter_async_context(build_worker(client, domain, pool=pool)))
                running.enter_context(_shown_as_running(domain))
            await stop.wait()
            logger.info("worker stops after the activities in hand")
            await asyncio.gather(*(worker.shutdown() for worker in workers))
    finally:
        pulse.cancel()


def build_worker(
    client: Client,
    domain: Domain,
    *,
    pool: ThreadPoolExecutor,
    sandboxed: bool | None = None,
    cached_workflows: int = CACHED_WORKFLOWS,
) -> Worker:
    """Return the worker of one domain; `pool` has WORKER_THREADS threads for its activities of both kinds."""
    remote = max(1, settings.WORKER_THREADS // 2)
    return Worker(
        client,
        task_queue=domain.task_queue,
        workflows=domain.workflows,
        activities=domain.activities,
        activity_executor=pool,
        workflow_runner=workflow_runner(
            domain, sandboxed=settings.WORKER_SANDBOX if sandboxed is None else sandboxed
        ),
        interceptors=[ActivityInterceptor()],
        build_id=build_id(),
        max_cached_workflows=cached_workflows,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS,
        max_concurrent_activities=remote,
        max_concurrent_local_activities=max(1, settings.WORKER_THREADS - remote),
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        max_eager_activity_reservations_per_workflow_task=EAGER_ACTIVITIES,
        graceful_shutdown_timeout=timedelta(seconds=settings.STOP_SECONDS),
    )


def build_id() -> str:
    """Return the product's version; without one the SDK would hash every loaded module."""
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        return f"holo-{tomllib.load(file)['project']['version']}"


def check_connection_budget(domains: Sequence[Domain]) -> None:
    """Refuse more threads than PostgreSQL has connections; each keeps one, those of sandbox adapters too.

    Raises ImproperlyConfigured. A database that does not answer yet is no reason not to start.
    """
    threads = settings.WORKER_THREADS
    if threads < 2:
        raise ImproperlyConfigured("WORKER_THREADS must be at least 2: one activity and one local activity")
    try:
        available = _available_connections()
    except DatabaseError:
        logger.warning("the connection budget is not checked: PostgreSQL does not answer")
        return
    wanted = threads * len(domains) + settings.OUTSIDE_CALLS * len(ports())
    if wanted > available:
        raise ImproperlyConfigured(
            f"{len(domains)} domains with WORKER_THREADS={threads} want {wanted} database connections,"
            f" PostgreSQL allows {available}; lower WORKER_THREADS or run fewer domains here"
        )


def _available_connections() -> int:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('max_connections')::int"
                " - current_setting('superuser_reserved_connections')::int"
            )
            row = cursor.fetchone()
    finally:
        connection.close()
    assert row is not None
    return int(row[0])


@contextlib.contextmanager
def activity_pool(domain: Domain) -> Iterator[ThreadPoolExecutor]:
    """Give the threads for a domain's activities; at the end each closes its database connection."""
    threads = settings.WORKER_THREADS
    pool = ThreadPoolExecutor(threads, thread_name_prefix=f"activity-{domain.name}")
    try:
        yield pool
    finally:
        # The barrier makes each thread take exactly one of the calls; one that hangs ends the wait.
        barrier = threading.Barrier(threads)
        for _ in range(threads):
            pool.submit(_close_connections, barrier)
        pool.shutdown(wait=True)
        for port in ports():
            port.close()


def _close_connections(barrier: threading.Barrier) -> None:
    connections.close_all()
    with contextlib.suppress(threading.BrokenBarrierError):
        barrier.wait(_POOL_STOP_SECONDS)


@contextlib.contextmanager
def _shown_as_running(domain: Domain) -> Iterator[None]:
    note_running(domain.name, True)
    logger.info("worker serves %s on queue %s", domain.name, domain.task_queue)
    try:
        yield
    finally:
        note_running(domain.name, False)


def workflow_runner(domain: Domain, *, sandboxed: bool) -> WorkflowRunner:
    """Return the runner; our pure modules pass through the sandbox, for they are slow to load again."""
    if not sandboxed:
        return UnsandboxedWorkflowRunner()
    packages = sorted({workflow.__module__.rpartition(".")[0] for workflow in domain.workflows})
    contracts = [f"{package}.contracts" for package in packages if find_spec(f"{package}.contracts")]
    pure = ["workflows.runtime.policies", "workflows.runtime.saga", *contracts]
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*pure))


class SdkMetricsError(Exception):
    """Somebody listens where the SDK's metrics belong."""


async def _connected(stop: asyncio.Event) -> Client | None:
    """Connect, trying until Temporal answers or the worker is told to stop."""
    try:
        runtime = Runtime(telemetry=TelemetryConfig(metrics=_sdk_metrics()))
    except ValueError as error:
        raise SdkMetricsError(
            _("port %(port)d for the SDK's metrics (WORKER_METRICS_PORT + %(offset)d) is not free")
            % {"port": settings.WORKER_METRICS_PORT + _SDK_METRICS_OFFSET, "offset": _SDK_METRICS_OFFSET}
        ) from error
    failures = 0
    while not stop.is_set():
        try:
            return await connect(runtime=runtime)
        except TemporalUnavailableError as error:
            failures += 1
            wait = min(_LONGEST_RECONNECT, 0.2 * 2.0 ** min(failures, 10)) * random.uniform(0.5, 1)
            logger.warning("%s; next try in %.1f s", error.message, wait)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait)
    return None


def _sdk_metrics() -> PrometheusConfig:
    return PrometheusConfig(
        bind_address=f"127.0.0.1:{settings.WORKER_METRICS_PORT + _SDK_METRICS_OFFSET}",
        durations_as_seconds=True,
        counters_total_suffix=True,
    )


async def _pulse(client: Client) -> None:
    """Show that the loop turns and when Temporal last answered."""
    while True:
        note_heartbeat()
        try:
            await client.service_client.check_health(timeout=timedelta(seconds=2))
        except RPCError as error:
            logger.warning("Temporal does not answer: %s", error.message)
        else:
            note_temporal_answer()
        await asyncio.sleep(_HEARTBEAT_SECONDS)
