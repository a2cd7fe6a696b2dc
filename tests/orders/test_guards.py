"""What the database itself refuses the app role, whatever the code does."""

from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.db.utils import ProgrammingError

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.common.errors import error_table
from holo.common.ids import uuid7
from holo.identity.selectors import AUDITOR_GROUP
from orders.migrations import __path__ as migrations_path
from orders.models import Order
from orders.states import TRANSITIONS
from tests.conftest import OwnerAccess
from tests.stories import MAC, PHONE, Shop, build_person, build_shop, charge, label


@pytest.fixture
def shop(db: None) -> Shop:
    """A shop, rolled back afterwards."""
    return build_shop()


def refused(sql: str, *params: UUID) -> str:
    """Run SQL as the app role; return the name of the constraint, or of the privilege, that refuses it."""
    errors = (IntegrityError, ProgrammingError)
    with pytest.raises(errors) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
    cause = refusal.value.__cause__
    return getattr(getattr(cause, "diag", None), "constraint_name", None) or str(refusal.value)


def test_order_cannot_take_a_move_that_the_table_lacks(shop: Shop) -> None:
    order = shop.place(PHONE)
    assert (
        refused("UPDATE orders_order SET status = 'completed' WHERE id = %s", order.pk)
        == "orders_order_transition"
    )


def test_database_and_code_hold_the_same_transitions() -> None:
    from importlib import import_module

    assert migrations_path
    guards = import_module("orders.migrations.0002_guards")
    in_code = {(str(before), str(after)) for before, targets in TRANSITIONS.items() for after in targets}
    assert set(guards.TRANSITIONS) == in_code


@pytest.mark.parametrize(
    "table",
    [
        "orders_orderevent",
        "orders_orderline",
        "orders_shipmentline",
        "audit_auditevent",
        "inventory_stockmovement",
    ],
)
def test_history_cannot_be_changed_or_removed(shop: Shop, table: str) -> None:
    order = shop.place(PHONE)
    charge(shop.pay(order))
    for sql in (
        f"UPDATE {table} SET organization_id = organization_id",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
    ):
        assert "append_only" in (answer := refused(sql)) or "permission denied" in answer, sql


def test_abort_and_handover_exclude_each_other(shop: Shop) -> None:
    order = shop.place(PHONE)
    (shipment,) = charge(shop.pay(order)).shipment_ids
    label(shipment)
    assert (
        refused(
            "INSERT INTO orders_orderabort"
            " (order_id, organization_id, ends_as, reason, actor_label, created_at)"
            " VALUES (%s, %s, 'cancelled', 'requested', 'x', now())",
            order.pk,
            shop.organization.pk,
        )
        == "orders_order_one_outcome"
    )


DECIDE = (
    "INSERT INTO approvals_approvaldecision"
    " (id, request_id, actor_id, verdict, reason, digest_seen, created_at)"
    " VALUES (%s, %s, %s, 'approve', '', '', now())"
)


def test_contributor_cannot_decide_even_by_sql(shop: Shop) -> None:
    order = shop.place(MAC)
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    answer = refused(DECIDE, uuid7(), request.pk, shop.seller.pk)
    assert answer == "approvals_decision_second_person"
    assert not ApprovalDecision.objects.exists()


def test_closed_request_takes_no_decision_and_stays_closed(shop: Shop) -> None:
    order = shop.place(MAC)
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    assert (
        refused(
            "UPDATE approvals_approvalrequest SET state = 'approved', closed_at = now() WHERE id = %s",
            request.pk,
        )
        == "approvals_request_needs_decision"
    )
    decide(actor=shop.auditor_actor, request_id=request.pk, verdict=ApprovalDecision.Verdict.REJECT)
    other = build_person(shop.organization, "other", auditor=True)
    assert refused(DECIDE, uuid7(), request.pk, other.pk) == "approvals_decision_request_open"
    sql = "UPDATE approvals_approvalrequest SET {} WHERE id = %s"
    assert refused(sql.format("state = 'approved'"), request.pk) == "approvals_request_ends_once"
    assert "permission denied" in refused(sql.format("contributors = '{}'"), request.pk)
    assert "permission denied" in refused("DELETE FROM approvals_approvalrequest WHERE id = %s", request.pk)


def test_removed_guard_lets_the_forgery_through(fresh_database: str, owner: OwnerAccess) -> None:
    """The mutant: without the trigger the same SQL succeeds, so it is the trigger that refuses it."""
    shop = build_shop()
    order = shop.place(MAC)
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    owner.execute("DROP TRIGGER approvals_approvaldecision_guard ON approvals_approvaldecision")
    shop.seller.groups.add(Group.objects.get(name=AUDITOR_GROUP))
    with connection.cursor() as cursor:
        cursor.execute(DECIDE, [uuid7(), request.pk, shop.seller.pk])
    assert ApprovalDecision.objects.count() == 1


def test_app_role_owns_nothing_and_lifts_no_guard(shop: Shop) -> None:
    for sql in (
        "DROP TRIGGER orders_order_transition ON orders_order",
        "ALTER TABLE orders_orderevent DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "CREATE TEMP TABLE audit_auditevent (id int)",
        "DROP TABLE orders_orderevent",
    ):
        answer = refused(sql)
        assert "permission denied" in answer or "must be owner" in answer, f"{sql}: {answer}"


def test_order_number_rises_and_is_unique(shop: Shop) -> None:
    numbers = [shop.place(PHONE).number for _ in range(3)]
    assert numbers == sorted(set(numbers))
    assert Order.objects.filter(number__in=numbers).count() == 3


def test_every_error_has_a_meaning_and_its_apps_prefix() -> None:
    ours = {code: error for code, error in error_table().items() if not error.__module__.startswith("tests.")}
    assert len(ours) > 30
    for code, error in ours.items():
        assert error.meaning, code
        prefix = code.partition(".")[0]
        assert prefix == "request" or f".{prefix}." in f".{error.__module__}.", code
