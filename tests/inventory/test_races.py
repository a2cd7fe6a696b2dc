"""Buyers at the same instant. First the positive controls: they show each race with its guard off."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import IntegrityError, connection
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from holo.common.actor import OrganizationId, system_actor
from holo.common.db import unit_of_work
from holo.common.errors import BusyError
from holo.common.ids import uuid7
from holo.common.money import parse_amount
from holo.stack.postgres import PostgresServer
from inventory import locks, operations
from inventory.allocation import Shelf
from inventory.errors import (
    AlreadyReservedError,
    ReservationEndedError,
    SkuTakenError,
    WarehouseCodeTakenError,
)
from inventory.models import Product, Reservation, StockLevel, StockMovement, Warehouse
from inventory.operations import (
    Held,
    Owner,
    Short,
    Want,
    consume_reservation,
    extend_reservation,
    release_reservation,
    reserve_stock,
)
from inventory.selectors import list_stock_drift, stock_snapshot
from inventory.services import create_product, create_warehouse
from tests.builders import build_organization, build_product, build_stock, build_warehouse
from tests.conftest import OwnerAccess
from tests.proof import Proof, dice, rounds
from tests.racing import race

pytestmark = pytest.mark.usefixtures("fresh_database")

BUYERS, UNITS = 100, 10
GUARD = " AND s.on_hand - s.reserved >= share.quantity"
LOCK = " FOR NO KEY UPDATE OF s"
DROP_CHECK = "ALTER TABLE inventory_stocklevel DROP CONSTRAINT inventory_stocklevel_reserved_fits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What became of a rush: how many of each outcome, and what the rows say."""

    sold: int
    short: int
    errors: list[Exception]
    pieces_in_lines: int
    counter: tuple[int, int]
    drift: int
    deadlocks: int

    @property
    def is_exact(self) -> bool:
        """Tell whether all units were sold once and every other buyer was told that there are none."""
        return (
            (self.sold, self.short, self.errors) == (UNITS, BUYERS - UNITS, [])
            and self.pieces_in_lines == UNITS
            and self.counter == (UNITS, UNITS)
            and (self.drift, self.deadlocks) == (0, 0)
        )


def buy(*products: Product, owner: Owner | None = None, quantity: int = 1) -> Held | Short:
    """Reserve the same quantity of each product, in this order, for an owner of its own."""
    owner = owner or Owner(owner_type="test.order", owner_id=uuid7())
    wants = [Want(product_id=product.pk, quantity=quantity) for product in products]
    organization_id = products[0].organization_id
    expires_at = timezone.now() + timedelta(hours=1)
    return unit_of_work(
        lambda: reserve_stock(
            organization_id=organization_id, owner=owner, wants=wants, expires_at=expires_at
        )
    )


def release(owner: Owner) -> bool:
    return unit_of_work(lambda: release_reservation(owner=owner))


def consume(owner: Owner) -> bool:
    return unit_of_work(lambda: consume_reservation(owner=owner, actor_label="x"))


def failures(outcomes: Sequence[object]) -> list[Exception]:
    return [outcome for outcome in outcomes if isinstance(outcome, Exception)]


def product_with(units: int) -> Product:
    organization = build_organization()
    product = build_product(organization=organization, sku="hot")
    build_stock(product=product, warehouse=build_warehouse(organization=organization), on_hand=units)
    return product


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def rush() -> Sale:
    """Let all buyers ask for one of few units at once."""
    product = product_with(UNITS)
    outcomes = race([lambda: buy(product)] * BUYERS)
    held = [outcome.reservation_id for outcome in outcomes if isinstance(outcome, Held)]
    lines = Reservation.objects.filter(pk__in=held).values_list("lines__quantity", flat=True)
    return Sale(
        sold=len(held),
        short=sum(isinstance(outcome, Short) for outcome in outcomes),
        errors=failures(outcomes),
        pieces_in_lines=sum(lines),
        counter=stock_snapshot(product.organization_id)["hot"],
        drift=len(list_stock_drift(product.organization_id)),
        deadlocks=deadlocks(),
    )


def without_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the row locks away, and let every buyer read before the first one writes."""
    assert LOCK in locks._SHELVES
    monkeypatch.setattr(locks, "_SHELVES", locks._SHELVES.replace(LOCK, ""))
    everybody_has_read = threading.Barrier(BUYERS)

    def read_then_wait(*, organization_id: UUID, product_ids: Iterable[UUID]) -> list[Shelf]:
        shelves = locks.lock_shelves(organization_id=organization_id, product_ids=product_ids)
        everybody_has_read.wait(60)
        return shelves

    monkeypatch.setattr(operations, "lock_shelves", read_then_wait)


def without_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the condition out of the UPDATE."""
    assert GUARD in operations._HOLD
    monkeypatch.setattr(operations, "_HOLD", operations._HOLD.replace(GUARD, ""))


def test_control_no_lock_no_guard_no_check_oversells(
    monkeypatch: pytest.MonkeyPatch, owner: OwnerAccess
) -> None:
    """The race is real: without its guards every buyer gets one of ten units, and `is_exact` sees it."""
    owner.execute(DROP_CHECK)
    without_lock(monkeypatch)
    without_guard(monkeypatch)
    sale = rush()
    assert (sale.sold, sale.counter) == (BUYERS, (UNITS, BUYERS))
    assert not sale.is_exact


def test_control_products_locked_one_by_one_in_the_order_asked_deadlock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two baskets in opposite order meet half-way when their locks are not taken in one order."""
    first, second = two_products()
    both_hold_one = threading.Barrier(2)
    has_met = threading.local()

    def one_by_one(*, organization_id: UUID, product_ids: Iterable[UUID]) -> list[Shelf]:
        shelves: list[Shelf] = []
        for product_id in product_ids:
            shelves += locks.lock_shelves(organization_id=organization_id, product_ids=[product_id])
            if not hasattr(has_met, "once"):
                has_met.once = True
                both_hold_one.wait(60)
        return shelves

    monkeypatch.setattr(operations, "lock_shelves", one_by_one)
    race([lambda: buy(first, second), lambda: buy(second, first)])
    assert deadlocks() == 1


@pytest.mark.prove
def test_hundred_buyers_of_ten_units_exactly_ten_are_sold(proof: Proof) -> None:
    for _ in range(rounds(20)):
        assert rush().is_exact
    proof.note(rounds=rounds(20), buyers=BUYERS, units=UNITS)


def test_lock_removed_the_guarded_update_still_sells_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second fence: a buyer who read old figures writes nothing at all."""
    without_lock(monkeypatch)
    sale = rush()
    assert (sale.sold, sale.pieces_in_lines, sale.counter, sale.drift) == (UNITS, UNITS, (UNITS, UNITS), 0)
    assert not sale.is_exact
    assert all(isinstance(error, AssertionError) for error in sale.errors)


def test_lock_and_guard_removed_the_check_constraint_still_sells_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The third fence is the database's."""
    without_lock(monkeypatch)
    without_guard(monkeypatch)
    sale = rush()
    assert (sale.sold, sale.pieces_in_lines, sale.counter, sale.drift) == (UNITS, UNITS, (UNITS, UNITS), 0)
    assert not sale.is_exact
    assert all(isinstance(error, IntegrityError) for error in sale.errors)


def two_products(units: int = 1000) -> tuple[Product, Product]:
    organization = build_organization()
    warehouse = build_warehouse(organization=organization)
    first, second = (build_product(organization=organization) for _ in range(2))
    for product in (first, second):
        build_stock(product=product, warehouse=warehouse, on_hand=units)
    return first, second


@pytest.mark.prove
def test_baskets_in_opposite_order_never_deadlock(proof: Proof) -> None:
    each, buyers = rounds(200), 20
    baskets = each * buyers
    first, second = two_products(units=baskets)

    def buy_often(products: Sequence[Product]) -> None:
        for _ in range(each):
            assert isinstance(buy(*products), Held)

    orders = [(first, second), (second, first)] * (buyers // 2)
    assert failures(race([partial(buy_often, products) for products in orders], timeout=300)) == []
    assert deadlocks() == 0
    assert stock_snapshot(first.organization_id) == {
        first.sku: (baskets, baskets),
        second.sku: (baskets, baskets),
    }
    assert list_stock_drift(first.organization_id) == []
    proof.note(baskets=baskets, buyers=buyers, deadlocks=0)


def test_row_held_by_a_third_party_is_busy_within_the_lock_timeout(
    fresh_database: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "DB_LOCK_TIMEOUT_MS", 300)
    product = product_with(UNITS)
    with psycopg.connect(postgres.app_url(fresh_database)) as third_party:
        third_party.execute("SELECT 1 FROM inventory_stocklevel FOR UPDATE")
        began = time.monotonic()
        with pytest.raises(BusyError):
            buy(product)
        assert time.monotonic() - began < 0.8
    assert stock_snapshot(product.organization_id) == {"hot": (UNITS, 0)}
    assert isinstance(buy(product), Held)


def test_default_lock_timeout_leaves_half_a_second_to_answer() -> None:
    """A caller is told within 3.5 s that the rows are busy."""
    assert settings.DB_LOCK_TIMEOUT_MS <= 3000


def test_operations_outside_a_transaction_are_refused() -> None:
    owner = Owner(owner_type="test.order", owner_id=uuid7())
    wants = [Want(product_id=uuid7(), quantity=1)]
    moment = timezone.now()
    for call in (
        partial(reserve_stock, organization_id=uuid7(), owner=owner, wants=wants, expires_at=moment),
        partial(extend_reservation, owner=owner, expires_at=moment),
        partial(release_reservation, owner=owner),
        partial(consume_reservation, owner=owner, actor_label="x"),
    ):
        with pytest.raises(TransactionManagementError):
            call()


def test_one_owner_reserves_at_once_many_times_one_hold_is_made() -> None:
    product = product_with(UNITS)
    owner = Owner(owner_type="test.order", owner_id=uuid7())
    outcomes = race([lambda: buy(product, owner=owner)] * 8)
    assert sum(isinstance(outcome, Held) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AlreadyReservedError) for outcome in outcomes) == 7
    assert stock_snapshot(product.organization_id) == {"hot": (UNITS, 1)}


@pytest.mark.prove
def test_hold_released_and_consumed_at_once_ends_once(proof: Proof) -> None:
    product = product_with(rounds(200))
    for _ in range(rounds(200)):
        owner = Owner(owner_type="test.order", owner_id=uuid7())
        buy(product, owner=owner)
        before = stock_snapshot(product.organization_id)["hot"][0]
        ends = [partial(release, owner), partial(consume, owner)] * 4
        outcomes = race(ends)
        assert outcomes.count(True) == 1
        assert all(isinstance(outcome, bool | ReservationEndedError) for outcome in outcomes)
        state = Reservation.objects.get(owner_id=owner.owner_id).state
        shipped = 1 if state == "consumed" else 0
        assert stock_snapshot(product.organization_id)["hot"] == (before - shipped, 0)
    assert list_stock_drift(product.organization_id) == []
    proof.note(rounds=rounds(200))


@pytest.mark.prove
def test_everything_at_once_counters_equal_rows(proof: Proof) -> None:
    """Random baskets reserved, released and consumed by twelve callers; seeded."""
    organization = build_organization()
    warehouses = [build_warehouse(organization=organization, priority=number) for number in range(3)]
    products = [build_product(organization=organization) for _ in range(4)]
    for product in products:
        for warehouse in warehouses:
            build_stock(product=product, warehouse=warehouse, on_hand=15)

    def trade(trader: int) -> None:
        chance = dice(f"trader {trader}")
        for _ in range(rounds(300)):
            owner = Owner(owner_type="test.order", owner_id=uuid7())
            basket = chance.choices(products, k=chance.randint(1, 4))
            if isinstance(buy(*basket, owner=owner, quantity=chance.randint(1, 3)), Short):
                continue
            end = chance.random()
            if end < 0.5:
                assert release(owner)
            elif end < 0.7:
                assert consume(owner)

    assert failures(race([partial(trade, number) for number in range(12)], timeout=300)) == []
    assert deadlocks() == 0
    assert list_stock_drift(organization.pk) == []
    assert StockMovement.objects.filter(kind="shipment").exists()
    proof.note(trades=12 * rounds(300), deadlocks=0)


def test_goods_arrive_at_once_on_a_new_shelf_all_are_counted() -> None:
    organization = build_organization()
    product, warehouse = build_product(organization=organization), build_warehouse(organization=organization)
    outcomes = race([lambda: build_stock(product=product, warehouse=warehouse, on_hand=1)] * 12)
    assert all(isinstance(outcome, StockLevel) for outcome in outcomes)
    assert stock_snapshot(organization.pk) == {product.sku: (12, 0)}
    assert list_stock_drift(organization.pk) == []


def test_of_equal_products_and_warehouses_at_once_one_is_made() -> None:
    organization = build_organization()
    actor = system_actor(OrganizationId(organization.pk))
    price = parse_amount("5", currency="CNY")
    products = race([lambda: create_product(actor=actor, sku="A", name="A", price=price)] * 8)
    warehouses = race([lambda: create_warehouse(actor=actor, code="A", name="A", priority=1)] * 8)
    assert Counter(map(type, products)) == {Product: 1, SkuTakenError: 7}
    assert Counter(map(type, warehouses)) == {Warehouse: 1, WarehouseCodeTakenError: 7}
