"""Orders per second from `POST /orders` to completed, paid over HTTP, a fixed number in flight."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from uuid import UUID

import psycopg

from benchmarks.stack import BenchmarkError
from benchmarks.terms import EAST_ONLY, HOT, IN_FLIGHT, SOUTH_ONLY, World
from benchmarks.wire import Wire

ITEMS = {1: [HOT], 2: [EAST_ONLY, SOUTH_ONLY]}
# As many as the web process has threads: more would only queue there.
LANES = 8
_LOOK_SECONDS = 0.04
_LONGEST_WAIT = 120.0
_ENDED_BADLY = ("cancelled", "payment_failed", "out_of_stock", "needs_attention", "rejected", "refunded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a number of orders went; latencies in seconds, from the POST to completed."""

    orders: int
    per_second: float
    median_latency: float
    p95_latency: float
    told_busy: int


class Watch:
    """Tells when orders reach a status, by one small query for all; polling over HTTP would be the load."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._awaited: dict[UUID, tuple[str, asyncio.Future[None]]] = {}

    async def reaches(self, order: UUID, status: str) -> None:
        """Return when the order has the status. Raises BenchmarkError when it ends otherwise."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited[order] = (status, future)
        await asyncio.wait_for(future, _LONGEST_WAIT)

    async def run(self, every: float = _LOOK_SECONDS) -> None:
        """Look until cancelled."""
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as database:
            while True:
                await asyncio.sleep(every)
                if self._awaited:
                    rows = await database.execute(
                        "SELECT id, status FROM orders_order WHERE id = ANY(%s)", [list(self._awaited)]
                    )
                    for order, status in await rows.fetchall():
                        self._seen(order, status)

    def _seen(self, order: UUID, status: str) -> None:
        wanted, future = self._awaited[order]
        if status == wanted and not future.done():
            future.set_result(None)
        elif status in _ENDED_BADLY and not future.done():
            future.set_exception(BenchmarkError(f"order {order} became {status}"))
        if future.done():
            del self._awaited[order]


async def measure(world: World, *, port: int, url: str, warehouses: int, count: int) -> Completed:
    """Drive `count` orders to completion and return how it went."""
    watch = Watch(url)
    looking = asyncio.create_task(watch.run())
    numbers = iter(range(count))
    latencies: list[float] = []

    async def lane(wire: Wire) -> None:
        for _ in numbers:
            started = time.monotonic()
            await _one(wire, watch, ITEMS[warehouses])
            latencies.append(time.monotonic() - started)

    started = time.monotonic()
    try:
        async with Wire(port, world.seller_key, lanes=LANES) as wire:
            await asyncio.gather(*(lane(wire) for _ in range(min(IN_FLIGHT, count))))
        elapsed = time.monotonic() - started
    finally:
        looking.cancel()
    return Completed(
        orders=count,
        per_second=count / elapsed,
        median_latency=median(latencies),
        p95_latency=p95(latencies),
        told_busy=wire.busy,
    )


async def _one(wire: Wire, watch: Watch, items: Sequence[str]) -> None:
    placed = await wire.post("/api/v1/orders", {"items": list(items)}, expect=201)
    order = UUID(placed["id"])
    if placed["status"] == "placed":  # a version before 0024 reserves later
        await watch.reaches(order, "awaiting_payment")
    await wire.post(f"/api/v1/orders/{order}/pay", {"token": "tok_ok"}, expect=202)
    await watch.reaches(order, "completed")


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return quantiles(values, n=20, method="inclusive")[18] if len(values) > 1 else values[0]
