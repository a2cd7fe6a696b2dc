"""Reservations per second: the product's operation, pgbench with the same statements, and the bare lock."""

import multiprocessing
import multiprocessing.synchronize
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID

from django.db import connection, connections

from benchmarks import pgbench
from benchmarks.terms import SPREAD, World, spread_id
from holo.common.db import unit_of_work
from holo.common.ids import uuid7
from inventory.operations import Held, Owner, Want, reserve_stock

CLIENTS = (1, 8, 32)
_START_LIMIT = 60.0
# The statements of `inventory.locks` and `inventory.operations` as they reach the server.
_SAME = """
{choice}
BEGIN \\; SET LOCAL lock_timeout = 3000 \\; SET LOCAL statement_timeout = 15000;
SELECT s.id AS stock_level, s.product_id AS product, s.warehouse_id AS warehouse, w.code, w.priority,
 s.on_hand - s.reserved AS available
FROM inventory_stocklevel s JOIN inventory_warehouse w ON w.id = s.warehouse_id
WHERE s.organization_id = '{organization}' AND s.product_id = ANY({product}) AND w.active
ORDER BY s.id FOR NO KEY UPDATE OF s \\gset
WITH share (stock_level_id, product_id, warehouse_id, quantity) AS (
 SELECT * FROM unnest(ARRAY[:stock_level]::bigint[], ARRAY[':product']::uuid[], ARRAY[':warehouse']::uuid[],
 ARRAY[1]::integer[])
), fresh AS MATERIALIZED (SELECT gen_random_uuid() AS id, gen_random_uuid() AS owner
), hold AS (
 INSERT INTO inventory_reservation (id, organization_id, owner_type, owner_id, expires_at, state)
 SELECT id, '{organization}', 'bench', owner, now() + interval '1 hour', 'held' FROM fresh
), line AS (
 INSERT INTO inventory_reservationline
 (organization_id, reservation_id, stock_level_id, product_id, warehouse_id, quantity)
 SELECT '{organization}', fresh.id, stock_level_id, product_id, warehouse_id, quantity FROM share, fresh
)
UPDATE inventory_stocklevel s SET reserved = s.reserved + share.quantity
FROM share WHERE s.id = share.stock_level_id AND s.on_hand - s.reserved >= share.quantity;
COMMIT;
"""
_BARE = """
{choice}
BEGIN;
SELECT id, on_hand, reserved FROM inventory_stocklevel WHERE product_id = {one} FOR UPDATE;
COMMIT;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Transactions per second of one shape at one number of clients, with the ratios."""

    shape: str
    clients: int
    service: float
    same_statements: float
    bare_lock: float

    @property
    def of_same(self) -> float:
        """Service over the same statements."""
        return self.service / self.same_statements

    @property
    def of_bare(self) -> float:
        """Service over the bare lock."""
        return self.service / self.bare_lock


def measure(world: World, *, url: str, seconds: float, rounds: int) -> Iterator[Rates]:
    """Yield the medians of `rounds` rounds; in each the three take turns, so that noise meets all."""
    for shape in ("hot", "spread"):
        for clients in CLIENTS:
            taken = [_round(world, shape, clients, url, seconds) for _ in range(rounds)]
            yield Rates(
                shape=shape,
                clients=clients,
                service=median(one[0] for one in taken),
                same_statements=median(one[1] for one in taken),
                bare_lock=median(one[2] for one in taken),
            )


def _round(world: World, shape: str, clients: int, url: str, seconds: float) -> tuple[float, float, float]:
    choice = "" if shape == "hot" else f"\\set n random(0, {SPREAD - 1})"
    one = (
        f"'{world.hot}'::uuid"
        if shape == "hot"
        else "('00000000-0000-7000-8000-' || lpad(to_hex(:n), 12, '0'))::uuid"
    )
    scripts = [
        text.format(choice=choice, organization=world.organization_id, product=f"ARRAY[{one}]", one=one)
        for text in (_SAME, _BARE)
    ]
    service = _service_rate(world, shape, clients, seconds)
    same, bare = (
        pgbench.transactions_per_second(url=url, script=script, clients=clients, seconds=seconds)
        for script in scripts
    )
    return service, same, bare


def _service_rate(world: World, shape: str, clients: int, seconds: float) -> float:
    """Return the rate of `clients` processes; forked, because Django takes half a second to load."""
    connections.close_all()
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(clients + 1)
    counts = context.SimpleQueue()
    processes = [
        context.Process(target=_client, args=(world, shape, number, seconds, barrier, counts), daemon=True)
        for number in range(clients)
    ]
    for process in processes:
        process.start()
    barrier.wait(_START_LIMIT)
    rates = [counts.get() for _ in processes]
    for process in processes:
        process.join()
    return float(sum(rates))


def _client(
    world: World,
    shape: str,
    number: int,
    seconds: float,
    barrier: multiprocessing.synchronize.Barrier,
    rates: Any,
) -> None:
    connection.ensure_connection()
    chance = random.Random(number)
    barrier.wait(_START_LIMIT)
    started = time.monotonic()
    done = 0
    while time.monotonic() < started + seconds:
        product = world.hot if shape == "hot" else spread_id(chance.randrange(SPREAD))
        _reserve(world.organization_id, product)
        done += 1
    rates.put(done / (time.monotonic() - started))
    connection.close()


def _reserve(organization_id: UUID, product: UUID) -> None:
    held = unit_of_work(
        lambda: reserve_stock(
            organization_id=organization_id,
            owner=Owner(owner_type="bench", owner_id=uuid7()),
            wants=[Want(product_id=product, quantity=1)],
            expires_at=datetime.now(UTC) + timedelta(hours=1),
        )
    )
    assert isinstance(held, Held)
