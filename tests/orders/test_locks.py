"""What a lock reads is what was committed while it was waited for."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, connections

from holo.common.actor import OrganizationId, system_actor
from holo.common.db import unit_of_work
from holo.common.errors import NotFoundError
from holo.common.ids import uuid7
from orders.locks import lock_order, lock_payment, lock_shipment
from orders.models import Order
from tests.stories import PHONE, Shop, build_shop, charge

# The lock and its reads in one statement, as they must not be: sub-selects keep the view of its beginning.
_ONE_STATEMENT = """
SELECT EXISTS (SELECT FROM orders_orderabort WHERE order_id = o.id)
FROM orders_order o WHERE o.id = %s FOR NO KEY UPDATE
"""


@pytest.fixture
def shop(fresh_database: str) -> Shop:
    """A shop on a database of its own."""
    return build_shop()


def during_a_cancel(shop: Shop, order: Order, read: Callable[[], bool]) -> bool:
    """Return what `read` sees, whose lock a cancel holds when it begins and gives up by its commit."""
    seen: list[bool] = []

    def wait() -> None:
        try:
            seen.append(unit_of_work(read))
        finally:
            connections.close_all()

    waiter = threading.Thread(target=wait)

    def cancel() -> None:
        lock_order(order.pk)
        waiter.start()
        with connection.cursor() as cursor:
            while True:
                cursor.execute(
                    "SELECT count(*) FROM pg_locks"
                    " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
                )
                if cursor.fetchone() == (1,):
                    break
            cursor.execute(
                "INSERT INTO orders_orderabort"
                " (order_id, organization_id, ends_as, reason, actor_label, created_at)"
                " VALUES (%s, %s, 'cancelled', 'requested', 'test', now())",
                [order.pk, shop.organization.pk],
            )

    unit_of_work(cancel)
    waiter.join(60)
    return seen[0]


def test_abort_committed_during_the_wait_is_seen(shop: Shop) -> None:
    order = shop.place(PHONE)
    assert during_a_cancel(shop, order, lambda: bool(lock_order(order.pk).aborted)) is True


def test_one_statement_would_not_see_it(shop: Shop) -> None:
    """The positive control: what the lock's several statements are there for."""
    order = shop.place(PHONE)

    def read() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(_ONE_STATEMENT, [order.pk])
            row = cursor.fetchone()
        assert row is not None
        return bool(row[0])

    assert during_a_cancel(shop, order, read) is False


def test_locked_rows_equal_the_plain_ones(shop: Shop) -> None:
    order = shop.place(PHONE)
    payment_id = shop.pay(order)
    step = charge(payment_id)

    def read() -> None:
        locked, payment = lock_payment(payment_id)
        again, shipment = lock_shipment(step.shipment_ids[0])
        for row in (locked, again, payment, shipment, shipment.warehouse):
            plain = type(row).objects.get(pk=row.pk)
            assert {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields} == {
                f.attname: getattr(plain, f.attname) for f in row._meta.concrete_fields
            }
        assert (locked.aborted, locked.handed_over) == (False, False)

    unit_of_work(read)


def test_absent_and_foreign_orders_are_not_found(shop: Shop) -> None:
    order = shop.place(PHONE)
    for read in (
        lambda: lock_order(uuid7()),
        lambda: lock_order(order.pk, actor=system_actor(OrganizationId(uuid7()))),
        lambda: lock_payment(uuid7())[0],
        lambda: lock_shipment(uuid7())[0],
    ):
        with pytest.raises(NotFoundError):
            unit_of_work(read)
