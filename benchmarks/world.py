"""What is sold in a measurement: one hot product, a thousand others, two warehouses, a seller, an auditor."""

from datetime import timedelta

from django.contrib.auth.models import Group

from benchmarks.terms import DEAR, EAST_ONLY, HOT, SOUTH_ONLY, SPREAD, World, spread_id
from holo.apiauth.services import create_api_key
from holo.common.actor import OrganizationId, system_actor
from holo.common.money import Money
from holo.identity.models import Membership, Organization, User
from inventory.models import Product, StockLevel, Warehouse
from inventory.services import create_product, create_warehouse, receive_stock

_PIECES = 1_000_000


def make_world() -> World:
    """Make everything once, through the services except for the thousand, which are inserted in bulk."""
    organization = Organization.objects.create(slug="bench", name="Bench")
    actor = system_actor(OrganizationId(organization.pk))
    houses: dict[str, Warehouse] = {}
    for code, priority in (("E", 1), ("S", 2)):
        create_warehouse(actor=actor, code=code, name=code, priority=priority)
        houses[code] = Warehouse.objects.get(organization=organization, code=code)
    wares = ((HOT, 500_00, "E"), (EAST_ONLY, 80_00, "E"), (SOUTH_ONLY, 90_00, "S"), (DEAR, 20_000_00, "E"))
    for sku, price, code in wares:
        product = create_product(actor=actor, sku=sku, name=sku, price=Money(minor=price, currency="CNY"))
        receive_stock(actor=actor, warehouse_id=houses[code].pk, product_id=product.pk, quantity=_PIECES)
    _make_spread(organization, houses["E"])
    return World(
        organization_id=organization.pk,
        hot=Product.objects.get(organization=organization, sku=HOT).pk,
        seller_key=_key(organization, "seller", "operator", ["orders:read", "orders:write"]),
        auditor_key=_key(organization, "auditor", "auditor", ["orders:read", "orders:audit"]),
    )


def _make_spread(organization: Organization, house: Warehouse) -> None:
    Product.objects.bulk_create(
        Product(
            pk=spread_id(number),
            organization=organization,
            sku=f"P{number:04}",
            name=f"Product {number}",
            price_minor=100_00,
            currency="CNY",
        )
        for number in range(SPREAD)
    )
    StockLevel.objects.bulk_create(
        StockLevel(
            organization=organization,
            product_id=spread_id(number),
            warehouse=house,
            on_hand=_PIECES,
            reserved=0,
        )
        for number in range(SPREAD)
    )


def _key(organization: Organization, name: str, group: str, scopes: list[str]) -> str:
    user = User.objects.create_user(f"{name}@bench.example")
    Membership.objects.create(organization=organization, user=user)
    user.groups.add(Group.objects.get_or_create(name=group)[0])
    _row, text = create_api_key(
        actor=None,
        owner_id=user.pk,
        organization_id=organization.pk,
        name="bench",
        scopes=scopes,
        expires_in=timedelta(hours=2),
    )
    return text
