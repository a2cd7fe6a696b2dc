"""The catalogue and arriving goods."""

from uuid import UUID

import pytest

from holo.audit.models import AuditEvent
from holo.common.actor import Actor, OrganizationId
from holo.common.errors import DomainError, InvalidError, NotFoundError
from holo.common.ids import uuid7
from holo.common.money import Money
from holo.identity.models import Organization
from inventory.errors import (
    PriceOutOfRangeError,
    QuantityOutOfRangeError,
    SkuTakenError,
    WarehouseCodeTakenError,
)
from inventory.models import MAX_QUANTITY, Product, StockLevel, StockMovement, Warehouse
from inventory.selectors import (
    get_products_by_sku,
    list_products,
    list_stock,
    list_stock_drift,
    stock_snapshot,
)
from inventory.services import change_product, create_product, create_warehouse, receive_stock
from tests.builders import build_organization, build_product, build_stock, build_warehouse

pytestmark = pytest.mark.django_db
PRICE = Money(minor=500_00, currency="CNY")


@pytest.fixture
def organization() -> Organization:
    return build_organization()


def clerk(organization: Organization) -> Actor:
    return Actor(user_id=None, organization_id=OrganizationId(organization.pk), label="clerk")


def receive(product: Product, warehouse: Warehouse, quantity: int, *, note: str = "") -> int:
    """Receive as the clerk of the product's organisation; return what is on hand then."""
    view = receive_stock(
        actor=clerk(product.organization),
        warehouse_id=warehouse.pk,
        product_id=product.pk,
        quantity=quantity,
        note=note,
    )
    assert view.available == view.on_hand - view.reserved
    return view.on_hand


def last_audit() -> tuple[str, str, str]:
    event = AuditEvent.objects.latest("id")
    return event.action, event.subject_id, event.actor_label


def test_product_is_created_and_audited(organization: Organization) -> None:
    product = create_product(actor=clerk(organization), sku="iPhone15", name="iPhone 15", price=PRICE)
    assert (product.sku, product.price, product.active) == ("iPhone15", PRICE, True)
    assert last_audit() == ("inventory.product_created", str(product.pk), "clerk")
    assert list(list_products(organization.pk)) == [product]


def test_sku_exists_second_product_is_refused_elsewhere_it_is_free(organization: Organization) -> None:
    create_product(actor=clerk(organization), sku="A", name="A", price=PRICE)
    with pytest.raises(SkuTakenError):
        create_product(actor=clerk(organization), sku="A", name="B", price=PRICE)
    create_product(actor=clerk(build_organization()), sku="A", name="A", price=PRICE)
    assert list(Product.objects.order_by("name").values_list("name", flat=True)) == ["A", "A"]


@pytest.mark.parametrize("sku", ["", " A", "A ", "A\u200bB", "A\nB", "A\0", "x" * 65])
def test_sku_that_cannot_be_compared_by_eye_is_refused(organization: Organization, sku: str) -> None:
    with pytest.raises(InvalidError) as refusal:
        create_product(actor=clerk(organization), sku=sku, name="A", price=PRICE)
    assert [problem.pointer for problem in refusal.value.errors] == ["/sku"]
    assert not Product.objects.exists()


@pytest.mark.parametrize("minor", [0, -1, 2**63])
def test_price_that_is_none_is_refused(organization: Organization, minor: int) -> None:
    with pytest.raises(PriceOutOfRangeError):
        create_product(actor=clerk(organization), sku="A", name="A", price=Money(minor=minor, currency="CNY"))


def test_product_changes_only_what_is_given(organization: Organization) -> None:
    product = build_product(organization=organization, sku="A")
    changed = change_product(
        actor=clerk(organization), product_id=product.pk, price=Money(minor=1, currency="CNY")
    )
    assert (changed.name, changed.price_minor, changed.active) == ("A", 1, True)
    event = AuditEvent.objects.latest("id")
    assert event.data == {"price_minor": {"before": 500_00, "after": 1}}
    change_product(actor=clerk(organization), product_id=product.pk, active=False, name="B")
    assert list(list_products(organization.pk)) == []
    audited = AuditEvent.objects.count()
    change_product(actor=clerk(organization), product_id=product.pk, active=False, name="B")
    assert AuditEvent.objects.count() == audited


def test_product_of_another_organization_cannot_be_changed(organization: Organization) -> None:
    foreign = build_product(organization=build_organization())
    with pytest.raises(NotFoundError):
        change_product(actor=clerk(organization), product_id=foreign.pk, active=False)
    foreign.refresh_from_db()
    assert foreign.active


def test_warehouse_code_exists_second_is_refused(organization: Organization) -> None:
    create_warehouse(actor=clerk(organization), code="SHA", name="Shanghai", priority=1)
    assert last_audit()[0] == "inventory.warehouse_created"
    with pytest.raises(WarehouseCodeTakenError):
        create_warehouse(actor=clerk(organization), code="SHA", name="Other", priority=2)
    with pytest.raises(InvalidError):
        create_warehouse(actor=clerk(organization), code="B", name="B", priority=2**15)


def test_goods_arrive_stock_rises_with_a_movement(organization: Organization) -> None:
    product, warehouse = build_product(organization=organization), build_warehouse(organization=organization)
    assert receive(product, warehouse, 5, note="delivery 17") == 5
    assert receive(product, warehouse, 2) == 7
    movements = StockMovement.objects.order_by("id").values_list("kind", "quantity", "note", "actor_label")
    assert list(movements) == [
        ("receipt", 5, "delivery 17", "clerk"),
        ("receipt", 2, "", "clerk"),
    ]
    assert last_audit()[0] == "inventory.stock_received"
    assert list_stock_drift(organization.pk) == []


@pytest.mark.parametrize("quantity", [0, -1, MAX_QUANTITY + 1, 2**70])
def test_impossible_quantity_is_refused(organization: Organization, quantity: int) -> None:
    product, warehouse = build_product(organization=organization), build_warehouse(organization=organization)
    with pytest.raises(QuantityOutOfRangeError):
        receive(product, warehouse, quantity)
    assert not StockLevel.objects.exists()


def test_shelf_would_hold_too_much_receipt_is_refused(organization: Organization) -> None:
    product, warehouse = build_product(organization=organization), build_warehouse(organization=organization)
    receive(product, warehouse, MAX_QUANTITY)
    with pytest.raises(QuantityOutOfRangeError):
        receive(product, warehouse, 1)
    assert StockMovement.objects.count() == 1
    assert list_stock_drift(organization.pk) == []


@pytest.mark.parametrize("note", ["x" * 201, " x", "a\0b"])
def test_note_that_does_not_fit_is_refused(organization: Organization, note: str) -> None:
    product, warehouse = build_product(organization=organization), build_warehouse(organization=organization)
    with pytest.raises(DomainError):
        receive(product, warehouse, 1, note=note)
    assert not StockLevel.objects.exists()


def test_foreign_product_or_warehouse_is_not_found(organization: Organization) -> None:
    product, warehouse = build_product(organization=organization), build_warehouse(organization=organization)
    stranger = build_organization()
    foreign_product, foreign_warehouse = (
        build_product(organization=stranger),
        build_warehouse(organization=stranger),
    )
    pairs: list[tuple[UUID, UUID]] = [
        (foreign_product.pk, warehouse.pk),
        (product.pk, foreign_warehouse.pk),
        (uuid7(), warehouse.pk),
    ]
    for product_id, warehouse_id in pairs:
        with pytest.raises(NotFoundError):
            receive_stock(
                actor=clerk(organization), warehouse_id=warehouse_id, product_id=product_id, quantity=1
            )
    assert not StockLevel.objects.exists()


def test_reads_stay_within_the_organization(organization: Organization) -> None:
    product = build_product(organization=organization, sku="A")
    retired = build_product(organization=organization, sku="B")
    change_product(actor=clerk(organization), product_id=retired.pk, active=False)
    for rank, on_hand in ((1, 3), (2, 4)):
        warehouse = build_warehouse(organization=organization, priority=rank)
        build_stock(product=product, warehouse=warehouse, on_hand=on_hand)
    stranger = build_organization()
    other = build_product(organization=stranger, sku="A")
    build_stock(product=other, warehouse=build_warehouse(organization=stranger), on_hand=9)
    assert stock_snapshot(organization.pk) == {"A": (7, 0)}
    assert [level.on_hand for level in list_stock(organization.pk)] == [3, 4]
    skus = ["A", "B", "C"]
    assert get_products_by_sku(organization_id=organization.pk, skus=skus) == {"A": product}
    everything = get_products_by_sku(organization_id=organization.pk, skus=skus, include_inactive=True)
    assert set(everything) == {"A", "B"}
