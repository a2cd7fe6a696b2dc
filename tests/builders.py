"""Rows for tests: keyword-only, minimal, written by the product's own services where it has them."""

from holo.common.actor import OrganizationId, system_actor
from holo.common.ids import uuid7
from holo.common.money import Money
from holo.identity.models import Organization
from inventory.models import Product, StockLevel, Warehouse
from inventory.services import create_product, create_warehouse, receive_stock


def build_organization(*, slug: str | None = None) -> Organization:
    """Create an organisation."""
    slug = slug or f"org-{uuid7().hex}"
    return Organization.objects.create(slug=slug, name=slug.title())


def build_product(
    *, organization: Organization, sku: str | None = None, price_minor: int = 500_00
) -> Product:
    """Create a product on sale."""
    sku = sku or f"sku-{uuid7().hex}"
    actor = system_actor(OrganizationId(organization.pk))
    return create_product(actor=actor, sku=sku, name=sku, price=Money(minor=price_minor, currency="CNY"))


def build_warehouse(
    *, organization: Organization, code: str | None = None, priority: int = 1, active: bool = True
) -> Warehouse:
    """Create a warehouse."""
    code = code or f"wh-{uuid7().hex[-12:]}"
    actor = system_actor(OrganizationId(organization.pk))
    warehouse = create_warehouse(actor=actor, code=code, name=code.title(), priority=priority)
    if not active:
        warehouse.active = False
        warehouse.save(update_fields=["active"])
    return warehouse


def build_stock(*, product: Product, warehouse: Warehouse, on_hand: int) -> StockLevel:
    """Put pieces of a product on its shelf in a warehouse."""
    shelf = receive_stock(
        actor=system_actor(OrganizationId(product.organization_id)),
        warehouse_id=warehouse.pk,
        product_id=product.pk,
        quantity=on_hand,
    )
    return StockLevel.objects.get(pk=shelf.stock_level_id)
