"""The database's own guards, attacked by raw SQL: as the app role, then as the owner of the tables."""

from datetime import timedelta

import psycopg
import pytest
from django.utils import timezone
from psycopg import errors

from holo.common.db import unit_of_work
from holo.common.ids import uuid7
from holo.stack.postgres import PostgresServer
from inventory.models import Product, Reservation, StockLevel, Warehouse
from inventory.operations import Held, Owner, Want, consume_reservation, release_reservation, reserve_stock
from tests.builders import build_organization, build_product, build_stock, build_warehouse

ENDED = "UPDATE inventory_reservation SET {} WHERE state = 'released'"
OPEN = "UPDATE inventory_reservation SET {} WHERE state = 'held'"
LINE = (
    "INSERT INTO inventory_reservationline"
    " (organization_id, reservation_id, stock_level_id, product_id, warehouse_id, quantity)"
    " SELECT {} FROM inventory_reservation r, inventory_stocklevel s WHERE {}"
)
MOVEMENT_COLUMNS = (
    "INSERT INTO inventory_stockmovement (organization_id, stock_level_id, product_id, warehouse_id, kind,"
    " quantity, reservation_line_id, owner_type, owner_id, actor_label, note)"
)
MOVEMENT = MOVEMENT_COLUMNS + " SELECT {} FROM inventory_stocklevel s WHERE s.on_hand = 10"
SHELF = "s.organization_id, s.id, s.product_id, s.warehouse_id"
STRANGER = "s.organization_id, s.id, gen_random_uuid(), s.warehouse_id"

# What nobody may do, not even the owner of the tables: SQL, and the name in the refusal.
ATTACKS = [
    ("UPDATE inventory_stocklevel SET reserved = on_hand + 1", "reserved_fits"),
    ("UPDATE inventory_stocklevel SET reserved = -1", "reserved_fits"),
    ("UPDATE inventory_stocklevel SET on_hand = -1, reserved = 0", "reserved_fits"),
    ("UPDATE inventory_stocklevel SET on_hand = 1000000001", "on_hand_range"),
    ("UPDATE inventory_product SET price_minor = 0", "inventory_product_price"),
    ("UPDATE inventory_product SET currency = 'USD'", "inventory_product_currency"),
    (ENDED.format("state = 'held', ended_at = NULL"), "ends_once"),
    (ENDED.format("state = 'consumed'"), "ends_once"),
    (ENDED.format("expires_at = now()"), "ends_once"),
    (OPEN.format("owner_id = gen_random_uuid()"), "ends_once"),
    (OPEN.format("state = 'released'"), "ended_when_over"),
    (OPEN.format("state = 'lost', ended_at = now()"), "ended_when_over"),
    ("DELETE FROM inventory_reservation", "ends_once"),
    (
        "INSERT INTO inventory_reservation (id, organization_id, owner_type, owner_id, expires_at, state)"
        " SELECT gen_random_uuid(), organization_id, owner_type, owner_id, now(), 'held'"
        " FROM inventory_reservation WHERE state = 'held'",
        "held_once",
    ),
    (LINE.format("s.organization_id, r.id, s.id, s.product_id, s.warehouse_id, 0", "true"), "quantity"),
    (
        LINE.format(
            "s.organization_id, r.id, s.id, s.product_id, s.warehouse_id, 1",
            "r.state = 'released' AND s.on_hand = 5",
        ),
        "of_open_reservation",
    ),
    (
        LINE.format(
            "s.organization_id, r.id, s.id, s.product_id, s.warehouse_id, 1",
            "r.state = 'held' AND s.organization_id <> r.organization_id",
        ),
        "of_open_reservation",
    ),
    (
        LINE.format(
            "r.organization_id, r.id, s.id, s.product_id, s.warehouse_id, 1",
            "r.state = 'held' AND s.organization_id <> r.organization_id",
        ),
        "same_stock",
    ),
    (
        LINE.format(
            "s.organization_id, r.id, s.id, s.product_id, s.warehouse_id, 1",
            "r.state = 'held' AND s.organization_id = r.organization_id",
        ),
        "reservationline_once",
    ),
    (MOVEMENT.format(f"{SHELF}, 'receipt', 0, NULL, '', NULL, 'x', ''"), "kind_fits"),
    (MOVEMENT.format(f"{SHELF}, 'receipt', -1, NULL, '', NULL, 'x', ''"), "kind_fits"),
    (MOVEMENT.format(f"{SHELF}, 'adjustment', 0, NULL, '', NULL, 'x', ''"), "kind_fits"),
    (MOVEMENT.format(f"{SHELF}, 'shipment', -1, NULL, 't', gen_random_uuid(), 'x', ''"), "kind_fits"),
    (MOVEMENT.format(f"{SHELF}, 'stolen', -1, NULL, '', NULL, 'x', ''"), "kind_fits"),
    (MOVEMENT.format(f"{STRANGER}, 'receipt', 1, NULL, '', NULL, 'x', ''"), "same_stock"),
    (
        MOVEMENT_COLUMNS
        + " SELECT organization_id, stock_level_id, product_id, warehouse_id, kind, quantity,"
        " reservation_line_id, owner_type, owner_id, actor_label, note"
        " FROM inventory_stockmovement WHERE kind = 'shipment'",
        "reservation_line_id",
    ),
    (
        "INSERT INTO inventory_stocklevel (organization_id, product_id, warehouse_id, on_hand, reserved)"
        " SELECT w.organization_id, p.id, w.id, 1, 0 FROM inventory_product p, inventory_warehouse w"
        " WHERE p.organization_id <> w.organization_id",
        "same_product",
    ),
]
HISTORY = ["inventory_stockmovement", "inventory_reservationline"]


@pytest.fixture
def stock(fresh_database: str) -> None:
    """Two organisations; in the first a released, a held and a consumed reservation."""
    organization, stranger = build_organization(), build_organization()
    product = build_product(organization=organization)
    build_stock(product=product, warehouse=build_warehouse(organization=organization), on_hand=11)
    build_stock(product=product, warehouse=build_warehouse(organization=organization, priority=2), on_hand=5)
    other = build_product(organization=stranger)
    build_stock(product=other, warehouse=build_warehouse(organization=stranger), on_hand=7)
    owners = [Owner(owner_type="test.order", owner_id=uuid7()) for _ in range(3)]
    for owner in owners:
        assert isinstance(_reserve(product, owner), Held)
    unit_of_work(lambda: release_reservation(owner=owners[0]))
    unit_of_work(lambda: consume_reservation(owner=owners[2], actor_label="x"))
    assert sorted(Reservation.objects.values_list("state", flat=True)) == ["consumed", "held", "released"]


def _reserve(product: Product, owner: Owner) -> object:
    return unit_of_work(
        lambda: reserve_stock(
            organization_id=product.organization_id,
            owner=owner,
            wants=[Want(product_id=product.pk, quantity=1)],
            expires_at=timezone.now() + timedelta(hours=1),
        )
    )


def _rows() -> list[object]:
    models = (Product, Warehouse, StockLevel, Reservation)
    return [row for model in models for row in model._default_manager.order_by("pk").values()]


def _refused_with(url: str, sql: str) -> psycopg.Error:
    """Run SQL and commit; return the error."""
    with psycopg.connect(url) as attacker, pytest.raises(psycopg.Error) as refusal, attacker.transaction():
        attacker.execute(sql.encode())
    return refusal.value


@pytest.mark.usefixtures("stock")
def test_attacks_are_refused_and_change_nothing(fresh_database: str, postgres: PostgresServer) -> None:
    """As the app role and as the owner alike."""
    before = _rows()
    urls = [postgres.app_url(fresh_database), postgres.owner_url(fresh_database)]
    for sql, rule in ATTACKS:
        for url in urls:
            error = _refused_with(url, sql)
            if isinstance(error, errors.InsufficientPrivilege) and url == urls[0]:
                continue
            assert isinstance(error, errors.IntegrityError), (sql, error)
            assert rule in str(error) or rule in (error.diag.constraint_name or ""), (sql, error)
    assert _rows() == before


@pytest.mark.usefixtures("stock")
@pytest.mark.parametrize("table", HISTORY)
def test_history_is_neither_changed_nor_removed(
    table: str, fresh_database: str, postgres: PostgresServer
) -> None:
    """The app role lacks the right; the trigger stops the owner too, also in replica mode."""
    column = "quantity"
    for sql in (
        f"UPDATE {table} SET {column} = {column} + 1",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
    ):
        refused = _refused_with(postgres.app_url(fresh_database), sql)
        assert isinstance(refused, errors.InsufficientPrivilege | errors.CheckViolation)
        assert isinstance(_refused_with(postgres.owner_url(fresh_database), sql), errors.CheckViolation)
        replica = f"SET session_replication_role = replica; {sql}"
        refused = _refused_with(postgres.superuser_dsn(fresh_database), replica)
        assert isinstance(refused, errors.CheckViolation)


@pytest.mark.usefixtures("stock")
def test_app_role_cannot_lift_a_guard(fresh_database: str, postgres: PostgresServer) -> None:
    for sql in (
        "ALTER TABLE inventory_stocklevel DROP CONSTRAINT inventory_stocklevel_reserved_fits",
        "ALTER TABLE inventory_reservation DISABLE TRIGGER ALL",
        "DROP TRIGGER inventory_reservation_ends_once ON inventory_reservation",
        "TRUNCATE inventory_reservation CASCADE",
        "SET session_replication_role = replica",
    ):
        refused = _refused_with(postgres.app_url(fresh_database), sql)
        assert isinstance(refused, errors.InsufficientPrivilege), sql
