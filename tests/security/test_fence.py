"""Rows of other organisations are not seen by the database session itself, whatever a query forgets."""

import contextlib
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.test import Client
from django.urls import reverse
from psycopg.errors import QueryCanceled

from holo.common.db import unit_of_work
from holo.common.fence import fence_in, fence_of_request
from holo.identity.models import User
from holo.secretstore.models import SecretVersion
from holo.secretstore.places import INSTALLATION, place_of
from holo.secretstore.services import NOBODY, set_secret
from holo.stack.fences import OPEN, POLICY, tables_of_organizations
from orders import selectors
from orders.admin.order import OrderAdmin
from orders.models import Order
from tests.api.people import Api, build_key, build_person
from tests.bad_inputs.surface import endpoints
from tests.bad_inputs.world import World, build_world
from tests.builders import build_product
from tests.conftest import OwnerAccess
from tests.logins import log_in
from tests.stories import PHONE, Shop, build_shop


@pytest.fixture
def shops(fresh_database: str) -> tuple[Shop, Shop]:
    """Two shops with an order each."""
    first, second = build_shop(), build_shop()
    for shop in (first, second):
        shop.place(PHONE)
        shop.seller.groups.add(Group.objects.get_or_create(name="operator")[0])
        User.objects.filter(pk=shop.seller.pk).update(is_staff=True)
    return first, second


def noting(sent: list[str]) -> Any:
    """Return a wrapper that notes what is sent besides what the ORM sends."""
    raw: Any = connection.connection
    before = raw.execute

    def execute(sql: str, *args: Any) -> Any:
        sent.append(sql)
        return before(sql, *args)

    return execute


# --- The policies --------------------------------------------------------------------------------


@pytest.mark.django_db
def test_every_table_of_an_organisation_is_fenced() -> None:
    with connection.cursor() as cursor:
        tables = {table.name: table.is_fenced for table in tables_of_organizations(cursor)}
        cursor.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'organization_id'"
        )
        of_somebody = {row[0] for row in cursor.fetchall()}
    assert all(tables.values()), tables
    assert of_somebody - set(tables) == set(OPEN)
    assert {"approvals_approvaldecision", "secretstore_secretversion"} <= set(tables), "parts of such rows"


def test_no_table_shows_rows_of_others(module_database: str) -> None:
    """Over rows of every kind: what one organisation sees and what the other sees has nothing in common."""
    own, foreign = filled(), filled()
    with connection.cursor() as cursor:
        tables = [table.name for table in tables_of_organizations(cursor) if not table.whole]
    seen = {}
    for world in (own, foreign):
        with fence_of_request():
            fence_in([world.shop.organization.pk])
            seen[world.shop.organization.pk] = {name: owners(name) for name in tables}
    first, second = seen
    filled_tables = {name for name in tables if seen[first][name]}
    for name in tables:
        assert seen[first][name] <= {first}, name
        assert seen[second][name] <= {second}, name
        # The control: without a fence both are seen.
        assert name not in filled_tables or {first, second} <= owners(name), name
    assert len(filled_tables) > 15, sorted(set(tables) - filled_tables)


def filled() -> World:
    """Return a shop in which something of every kind has happened."""
    world = build_world()
    for endpoint in endpoints():
        world.target_for(endpoint)
    return world


def owners(table: str) -> set[UUID]:
    """Return whose rows are seen, but for those of the installation."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT organization_id FROM {table}")
        return {row[0] for row in cursor.fetchall()} - {None, NOBODY}


def test_row_is_neither_written_for_others_nor_moved_to_them(
    shops: tuple[Shop, Shop], owner: OwnerAccess
) -> None:
    own, foreign = shops
    theirs = Order.objects.get(organization=foreign.organization)
    ours = Order.objects.get(organization=own.organization)
    # The rights of columns would refuse first.
    owner.execute("GRANT UPDATE (organization_id), DELETE ON orders_order TO holo_app")
    with fence_of_request():
        fence_in([own.organization.pk])
        assert Order.objects.filter(pk=theirs.pk).update(version=9) == 0
        assert Order.objects.filter(pk=theirs.pk)._raw_delete("default") == 0
        for forbidden in (
            lambda: Order.objects.filter(pk=ours.pk).update(organization=foreign.organization),
            lambda: build_product(organization=foreign.organization),
        ):
            with pytest.raises(ProgrammingError, match="row-level security"):
                forbidden()
    theirs.refresh_from_db()
    assert theirs.version != 9


def test_part_of_a_row_is_seen_with_the_row(shops: tuple[Shop, Shop]) -> None:
    for shop in shops:
        set_secret(actor=shop.seller_actor, place=place_of(shop.organization), name="own", value="x")
    set_secret(actor=shops[0].seller_actor, place=INSTALLATION, name="everybodys", value="x")
    with fence_of_request():
        fence_in([shops[0].organization.pk])
        assert set(SecretVersion.objects.values_list("secret__name", flat=True)) == {"own", "everybodys"}
        assert SecretVersion.objects.count() == 2
    assert SecretVersion.objects.count() == 3


def test_policy_of_another_version_is_made_anew_and_told_before(owner: OwnerAccess) -> None:
    table = "orders_order"
    owner.execute(f"DROP POLICY {POLICY} ON {table}; CREATE POLICY {POLICY} ON {table} USING (true)")
    owner.execute(
        "CREATE TABLE more (id int PRIMARY KEY, version_id bigint REFERENCES secretstore_secretversion)"
    )
    assert unfenced() == {table, "more"}
    call_command("migrate", verbosity=0)
    assert unfenced() == set()


def unfenced() -> set[str]:
    with connection.cursor() as cursor:
        return {table.name for table in tables_of_organizations(cursor) if not table.is_fenced}


# --- Sessions ------------------------------------------------------------------------------------


def give_up_after_turning_to(shop: Shop) -> None:
    """Roll a transaction back in which another fence was set."""
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        fence_in([shop.organization.pk])
        assert Order.objects.get().organization_id == shop.organization.pk
        raise ZeroDivisionError


def test_fence_ends_with_the_request_and_follows_rollbacks(shops: tuple[Shop, Shop]) -> None:
    own, foreign = shops
    with fence_of_request():
        fence_in([own.organization.pk])
        assert Order.objects.count() == 1
        give_up_after_turning_to(foreign)
        # The setting was rolled back; the work still is the other shop's.
        assert Order.objects.get().organization_id == foreign.organization.pk
        with transaction.atomic():
            give_up_after_turning_to(own)
            assert Order.objects.get().organization_id == own.organization.pk
        fence_in([own.organization.pk, foreign.organization.pk])
        assert Order.objects.count() == 2
        fence_in([])
        assert Order.objects.count() == 0
    assert Order.objects.count() == 2
    connection.close()
    assert Order.objects.count() == 2


def test_fence_follows_a_commit_that_undoes(shops: tuple[Shop, Shop]) -> None:
    """Of a transaction in which an error was passed over, COMMIT undoes all, and does not say so."""
    own, foreign = shops

    def passing_over() -> None:
        with contextlib.suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    for shop, work in ((own, Order.objects.count), (foreign, passing_over)):
        with fence_of_request():
            fence_in([shop.organization.pk])
            unit_of_work(work)
            assert Order.objects.get().organization_id == shop.organization.pk


def test_fence_that_could_not_be_set_is_set_again(shops: tuple[Shop, Shop], monkeypatch: Any) -> None:
    own, foreign = shops

    def cancelled(*_of: Any) -> None:
        raise QueryCanceled

    with fence_of_request():
        fence_in([own.organization.pk])
        assert Order.objects.count() == 1
        fence_in([foreign.organization.pk])
        with monkeypatch.context() as patched:
            patched.setattr(connection.connection, "execute", cancelled)
            with pytest.raises(DatabaseError):
                Order.objects.count()
        assert Order.objects.get().organization_id == foreign.organization.pk


def test_command_is_fenced_without_a_round_trip(shops: tuple[Shop, Shop], monkeypatch: Any) -> None:
    own, _foreign = shops
    connection.ensure_connection()
    sent: list[str] = []
    monkeypatch.setattr(connection.connection, "execute", noting(sent))
    with fence_of_request():
        fence_in([own.organization.pk])
        assert unit_of_work(Order.objects.count) == 1
        assert Order.objects.count() == 1
    assert sent == []
    assert Order.objects.count() == 2
    assert sent == ["SET holo.organizations = ''"]


def test_calls_with_keys_of_one_organisation_send_nothing_more(
    shops: tuple[Shop, Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    apis = [api_of(shop) for shop in shops]
    ids = [str(Order.objects.get(organization=shop.organization).pk) for shop in shops]
    sent: list[str] = []
    monkeypatch.setattr(connection.connection, "execute", noting(sent))
    for number, most in ((0, 1), (0, 0), (1, 1), (1, 0), (0, 1)):
        sent.clear()
        rows = apis[number].get("/api/v1/orders").json()["results"]
        # None where it went with the BEGIN of the snapshot.
        assert len(sent) <= most, (number, sent)
        assert [row["id"] for row in rows] == [ids[number]]


def api_of(shop: Shop) -> Api:
    key = build_key(owner=shop.seller, organization=shop.organization, scopes=["orders:read", "orders:write"])
    return Api(key)


# --- Requests ------------------------------------------------------------------------------------


def forgetful(_orders: object, order_id: UUID) -> Order:
    """Get an order as a query that lost its filter would."""
    return Order.objects.get(pk=order_id)


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product that looks orders up by id alone, and lists all of them."""
    monkeypatch.setattr(selectors, "get_order", forgetful)
    monkeypatch.setattr(selectors, "list_orders", lambda _actor: Order.objects.all())


def leaks(api: Api, order: Order) -> bool:
    shown = bool(api.get(f"/api/v1/orders/{order.pk}").status_code == 200)
    listed = str(order.pk) in api.get("/api/v1/orders").content.decode()
    assert shown == listed
    return shown


@pytest.mark.usefixtures("careless")
def test_query_that_forgets_its_filter_shows_nothing_by_key(shops: tuple[Shop, Shop]) -> None:
    theirs = Order.objects.get(organization=shops[1].organization)
    api = api_of(shops[0])
    api.client.raise_request_exception = False
    assert not leaks(api, theirs)
    assert leaks(api_of(shops[1]), theirs)


@pytest.mark.usefixtures("careless")
def test_control_without_the_policy_it_leaks(shops: tuple[Shop, Shop], owner: OwnerAccess) -> None:
    theirs = Order.objects.get(organization=shops[1].organization)
    owner.execute(
        f"DROP POLICY {POLICY} ON orders_order; ALTER TABLE orders_order DISABLE ROW LEVEL SECURITY"
    )
    assert leaks(api_of(shops[0]), theirs)


@pytest.mark.usefixtures("careless")
def test_query_that_forgets_its_filter_shows_nothing_by_session(shops: tuple[Shop, Shop]) -> None:
    own, foreign = (Order.objects.get(organization=shop.organization) for shop in shops)
    browser = Client()
    log_in(browser, shops[0].seller)
    listed = browser.get("/api/v1/orders").content.decode()
    assert str(own.pk) in listed
    assert str(foreign.pk) not in listed


def test_page_that_forgets_its_filter_shows_nothing(
    shops: tuple[Shop, Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, foreign = (Order.objects.get(organization=shop.organization) for shop in shops)
    monkeypatch.setattr(OrderAdmin, "get_queryset", lambda *_of: Order.objects.all())
    person, root = shops[0].seller, build_person(organization=None, superuser=True)
    for who, seen in ((person, False), (root, True)):
        browser = Client()
        log_in(browser, who)
        listed = browser.get(reverse("admin:orders_order_changelist")).content.decode()
        assert str(own.pk) in listed
        assert (str(foreign.pk) in listed) is seen, "a superuser sees all organisations"
