"""Facts that never change cannot be changed by the app role's raw SQL, and no command or form tries to.

The tables of columns and rights are read from the database and from the models, so that a new table or column
is in them the day it is made.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from holo.apiauth.models import ApiKey
from holo.apiauth.services import revoke_api_key
from holo.common.records import FrozenFieldError, Record
from holo.stack.doctor import _roles
from holo.stack.grants import declared_rights, wider_than_declared
from holo.stack.postgres import APP, PostgresServer
from inventory.models import Product
from orders.models import Order, OrderEvent
from tests.api.people import build_key
from tests.conftest import OwnerAccess
from tests.security.targets import as_app
from tests.stories import PHONE, Shop, build_shop

_OURS = ("holo.", "inventory.", "ledger.", "orders.", "workflows.")
# Never written while the product runs: permissions and kinds of content come with `migrate`.
_READ_ONLY = {"auth_permission", "django_content_type", "django_migrations"}
# References between rows of organisations that a composite key does not guard, and what does.
_OTHERWISE = {
    ("inventory_reservationline", "reservation_id"): "a trigger compares the two when a line is added",
    ("inventory_stockmovement", "reservation_line_id"): "lines and movements name the same shelf",
}


# --- What models declare, and what the database grants --------------------------------------------


@pytest.mark.pure
def test_every_model_declares_which_columns_change() -> None:
    models = [model for model in apps.get_models() if model.__module__.startswith(_OURS)]
    assert len(models) > 30
    for model in models:
        assert issubclass(model, Record), model
        names = {field.name for field in model._meta.concrete_fields}
        assert model.mutable <= names, (model, model.mutable - names)
        # Whose row it is may be unknown at first, and is then set once.
        whose = {
            field.name
            for field in model._meta.concrete_fields
            if field.name == "organization" and not field.null
        }
        assert not model.mutable & {"id", "created_at", *whose}, model


def test_app_role_updates_declared_columns_and_deletes_where_rows_are_deleted(
    postgres: PostgresServer, module_database: str
) -> None:
    """Every column and every table is tried."""
    declared = declared_rights()
    with psycopg.connect(postgres.app_url(module_database)) as app:
        columns = app.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND is_generated = 'NEVER' ORDER BY 1, 2"
        ).fetchall()
        tables = sorted({table for table, _column in columns})
        assert len(columns) > 300
        for table, column in columns:
            try_it = sql.SQL("UPDATE {} SET {} = NULL WHERE false").format(
                sql.Identifier(table), sql.Identifier(column)
            )
            assert passes(app, try_it) == (column in declared[table].update), (table, column)
        for table in tables:
            name = sql.Identifier(table)
            assert passes(app, sql.SQL("DELETE FROM {} WHERE false").format(name)) == declared[table].delete
            assert not passes(app, sql.SQL("TRUNCATE {}").format(name)), table
            cursor = app.execute("SELECT has_any_column_privilege(%s, 'INSERT')", [table])
            assert cursor.fetchone() == (table not in _READ_ONLY,), table


def passes(app: psycopg.Connection[Any], statement: sql.Composed) -> bool:
    try:
        with app.transaction():
            app.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def test_rows_of_two_organisations_name_each_other_nowhere(fresh_database: str) -> None:
    """Every foreign key from a row of an organisation to another one carries the organisation."""
    with connection.cursor() as cursor:
        cursor.execute("""
WITH owned AS (SELECT attrelid FROM pg_attribute WHERE attname = 'organization_id' AND NOT attisdropped),
keys AS (
    SELECT k.conrelid, k.confrelid, ARRAY(SELECT a.attname::text FROM unnest(k.conkey) n
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n) AS columns
    FROM pg_constraint k WHERE k.contype = 'f'
)
SELECT conrelid::regclass::text, columns[1] FROM keys k
WHERE cardinality(columns) = 1 AND conrelid IN (SELECT * FROM owned) AND confrelid IN (SELECT * FROM owned)
AND NOT EXISTS (SELECT FROM keys w WHERE w.conrelid = k.conrelid AND w.confrelid = k.confrelid
                AND cardinality(w.columns) > 1 AND k.columns <@ w.columns)
""")
        alone = {(table, column) for table, column in cursor.fetchall()}
        cursor.execute("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND cardinality(conkey) > 1")
        assert cursor.fetchone()[0] > 15
    assert alone <= set(_OTHERWISE), alone - set(_OTHERWISE)


def test_functions_that_run_as_the_owner_are_these_and_write_no_table(fresh_database: str) -> None:
    """What the owner writes no policy stops, so a table written here would need FORCE ROW LEVEL SECURITY."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, prosrc, proconfig FROM pg_proc"
            " WHERE prosecdef AND pronamespace = 'public'::regnamespace ORDER BY 1"
        )
        found = cursor.fetchall()
    assert [name for name, *_rest in found] == [
        "approvals_check_auditor",
        "approvals_check_decision",
        "approvals_check_request",
        "inventory_check_new_lines",
        "orders_add_sequence",
        "orders_check_event",
        "orders_check_handover",
        "orders_check_outcome",
        "orders_next_number",
        "orders_refuse_order_change",
        "secretstore_check_wipe",
    ]
    for name, text, options in found:
        # A lock, and an operation's name to compare with, write nothing.
        read = re.sub(r"FOR NO KEY UPDATE|'[A-Z]+'", "", text.upper())
        assert not {"INSERT", "UPDATE", "DELETE", "TRUNCATE", "MERGE"} & set(re.findall(r"\w+", read)), name
        assert any(option.startswith("search_path=") and option.endswith("pg_temp") for option in options)


# --- Rights are tightened when all processes run the new version ----------------------------------


def test_migrate_takes_no_rights_away_until_it_is_told_to(owner: OwnerAccess) -> None:
    owner.execute(f"GRANT UPDATE, DELETE ON orders_order TO {APP}")
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        assert wider_than_declared(cursor, APP) == ["orders_order"]
    found = _roles("here")
    assert (found.good, "migrate --tighten" in found.detail) == (False, True)
    call_command("migrate", verbosity=0, tighten=True)
    with connection.cursor() as cursor:
        assert wider_than_declared(cursor, APP) == []
    assert _roles("here").good


def test_new_table_has_what_is_declared_from_the_start(owner: OwnerAccess) -> None:
    owner.execute(f"REVOKE ALL ON orders_order FROM {APP}")
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        assert wider_than_declared(cursor, APP) == []
        cursor.execute("UPDATE orders_order SET status = status WHERE false")


# --- Attacks ---------------------------------------------------------------------------------------


_PLACES = {
    ":paid": "(SELECT id FROM orders_order WHERE status = 'fulfilling')",
    ":waiting": "(SELECT id FROM orders_order WHERE status = 'awaiting_payment')",
}


def attacks() -> dict[str, str]:
    """Return the statements of `attacks.sql` by title."""
    text = Path(__file__).with_name("attacks.sql").read_text()
    for place, query in _PLACES.items():
        text = text.replace(place, query)
    return dict(re.findall(r"^-- (.+)\n([^;]+);", text, re.MULTILINE))


ATTACKS = attacks()


@pytest.fixture(scope="module")
def key_that_ended(scene: tuple[Shop, Shop]) -> None:
    """A key to attack."""
    build_key(owner=scene[0].seller, organization=scene[0].organization, scopes=["organization:read"])
    revoke_api_key(actor=None, key_id=ApiKey.objects.get().pk)
    build_key(owner=scene[0].seller, organization=scene[0].organization, scopes=["organization:read"])


@pytest.mark.usefixtures("scene", "key_that_ended")
@pytest.mark.parametrize("name", ATTACKS)
def test_raw_sql_of_the_app_role_changes_no_fact(
    name: str, postgres: PostgresServer, module_database: str
) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.IntegrityError)):
        as_app(ATTACKS[name], postgres, module_database)


@pytest.fixture
def planted(
    postgres: PostgresServer, module_database: str, scene: object
) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the app role whose changes are undone."""
    with psycopg.connect(postgres.app_url(module_database)) as app:
        yield app
        app.rollback()


def test_time_of_an_entry_is_the_databases_and_never_before_the_last(
    planted: psycopg.Connection[Any],
) -> None:
    planted.execute(
        f"""
INSERT INTO orders_orderevent (order_id, organization_id, version, kind, from_status, to_status, actor_label,
    data, request_id, created_at)
SELECT id, organization_id, version + 1, 'note', '', '', 'x', '{{}}', '', now() - interval '10 years'
FROM orders_order WHERE id = {_PLACES[":paid"]}
""".encode()
    )
    row = planted.execute(
        f"""
SELECT created_at >= lag(created_at) OVER (ORDER BY version) FROM orders_orderevent
WHERE order_id = {_PLACES[":paid"]} ORDER BY version DESC LIMIT 1
""".encode()
    )
    assert row.fetchone() == (True,)


def test_time_of_a_row_of_the_trail_is_the_databases(planted: psycopg.Connection[Any]) -> None:
    planted.execute(
        "INSERT INTO audit_auditevent (organization_id, actor_label, action, subject_type, subject_id, data,"
        " request_id, created_at) SELECT id, 'x', 'x', 'x', 'x', '{}', '', now() - interval '1 year'"
        " FROM identity_organization LIMIT 1"
    )
    row = planted.execute(
        "SELECT max(created_at) > now() - interval '1 hour' FROM audit_auditevent WHERE action = 'x'"
    )
    assert row.fetchone() == (True,)


@pytest.mark.parametrize(
    ("undo", "attack"),
    [
        ("DROP TRIGGER orders_orderevent_next ON orders_orderevent", "an entry out of turn"),
        ("DROP TRIGGER orders_orderhandover_paid ON orders_orderhandover", "a handover of what is not paid"),
        ("DROP TRIGGER orders_payment_set_once ON orders_payment", "when it was captured"),
        ("DROP TRIGGER orders_order_facts ON orders_order", "where a labelled order goes"),
        (
            "DROP TRIGGER approvals_approvaldecision_is_auditor ON approvals_approvaldecision",
            "a decision by an auditor of others",
        ),
        (
            "ALTER TABLE orders_orderline DROP CONSTRAINT orders_orderline_same_product",
            "a line of a product of others",
        ),
        ("DROP TRIGGER orders_payment_one_way ON orders_payment", "a captured payment asked for again"),
        ("DROP TRIGGER orders_shipment_written_once ON orders_shipment", "another label on a parcel"),
        ("DROP TRIGGER staff_secondfactor_code_once ON staff_secondfactor", "a one-time code accepted again"),
        ("DROP TRIGGER outbox_outboxmessage_kept ON outbox_outboxmessage", "a message lost"),
        (
            "DROP TRIGGER secretstore_secretversion_wiped_when_deleted ON secretstore_secretversion",
            "a value of a live secret wiped",
        ),
        (f"GRANT UPDATE ON orders_order TO {APP}", "when it was placed"),
        (f"GRANT DELETE ON django_admin_log TO {APP}", "Django's own log shortened"),
    ],
)
def test_control_without_its_guard_the_attack_gets_through(
    undo: str, attack: str, postgres: PostgresServer, module_database: str, scene: object
) -> None:
    with psycopg.connect(postgres.owner_url(module_database)) as own:
        own.execute(undo.encode())
        own.execute(ATTACKS[attack].encode())
        own.execute("SET CONSTRAINTS ALL IMMEDIATE")
        own.rollback()


# --- What a save writes ----------------------------------------------------------------------------


@pytest.mark.django_db
def test_save_writes_what_changes_and_refuses_the_rest() -> None:
    shop = build_shop()
    product = Product.objects.get(pk=shop.products[PHONE].pk)
    product.name = "another"
    product.save()
    assert Product.objects.get(pk=product.pk).name == "another"
    product.sku = "another"
    with pytest.raises(FrozenFieldError, match=r"inventory\.Product never changes sku"):
        product.save()
    with pytest.raises(FrozenFieldError, match="sku"):
        product.save(update_fields=["sku"])


@pytest.mark.django_db
def test_frozen_field_that_is_named_and_as_it_was_read_is_left_out() -> None:
    """As `update_or_create` names what a first save would set by itself."""
    product = Product.objects.get(pk=build_shop().products[PHONE].pk)
    product.name = "another"
    product.save(update_fields=["name", "sku", "created_at"])
    assert Product.objects.get(pk=product.pk).name == "another"


@pytest.mark.django_db
def test_row_that_never_changes_can_be_saved_as_it_is() -> None:
    entry = OrderEvent.objects.filter(order=build_shop().place(PHONE)).latest("id")
    entry.save()
    entry.kind = "another"
    with pytest.raises(FrozenFieldError, match="kind"):
        entry.save()


@pytest.mark.django_db
def test_row_that_was_read_in_part_writes_that_part() -> None:
    order = build_shop().place(PHONE)
    part = Order.objects.only("version").get(pk=order.pk)
    part.version = 7
    part.save()
    assert Order.objects.values_list("version", "status").get(pk=order.pk) == (7, order.status)


@pytest.mark.django_db
def test_each_organisation_numbers_its_orders_by_itself() -> None:
    first, second = build_shop(), build_shop()
    numbers = [
        order.number.rpartition("-")[2]
        for order in (first.place(PHONE), first.place(PHONE), second.place(PHONE))
    ]
    assert numbers == ["000001", "000002", "000001"]
