"""How many bare orders a second Temporal and one worker process manage here: the ceiling of orders."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from temporalio.client import Client

from benchmarks.bare import QUEUE, BareOrder, BareShipment, local_step, remote_step
from benchmarks.stack import ROOT, BenchmarkError
from benchmarks.terms import IN_FLIGHT
from holo.common.ids import uuid7
from workflows.orders.contracts import OrderRef, StepTaken
from workflows.runtime.client import connect
from workflows.runtime.registry import Domain

DOMAIN = Domain(
    name="bench-bare",
    task_queue=QUEUE,
    workflows=(BareOrder, BareShipment),
    activities=(local_step, remote_step),
)
_READY = b"serves"
# In the product a payment comes after the reservation; so long a driver needs to see it.
_BEFORE_SIGNAL = 0.15
_LIMIT = timedelta(seconds=120)


async def measure(*, parcels: int, count: int) -> float:
    """Return bare orders per second, `IN_FLIGHT` at a time; a worker must be running."""
    client = await connect()
    numbers = iter(range(count))

    async def lane() -> None:
        for _ in numbers:
            await _one(client, parcels)

    started = time.monotonic()
    await asyncio.gather(*(lane() for _ in range(min(IN_FLIGHT, count))))
    return count / (time.monotonic() - started)


async def _one(client: Client, parcels: int) -> None:
    order = OrderRef(order_id=uuid7())
    handle = await client.start_workflow(
        "BareOrder",
        args=[order, parcels],
        id=f"bare-{order.order_id}",
        task_queue=QUEUE,
        result_type=StepTaken,
    )
    await asyncio.sleep(_BEFORE_SIGNAL)
    await handle.signal("wake")
    await asyncio.wait_for(handle.result(), _LIMIT.total_seconds())


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[None]:
    """Run a worker process with the product's own settings for workers, on the bare queue."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.ceiling"],
        cwd=ROOT,
        env={**environment, "LOG_LEVEL": "INFO"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if _READY in line:
                break
        else:
            raise BenchmarkError("the worker of the bare shape did not start")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def main() -> None:
    """Be that worker process."""
    import django

    django.setup()
    import uvloop

    from workflows.runtime.worker import activity_pool, build_worker

    async def serve() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        client = await connect()
        with activity_pool(DOMAIN) as pool:
            async with build_worker(client, DOMAIN, pool=pool):
                print("serves", flush=True)
                await stop.wait()

    uvloop.run(serve())


if __name__ == "__main__":
    main()
