"""Guards look at all rows, whatever row-level security shows to whoever writes."""

import re

import psycopg
import pytest
from django.db import connection

from holo.stack.fences import tables_of_organizations
from holo.stack.postgres import PostgresServer
from inventory.models import Reservation
from orders.models import Order
from tests.security.targets import as_app
from tests.stories import Shop

_TURN_TO = "SET holo.organizations = '{}';"
# A row of the fenced organisation's own stock in the hold of another one.
_LINE = """
INSERT INTO inventory_reservationline (organization_id, reservation_id, stock_level_id, product_id,
    warehouse_id, quantity)
SELECT organization_id, '{hold}', id, product_id, warehouse_id, 1 FROM inventory_stocklevel LIMIT 1;
"""
# The first row lets PostgreSQL work out the policy; the second turns away before its own guards look.
_ABORT = """
INSERT INTO orders_orderabort (order_id, organization_id, ends_as, reason, actor_label, created_at)
SELECT id, organization_id, 'cancelled', 'requested',
    CASE n WHEN 1 THEN 'x' ELSE left('x' || set_config('holo.organizations', '{other}', true), 1) END, now()
FROM unnest(ARRAY['{waiting}', '{paid}']::uuid[]) WITH ORDINALITY AS u (pick, n)
JOIN orders_order o ON o.id = u.pick ORDER BY n;
"""


def blinding(scene: tuple[Shop, Shop]) -> dict[str, str]:
    """Return what raw SQL tries in front of guards that it has blinded, and the guard that must see it."""
    own, other = scene
    hold = Reservation.objects.filter(organization=other.organization, state="held")
    orders = Order.objects.filter(organization=own.organization)
    blind = {"other": other.organization.pk}
    return {
        "inventory_check_new_lines": _TURN_TO.format(own.organization.pk)
        + _LINE.format(hold=hold.values_list("pk", flat=True)[0]),
        "orders_check_outcome": _TURN_TO.format(own.organization.pk)
        + _ABORT.format(
            waiting=orders.get(status="awaiting_payment").pk,
            paid=orders.get(status="fulfilling").pk,
            **blind,
        ),
    }


@pytest.mark.parametrize("guard", ["inventory_check_new_lines", "orders_check_outcome"])
def test_guard_sees_the_rows_that_are_hidden_from_whoever_writes(
    guard: str, postgres: PostgresServer, module_database: str, scene: tuple[Shop, Shop]
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        as_app(blinding(scene)[guard], postgres, module_database)


@pytest.mark.parametrize("guard", ["inventory_check_new_lines", "orders_check_outcome"])
def test_control_guard_that_sees_as_the_writer_does_is_blind(
    guard: str, postgres: PostgresServer, module_database: str, scene: tuple[Shop, Shop]
) -> None:
    with psycopg.connect(postgres.owner_url(module_database)) as own:
        own.execute(f"ALTER FUNCTION {guard}() SECURITY INVOKER".encode())
        own.commit()
        try:
            with psycopg.connect(postgres.app_url(module_database)) as app:
                app.execute(blinding(scene)[guard].encode())
                app.execute("SET CONSTRAINTS ALL IMMEDIATE")
                app.rollback()
        finally:
            own.execute(f"ALTER FUNCTION {guard}() SECURITY DEFINER".encode())


def test_every_guard_that_looks_at_rows_looks_at_all(fresh_database: str) -> None:
    """A function of a trigger that runs as whoever writes names no table that has a policy."""
    with connection.cursor() as cursor:
        fenced = [table.name for table in tables_of_organizations(cursor)]
        cursor.execute(
            "SELECT proname, prosrc, prosecdef FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace AND prorettype = 'trigger'::regtype"
        )
        naming = {
            name: as_owner
            for name, text, as_owner in cursor.fetchall()
            if set(re.findall(r"\w+", text)) & set(fenced)
        }
    assert sum(naming.values()) > 6
    # It takes something away, and from the person alone who loses it.
    assert {name for name, as_owner in naming.items() if not as_owner} == {"apiauth_end_codes"}
