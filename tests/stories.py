"""An organisation with people, stock and orders, and an order's steps taken one by one."""

from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.auth.models import Group

from holo.audit.operations import record_audit
from holo.common.actor import Actor, OrganizationId, UserId
from holo.common.db import unit_of_work
from holo.common.ids import uuid7
from holo.common.money import Money
from holo.identity.models import Membership, Organization, User
from holo.identity.selectors import AUDITOR_GROUP
from inventory.models import Product, Warehouse
from inventory.selectors import stock_snapshot
from inventory.services import create_product, create_warehouse, receive_stock
from orders import events, selectors, services, settlement
from orders.models import Order
from orders.operations import record_placed
from orders.outside import CheckedCarrier, CheckedGateway
from orders.sandbox.carrier import SandboxCarrier
from orders.sandbox.gateway import SandboxGateway
from orders.services import placing
from orders.services.placing import Placement, WantedLine
from orders.steps import Step
from orders.subject import SUBJECT_TYPE

PHONE, MAC, EAST_ONLY, SOUTH_ONLY = "iPhone15", "MacPro", "EastLamp", "SouthDesk"
# Without the limits of a port: races ask them many times at once.
GATEWAY, CARRIER = CheckedGateway(SandboxGateway()), CheckedCarrier(SandboxCarrier())
ALL_SCOPES = frozenset({"orders:read", "orders:write", "orders:audit", "inventory:read"})


def build_person(organization: Organization, name: str, *, auditor: bool = False, **fields: bool) -> User:
    """Create a member; an auditor is in the group that may decide."""
    user = User.objects.create_user(f"{name}-{uuid7().hex[-8:]}@example.com", None, **fields)
    Membership.objects.create(organization=organization, user=user)
    if auditor:
        user.groups.add(Group.objects.get_or_create(name=AUDITOR_GROUP)[0])
    return user


def actor_of(user: User, organization: Organization) -> Actor:
    """Return the person as the actor of a command, with every scope."""
    return Actor(
        user_id=UserId(user.pk),
        organization_id=OrganizationId(organization.pk),
        label=user.email,
        scopes=ALL_SCOPES,
    )


@dataclass(frozen=True, slots=True)
class Shop:
    """An organisation with two warehouses, four products, a seller and auditors."""

    organization: Organization
    seller: User
    auditor: User
    warehouses: dict[str, Warehouse] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)

    @property
    def seller_actor(self) -> Actor:
        """Who places orders."""
        return actor_of(self.seller, self.organization)

    @property
    def auditor_actor(self) -> Actor:
        """Who decides."""
        return actor_of(self.auditor, self.organization)

    def stock(self) -> dict[str, tuple[int, int]]:
        """Return on hand and reserved by SKU."""
        return stock_snapshot(self.organization.pk)

    def place(
        self,
        *skus: str,
        quantity: int = 1,
        buyer: str = "",
        payment_token: str | None = None,
        **sandbox: object,
    ) -> Order:
        """Place an order of `quantity` of each SKU."""
        lines = [
            WantedLine(sku=sku, quantity=quantity, pointer=f"/items/{index}")
            for index, sku in enumerate(skus)
        ]
        return services.place_order(
            actor=self.seller_actor,
            placement=Placement(
                lines=lines,
                buyer=buyer,
                sandbox=sandbox,
                ship_to={"name": "Li Wei", "city": "Xi'an"},
                payment_token=payment_token,
            ),
        ).order

    def place_without_hold(self, *skus: str, quantity: int = 1, announced: bool = True) -> Order:
        """Place an order as earlier versions did, which held its goods later; `announced` to its process."""

        def place() -> Order:
            total = sum(self.products[sku].price_minor for sku in skus) * quantity
            order = placing._insert_order(
                self.seller_actor, Placement(lines=[]), Money(minor=total, currency="CNY")
            )
            placing._insert_lines(order, self.products, dict.fromkeys(skus, quantity))
            record_placed(order, self.seller_actor)
            record_audit(
                actor=self.seller_actor,
                action=events.ORDER_PLACED,
                subject_type=SUBJECT_TYPE,
                subject_id=order.pk,
            )
            if announced:
                events.announce(events.ORDER_PLACED, order)
            return order

        return unit_of_work(place)

    def pay(self, order: Order, token: str = "tok_ok") -> UUID:
        """Request a payment; return its id."""
        return services.request_payment(actor=self.seller_actor, order_id=order.pk, token=token).pk


def build_shop(*, stock: int = 10) -> Shop:
    """Create a shop; `stock` pieces of everything, the phone and the Mac in the east, one lamp, one desk."""
    organization = Organization.objects.create(slug=f"shop-{uuid7().hex[-12:]}", name="Shop")
    shop = Shop(
        organization=organization,
        seller=build_person(organization, "seller", is_staff=True),
        auditor=build_person(organization, "auditor", auditor=True, is_staff=True),
    )
    actor = shop.seller_actor
    for code, priority in (("EAST", 1), ("SOUTH", 2)):
        create_warehouse(actor=actor, code=code, name=code.title(), priority=priority)
        shop.warehouses[code] = Warehouse.objects.get(organization=organization, code=code)
    shelves = {
        PHONE: (500_00, "EAST"),
        MAC: (20_000_00, "EAST"),
        EAST_ONLY: (80_00, "EAST"),
        SOUTH_ONLY: (90_00, "SOUTH"),
    }
    for sku, (price, code) in shelves.items():
        create_product(actor=actor, sku=sku, name=sku, price=Money(minor=price, currency="CNY"))
        shop.products[sku] = Product.objects.get(organization=organization, sku=sku)
        receive_stock(
            actor=actor,
            warehouse_id=shop.warehouses[code].pk,
            product_id=shop.products[sku].pk,
            quantity=stock,
        )
    return shop


def reserve(order: Order) -> Step:
    """Take the reservation step."""
    return services.reserve_order_stock(order_id=order.pk)


def charge(payment_id: UUID) -> Step:
    """Take the charging step, port call included."""
    pending = services.begin_payment(payment_id=payment_id)
    outcome = settlement.settle_charge(
        GATEWAY, pending, is_wanted=lambda: selectors.is_charge_wanted(payment_id)
    )
    return services.record_payment(payment_id=payment_id, outcome=outcome)


def label(shipment_id: UUID) -> Step:
    """Take the label step, port call included."""
    parcel = services.begin_label(shipment_id=shipment_id)
    outcome = settlement.request_label(CARRIER, parcel)
    return services.record_label(shipment_id=shipment_id, outcome=outcome)


def hand_over(shipment_id: UUID) -> Step:
    """Take the handover step, port call included."""
    parcel = services.begin_shipment_handover(shipment_id=shipment_id)
    settlement.hand_over_parcel(CARRIER, parcel)
    return services.record_shipment_handover(shipment_id=shipment_id)


def unwind_labels(order: Order) -> None:
    """Take the step that voids each label, port call included."""
    for shipment in order.shipments.all():
        settlement.void_parcel_label(CARRIER, services.begin_void(shipment_id=shipment.pk))
        services.record_void(shipment_id=shipment.pk)


def unwind_payment(order: Order) -> None:
    """Take the refund step, port call included."""
    refunded = settlement.unwind_charge(GATEWAY, services.begin_refund(order_id=order.pk))
    services.record_refund(order_id=order.pk, outcome=refunded)


def unwind(order: Order) -> Step:
    """Undo everything in the process's order, then close."""
    unwind_labels(order)
    unwind_payment(order)
    services.release_order_stock(order_id=order.pk)
    return services.close_order(order_id=order.pk)
