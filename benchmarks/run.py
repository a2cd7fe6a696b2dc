"""One run: every figure of `python -m benchmarks`, one after the other, on one started stack."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks import ceiling, orders, placing, reservations
from benchmarks.report import Figure, Report
from benchmarks.stack import MeasuredStack
from benchmarks.terms import World
from benchmarks.world import make_world
from holo.stack.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured; what is repeated is repeated `rounds` times, and the median counts."""

    rounds: int
    reservation_seconds: float
    orders: int
    placing_seconds: float
    approvals: int


FULL = Size(rounds=3, reservation_seconds=2, orders=300, placing_seconds=12, approvals=60)
QUICK = Size(rounds=1, reservation_seconds=1, orders=80, placing_seconds=6, approvals=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every part of the run needs."""

    report: Report
    stack: MeasuredStack
    ports: Ports
    url: str
    size: Size


def measure(bench: Bench, parts: frozenset[str]) -> None:
    """Measure the named parts on the started stack. Reservations first: they fork, so before any thread."""
    bench.report.say("making products, stock and people")
    world = make_world()
    steps: dict[str, Callable[[Bench, World], None]] = {
        "reservations": _reservations,
        "orders": _orders,
        "approval": _approval,
        "placing": _placing,
        "memory": _memory,
    }
    for name, step in steps.items():
        if name in parts:
            bench.report.say(f"measuring {name}")
            step(bench, world)


def _reservations(bench: Bench, world: World) -> None:
    floors = {"hot": 0.2, "spread": 0.12}
    size = bench.size
    for rates in reservations.measure(
        world, url=bench.url, seconds=size.reservation_seconds, rounds=size.rounds
    ):
        bench.report.detail("reservations", rates)
        bench.report.add(
            Figure(
                name=f"reservations, {rates.shape}, {rates.clients} clients",
                value=rates.service,
                unit="/s",
                note=f"pgbench {rates.same_statements:,.0f}, bare lock {rates.bare_lock:,.0f}"
                f" (ratio {rates.of_bare:.2f})",
            )
        )
        bench.report.add(
            Figure(
                name="  of the same statements",
                value=rates.of_same,
                unit="x",
                floor=floors[rates.shape],
            )
        )


def _orders(bench: Bench, world: World) -> None:
    aims = {1: (12.0, 20.0), 2: (8.0, 12.0)}
    bare: dict[int, list[float]] = {1: [], 2: []}
    real: dict[int, list[orders.Completed]] = {1: [], 2: []}
    with ceiling.worker(bench.stack.environment):
        # A first small round fills caches and connections; it does not count.
        asyncio.run(ceiling.measure(parcels=2, count=20))
        asyncio.run(_completed(bench, world, 2, 20))
        for _ in range(bench.size.rounds):
            for parcels in (1, 2):
                bare[parcels].append(asyncio.run(ceiling.measure(parcels=parcels, count=bench.size.orders)))
                before = bench.stack.processor_seconds()
                done = asyncio.run(_completed(bench, world, parcels, bench.size.orders))
                spent = _per_order(before, bench.stack.processor_seconds(), done.orders)
                real[parcels].append(done)
                row = {"warehouses": parcels, "bare": bare[parcels][-1], "cpu_ms_per_order": spent}
                bench.report.detail("orders", row | asdict(done))
                bench.report.say(f"{parcels}: bare {bare[parcels][-1]:.1f}/s, orders {done.per_second:.1f}/s")
                bench.report.say(f"CPU ms an order: {spent}; told to come again: {done.told_busy}")
    for parcels, (floor, aim) in aims.items():
        ceiling_rate = median(bare[parcels])
        rate = median(done.per_second for done in real[parcels])
        latency = median(done.median_latency for done in real[parcels])
        name = "one warehouse" if parcels == 1 else "two warehouses"
        bench.report.add(Figure(name=f"bare Temporal shape, {name}", value=ceiling_rate, unit="/s"))
        note = f"{rate / ceiling_rate:.2f} of the bare shape; median {latency:.2f} s each"
        bench.report.add(
            Figure(name=f"orders, {name}", value=rate, unit="/s", floor=floor, aim=aim, note=note)
        )


def _per_order(before: dict[str, float], after: dict[str, float], orders: int) -> dict[str, float]:
    """Return the CPU milliseconds that one order took in each process; noise hardly touches them."""
    spent = {name: round((after[name] - before.get(name, 0)) * 1000 / orders, 1) for name in after}
    return {name: milliseconds for name, milliseconds in spent.items() if milliseconds >= 0.5}


async def _completed(bench: Bench, world: World, warehouses: int, count: int) -> orders.Completed:
    return await orders.measure(
        world, port=bench.ports.web, url=bench.url, warehouses=warehouses, count=count
    )


def _approval(bench: Bench, world: World) -> None:
    done = asyncio.run(
        placing.measure_approval(world, port=bench.ports.web, url=bench.url, count=bench.size.approvals)
    )
    bench.report.detail("approval", done)
    note = f"median {done.median_ms:.0f} ms over {done.requests}"
    bench.report.add(
        Figure(
            name="approval click to applied, p95",
            value=done.p95_ms,
            unit="ms",
            floor=1000,
            aim=300,
            better="less",
            note=note,
        )
    )


def _placing(bench: Bench, world: World) -> None:
    rounds = [
        asyncio.run(placing.measure_placing(world, port=bench.ports.web, seconds=bench.size.placing_seconds))
        for _ in range(bench.size.rounds)
    ]
    for done in rounds:
        bench.report.detail("placing", done)
    rate = median(done.per_second for done in rounds)
    bench.report.add(Figure(name="POST /orders, 8 clients", value=rate, unit="/s", floor=60, aim=150))
    worst = median(done.p95_ms for done in rounds)
    bench.report.add(
        Figure(
            name="POST /orders, p95",
            value=worst,
            unit="ms",
            floor=1000,
            aim=50,
            better="less",
            note=f"median {median(done.median_ms for done in rounds):.0f} ms",
        )
    )


def _memory(bench: Bench, _world: World) -> None:
    for one in bench.stack.memory():
        bench.report.detail("memory", one)
        bench.report.add(Figure(name=f"memory of {one.name}", value=one.mib, unit="MiB"))
