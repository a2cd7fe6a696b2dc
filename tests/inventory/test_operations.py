"""Reserve, extend, release, consume on a real PostgreSQL, one caller at a time."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from holo.common.ids import uuid7
from holo.identity.models import Organization
from inventory.errors import AlreadyReservedError, QuantityOutOfRangeError, ReservationEndedError
from inventory.models import Product, Reservation, ReservationLine, StockMovement, Warehouse
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
from inventory.selectors import get_holding, list_stock_drift, stock_snapshot
from tests.builders import build_organization, build_product, build_stock, build_warehouse

pytestmark = pytest.mark.django_db
SOON = timezone.now() + timedelta(hours=1)


@pytest.fixture
def organization() -> Organization:
    return build_organization()


@pytest.fixture
def east(organization: Organization) -> Warehouse:
    return build_warehouse(organization=organization, code="EAST", priority=1)


@pytest.fixture
def south(organization: Organization) -> Warehouse:
    return build_warehouse(organization=organization, code="SOUTH", priority=2)


@pytest.fixture
def phone(organization: Organization, east: Warehouse) -> Product:
    """A product with 10 pieces in the east."""
    product = build_product(organization=organization, sku="phone")
    build_stock(product=product, warehouse=east, on_hand=10)
    return product


def owner_of(number: int = 1) -> Owner:
    return Owner(owner_type="test.order", owner_id=UUID(int=number))


def hold(*wants: tuple[Product, int], owner: Owner | None = None) -> Held | Short:
    """Reserve for an owner of the products' organisation."""
    return reserve_stock(
        organization_id=wants[0][0].organization_id,
        owner=owner or owner_of(),
        wants=[Want(product_id=product.pk, quantity=quantity) for product, quantity in wants],
        expires_at=SOON,
    )


def test_stock_suffices_it_is_reserved_with_one_line_per_shelf(phone: Product, east: Warehouse) -> None:
    held = hold((phone, 4))
    assert isinstance(held, Held)
    assert [(line.product_id, line.warehouse_code, line.quantity) for line in held.lines] == [
        (phone.pk, "EAST", 4)
    ]
    assert stock_snapshot(phone.organization_id) == {"phone": (10, 4)}
    assert list_stock_drift(phone.organization_id) == []
    holding = get_holding(owner_of())
    assert holding is not None
    assert (holding.reservation_id, holding.state, holding.expires_at) == (held.reservation_id, "held", SOON)
    assert [(line.sku, line.warehouse_id, line.quantity) for line in holding.lines] == [("phone", east.pk, 4)]


def test_product_wanted_twice_is_added_up(phone: Product) -> None:
    held = hold((phone, 4), (phone, 6))
    assert isinstance(held, Held)
    assert [line.quantity for line in held.lines] == [10]


def test_product_wanted_twice_beyond_stock_is_short_as_a_whole(phone: Product) -> None:
    short = hold((phone, 6), (phone, 5))
    assert isinstance(short, Short)
    assert [(item.requested, item.available) for item in short.shortages] == [(11, 10)]


def test_one_product_short_nothing_is_held(phone: Product, east: Warehouse) -> None:
    rare = build_product(organization=phone.organization, sku="rare")
    build_stock(product=rare, warehouse=east, on_hand=1)
    short = hold((phone, 1), (rare, 2))
    assert isinstance(short, Short)
    assert [item.product_id for item in short.shortages] == [rare.pk]
    assert stock_snapshot(phone.organization_id) == {"phone": (10, 0), "rare": (1, 0)}
    assert not Reservation.objects.exists()


def test_absurd_quantity_is_short_not_an_error(phone: Product) -> None:
    assert isinstance(hold((phone, 2**70)), Short)


def test_basket_needs_two_warehouses_it_is_split(phone: Product, south: Warehouse) -> None:
    lamp = build_product(organization=phone.organization, sku="lamp")
    build_stock(product=lamp, warehouse=south, on_hand=3)
    held = hold((lamp, 3), (phone, 2))
    assert isinstance(held, Held)
    assert [(line.warehouse_code, line.quantity) for line in held.lines] == [("EAST", 2), ("SOUTH", 3)]


def test_closed_warehouse_gives_nothing(organization: Organization) -> None:
    closed = build_warehouse(organization=organization, active=False)
    product = build_product(organization=organization)
    build_stock(product=product, warehouse=closed, on_hand=5)
    short = hold((product, 1))
    assert isinstance(short, Short)
    assert short.shortages[0].available == 0


def test_product_of_another_organization_is_not_there(phone: Product) -> None:
    short = reserve_stock(
        organization_id=build_organization().pk,
        owner=owner_of(),
        wants=[Want(product_id=phone.pk, quantity=1)],
        expires_at=SOON,
    )
    assert isinstance(short, Short)
    assert stock_snapshot(phone.organization_id) == {"phone": (10, 0)}


@pytest.mark.parametrize("quantity", [0, -1])
def test_quantity_below_one_is_refused(phone: Product, quantity: int) -> None:
    with pytest.raises(QuantityOutOfRangeError):
        hold((phone, quantity))


def test_nothing_wanted_is_refused(phone: Product) -> None:
    with pytest.raises(QuantityOutOfRangeError):
        reserve_stock(organization_id=phone.organization_id, owner=owner_of(), wants=[], expires_at=SOON)


def test_owner_holds_already_second_hold_is_refused(phone: Product) -> None:
    hold((phone, 1))
    with pytest.raises(AlreadyReservedError), transaction.atomic():
        hold((phone, 2))
    assert stock_snapshot(phone.organization_id) == {"phone": (10, 1)}


def test_released_stock_is_back_and_may_be_held_again(phone: Product) -> None:
    hold((phone, 7))
    assert release_reservation(owner=owner_of()) is True
    assert stock_snapshot(phone.organization_id) == {"phone": (10, 0)}
    assert isinstance(hold((phone, 10)), Held)
    assert list(Reservation.objects.order_by("created_at").values_list("state", flat=True)) == [
        "released",
        "held",
    ]


def test_nothing_held_release_is_no_op_and_invents_no_stock(phone: Product) -> None:
    assert release_reservation(owner=owner_of()) is False
    hold((phone, 7))
    assert release_reservation(owner=owner_of(), state="expired") is True
    assert release_reservation(owner=owner_of()) is False
    assert stock_snapshot(phone.organization_id) == {"phone": (10, 0)}
    assert Reservation.objects.get().state == "expired"


def test_release_leaves_other_owners_alone(phone: Product) -> None:
    hold((phone, 3), owner=owner_of(1))
    hold((phone, 4), owner=owner_of(2))
    release_reservation(owner=owner_of(1))
    assert stock_snapshot(phone.organization_id) == {"phone": (10, 4)}
    assert list_stock_drift(phone.organization_id) == []


def test_consumed_stock_leaves_with_one_movement_per_line(phone: Product, south: Warehouse) -> None:
    build_stock(product=phone, warehouse=south, on_hand=5)
    hold((phone, 12))
    assert consume_reservation(owner=owner_of(), actor_label="packer") is True
    assert stock_snapshot(phone.organization_id) == {"phone": (3, 0)}
    shipments = StockMovement.objects.filter(kind="shipment").order_by("quantity")
    assert [(m.quantity, m.warehouse.code, m.owner_type, m.owner_id, m.actor_label) for m in shipments] == [
        (-10, "EAST", "test.order", UUID(int=1), "packer"),
        (-2, "SOUTH", "test.order", UUID(int=1), "packer"),
    ]
    assert {m.reservation_line_id for m in shipments} == set(
        ReservationLine.objects.values_list("pk", flat=True)
    )
    assert list_stock_drift(phone.organization_id) == []


def test_consumed_before_second_consume_changes_nothing(phone: Product) -> None:
    hold((phone, 2))
    assert consume_reservation(owner=owner_of(), actor_label="x") is True
    assert consume_reservation(owner=owner_of(), actor_label="x") is False
    assert release_reservation(owner=owner_of()) is False
    assert stock_snapshot(phone.organization_id) == {"phone": (8, 0)}
    assert StockMovement.objects.filter(kind="shipment").count() == 1


@pytest.mark.parametrize("end", ["released", "expired", "absent"])
def test_hold_ended_otherwise_consume_and_extend_are_refused(phone: Product, end: str) -> None:
    if end != "absent":
        hold((phone, 2))
        release_reservation(owner=owner_of(), state="expired" if end == "expired" else "released")
    with pytest.raises(ReservationEndedError) as consumed:
        consume_reservation(owner=owner_of(), actor_label="x")
    with pytest.raises(ReservationEndedError) as extended:
        extend_reservation(owner=owner_of(), expires_at=SOON)
    assert consumed.value.details == extended.value.details == {"state": end}
    assert stock_snapshot(phone.organization_id) == {"phone": (10, 0)}


def test_hold_is_extended(phone: Product) -> None:
    hold((phone, 2))
    later = SOON + timedelta(hours=2)
    extend_reservation(owner=owner_of(), expires_at=later)
    assert Reservation.objects.get().expires_at == later


def test_reserve_takes_two_statements_whatever_the_basket(phone: Product, east: Warehouse) -> None:
    products = [build_product(organization=phone.organization) for _ in range(5)]
    for product in products:
        build_stock(product=product, warehouse=east, on_hand=1)
    with CaptureQueriesContext(connection) as queries:
        assert isinstance(hold(*[(product, 1) for product in products]), Held)
    assert len(queries) == 2
    with CaptureQueriesContext(connection) as queries:
        assert consume_reservation(owner=owner_of(), actor_label="x") is True
    assert len(queries) == 2


def test_unknown_owner_has_no_holding() -> None:
    assert get_holding(Owner(owner_type="test.order", owner_id=uuid7())) is None


def test_drift_is_found(phone: Product) -> None:
    """The recount sees a counter that no row explains."""
    hold((phone, 2))
    phone.stock_levels.update(reserved=3, on_hand=11)
    (drift,) = list_stock_drift(phone.organization_id)
    assert (drift.on_hand, drift.moved, drift.reserved, drift.held) == (11, 10, 3, 2)
