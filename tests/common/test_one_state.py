"""Pages and answers show one state of the rows, although they make several queries."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from holo.common import db, one_state
from holo.common.one_state import shows_one_state
from holo.identity.models import Environment, Organization, Project
from holo.identity.roles import Role
from holo.identity.services import create_environment, create_project, rename_project
from orders.models import Order
from tests.api.people import Api, build_key, build_person
from tests.identity.people import Team, build_team
from tests.logins import log_in
from tests.racing import race
from tests.stories import PHONE, Shop, build_shop

pytestmark = pytest.mark.usefixtures("fresh_database")


@contextlib.contextmanager
def after_first_read_of(table: str, write: Callable[[], object]) -> Iterator[list[object]]:
    """Let somebody else commit `write` when the first query of a table has brought its rows."""
    done: list[object] = []

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if not done and f'FROM "{table}"' in sql:
            done.append(None)
            done[:] = race([write])
        return result

    with connection.execute_wrapper(wrapper):
        yield done
    assert done, "the table was not read"
    assert not isinstance(done[0], Exception), done


@pytest.fixture
def no_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each query see what is committed by then, as without the snapshot."""
    monkeypatch.setattr(one_state, "one_state", contextlib.nullcontext)


def project_while_it_changes() -> tuple[str, int]:
    """Return the name and the number of environments that a reader is shown while both change."""
    team = build_team()
    actor = team.actor(Role.OWNER)
    create_project(actor=actor, slug="shop", name="Old")
    key = build_key(
        owner=team.people[Role.OWNER], organization=team.organization, scopes=["organization:read"]
    )

    def write() -> None:
        rename_project(actor=actor, slug="shop", name="New")
        create_environment(actor=actor, project_slug="shop", slug="pr", kind=Environment.Kind.PREVIEW)

    with after_first_read_of("identity_project", write):
        shown = Api(key).get("/api/v1/projects/shop").json()
    assert Project.objects.get().name == "New"
    return shown["name"], len(shown["environments"])


def test_an_answer_shows_one_state() -> None:
    assert project_while_it_changes() == ("Old", 3)


def test_without_the_snapshot_an_answer_mixes_two(no_snapshot: None) -> None:
    assert project_while_it_changes() == ("Old", 4)


def shop_with_order() -> tuple[Shop, Order]:
    shop = build_shop()
    order = shop.place(PHONE)
    return shop, Order.objects.get(pk=order.pk)


def order_while_it_is_paid() -> tuple[bool, int]:
    """Return whether an order is shown in its old version, and with how many payments."""
    shop, order = shop_with_order()
    shop.seller.groups.add(Group.objects.get(name="operator"))
    key = build_key(owner=shop.seller, organization=shop.organization, scopes=["orders:read"])
    with after_first_read_of("orders_order", lambda: shop.pay(order)):
        shown = Api(key).get(f"/api/v1/orders/{order.pk}").json()
    return shown["version"] == order.version, len(shown["payments"])


def test_an_order_is_shown_with_its_own_payments() -> None:
    assert order_while_it_is_paid() == (True, 0)


def test_without_the_snapshot_an_order_is_shown_with_a_later_payment(no_snapshot: None) -> None:
    assert order_while_it_is_paid() == (True, 1)


def admin_page_while_it_is_paid() -> int:
    """Return how many payments the page of an order shows that had none at its first query."""
    shop, order = shop_with_order()
    client = Client()
    log_in(client, build_person(organization=shop.organization, superuser=True))
    page = reverse("admin:orders_order_change", args=[order.pk])
    before = client.get(page).content.decode().count("Payment requested")
    with after_first_read_of("orders_order", lambda: shop.pay(order)):
        shown = client.get(page).content.decode().count("Payment requested")
    assert client.get(page).content.decode().count("Payment requested") > before
    return shown - before


def test_a_page_of_the_admin_shows_one_state() -> None:
    assert admin_page_while_it_is_paid() == 0


def test_without_the_snapshot_a_page_mixes_two(no_snapshot: None) -> None:
    assert admin_page_while_it_is_paid() > 0


def test_head_and_what_is_not_found_leave_the_connection_as_it_was() -> None:
    team = build_team()
    create_project(actor=team.actor(Role.OWNER), slug="shop", name="Shop")
    key = build_key(
        owner=team.people[Role.OWNER], organization=team.organization, scopes=["organization:read"]
    )
    client = Api(key).client
    assert client.head("/api/v1/projects/shop").status_code == 200
    assert client.get("/api/v1/projects/none").status_code == 404
    assert client.get("/api/v1/projects/shop").status_code == 200
    assert not connection.in_atomic_block
    rename_project(actor=team.actor(Role.OWNER), slug="shop", name="Renamed")


def test_rows_of_other_organizations_stay_out_of_the_snapshot() -> None:
    """Who calls is known before it begins, whose rows they may see only inside."""
    teams: list[Team] = [build_team(), build_team()]
    for team in teams:
        create_project(actor=team.actor(Role.OWNER), slug="shop", name=str(team.organization.pk))
    for team in [*teams, *teams]:
        key = build_key(
            owner=team.people[Role.OWNER], organization=team.organization, scopes=["organization:read"]
        )
        names = [row["name"] for row in Api(key).get("/api/v1/projects").json()["results"]]
        assert names == [str(team.organization.pk)]


def test_nothing_is_written_inside() -> None:
    with pytest.raises(DatabaseError, match="read-only transaction"), db.one_state():
        Organization.objects.create(slug="x", name="X")


def test_a_read_has_the_limit_of_time_of_a_statement(settings: Any) -> None:
    settings.DB_STATEMENT_TIMEOUT_MS = 50
    with (
        pytest.raises(DatabaseError, match="statement timeout"),
        db.one_state(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_sleep(5)")


def test_inside_a_transaction_it_is_that_one() -> None:
    def work() -> bool:
        with db.one_state():
            Organization.objects.create(slug="x", name="X")
        return True

    assert db.unit_of_work(work)


@pytest.mark.parametrize(("method", "isolation"), [("GET", "repeatable read"), ("POST", "read committed")])
def test_only_reads_get_a_snapshot(method: str, isolation: str) -> None:
    def page(_request: Any) -> HttpResponse:
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            return HttpResponse(cursor.fetchone()[0])

    request = RequestFactory().generic(method, "/")
    assert shows_one_state(page)(request).content.decode() == isolation  # type: ignore[attr-defined]
