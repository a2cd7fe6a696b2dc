"""Placing orders over HTTP, and the time from an approval's click until the order has acted on it."""

import asyncio
import time
from dataclasses import dataclass
from statistics import median
from uuid import UUID

from benchmarks.orders import Watch, p95
from benchmarks.terms import DEAR, HOT, World
from benchmarks.wire import Wire

CLIENTS = 8
_CLICK_PAUSE = 0.05
_LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Requests per second, with latencies in milliseconds."""

    requests: int
    per_second: float
    median_ms: float
    p95_ms: float


async def measure_placing(world: World, *, port: int, seconds: float) -> Answered:
    """Let eight clients place orders one after the other; what follows each order runs beside, as always."""
    taken: list[float] = []
    started = time.monotonic()

    async def client(wire: Wire) -> None:
        while time.monotonic() < started + seconds:
            sent = time.monotonic()
            await wire.post("/api/v1/orders", {"items": [HOT], "ship_to": {"name": "Li Wei"}}, expect=201)
            taken.append(time.monotonic() - sent)

    async with Wire(port, world.seller_key, lanes=CLIENTS) as wire:
        await asyncio.gather(*(client(wire) for _ in range(CLIENTS)))
    elapsed = time.monotonic() - started
    return _answered(taken, len(taken) / elapsed)


async def measure_approval(world: World, *, port: int, url: str, count: int) -> Answered:
    """Click one approval after the other; applied means that the order awaits payment."""
    watch = Watch(url)
    looking = asyncio.create_task(watch.run(_LOOK_SECONDS))
    taken: list[float] = []
    try:
        async with (
            Wire(port, world.seller_key, lanes=1) as seller,
            Wire(port, world.auditor_key, lanes=1) as auditor,
        ):
            for _ in range(count):
                placed = await seller.post("/api/v1/orders", {"items": [DEAR]}, expect=201)
                order = UUID(placed["id"])
                if placed["status"] == "placed":  # a version before 0024 reserves later
                    await watch.reaches(order, "awaiting_approval")
                await asyncio.sleep(_CLICK_PAUSE)
                clicked = time.monotonic()
                body = {"action": "APPROVE", "reason": "the price is right"}
                await auditor.post(f"/api/v1/orders/{order}/audit", body, expect=202)
                await watch.reaches(order, "awaiting_payment")
                taken.append(time.monotonic() - clicked)
    finally:
        looking.cancel()
    return _answered(taken, len(taken) / sum(taken))


def _answered(taken: list[float], per_second: float) -> Answered:
    return Answered(
        requests=len(taken),
        per_second=per_second,
        median_ms=median(taken) * 1000,
        p95_ms=p95(taken) * 1000,
    )
