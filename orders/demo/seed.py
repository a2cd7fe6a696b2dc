"""Data to play with: one organisation, its project, two warehouses, a catalogue, stock and four people.

Each row is made only where it is missing, and a shelf is filled only if nothing ever arrived on it, so that a
second run changes nothing and a run that was cut off is completed by the next.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group

from holo.common.actor import Actor, OrganizationId, system_actor
from holo.common.money import Money
from holo.identity.demo import DEMO_ADMIN, DEMO_APPROVER, DEMO_OPERATOR, DEMO_PASSWORD, DEMO_VIEWER
from holo.identity.models import Membership, Organization, Project, User
from holo.identity.selectors import AUDITOR_GROUP
from holo.identity.services import create_project
from holo.staff.demo import enrol_demo_people
from inventory.models import Product, StockMovement, Warehouse
from inventory.services import create_product, create_warehouse, receive_stock

ORGANIZATION_SLUG = "demo"
ORGANIZATION_NAME = "Holo Demo"
PROJECT_SLUG, PROJECT_NAME = "shop", "Web shop"
SHANGHAI, GUANGZHOU = "SHA", "CAN"
CURRENCY = "CNY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can log in; `group` None means that no group gives rights."""

    email: str
    name: str
    role: Membership.Role
    group: str | None
    is_superuser: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ware:
    """A product with its price in fen and the pieces that each warehouse gets."""

    sku: str
    name: str
    price_minor: int
    stock: Mapping[str, int]


@dataclass(slots=True, kw_only=True)
class Seeded:
    """How many rows were missing, and made."""

    organizations: int = 0
    people: int = 0
    projects: int = 0
    warehouses: int = 0
    products: int = 0
    shelves: int = 0
    # Groups, memberships and devices that people lacked.
    grants: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether everything was there before."""
        return not any(astuple(self))


PEOPLE = (
    Person(email=DEMO_ADMIN, name="Ada", role=Membership.Role.OWNER, group=None, is_superuser=True),
    Person(email=DEMO_APPROVER, name="Wei", role=Membership.Role.AUDITOR, group=AUDITOR_GROUP),
    Person(email=DEMO_OPERATOR, name="Lin", role=Membership.Role.MEMBER, group="operator"),
    Person(email=DEMO_VIEWER, name="Max", role=Membership.Role.MEMBER, group="viewer"),
)

# Priority: a basket that both can serve is sent from Shanghai.
WAREHOUSES = {SHANGHAI: ("Shanghai", 10), GUANGZHOU: ("Guangzhou", 20)}

# A basket with AirPodsPro and AppleWatch must be split: neither warehouse has both.
CATALOGUE = (
    Ware(sku="iPhone15", name="iPhone 15", price_minor=500_00, stock={SHANGHAI: 5000, GUANGZHOU: 3000}),
    Ware(sku="MacPro", name="Mac Pro", price_minor=20_000_00, stock={SHANGHAI: 2000, GUANGZHOU: 1000}),
    Ware(sku="AirPodsPro", name="AirPods Pro", price_minor=1_899_00, stock={SHANGHAI: 4000}),
    Ware(sku="AppleWatch", name="Apple Watch", price_minor=2_999_00, stock={GUANGZHOU: 4000}),
    Ware(sku="iPadAir", name="iPad Air", price_minor=4_799_00, stock={SHANGHAI: 600, GUANGZHOU: 400}),
    Ware(sku="StudioDisplay", name="Studio Display", price_minor=11_499_00, stock={SHANGHAI: 80}),
    Ware(sku="MagicKeyboard", name="Magic Keyboard", price_minor=999_00, stock={GUANGZHOU: 900}),
    Ware(
        sku="USB-C-Cable",
        name="USB-C cable, 1 m",
        price_minor=145_00,
        stock={SHANGHAI: 9000, GUANGZHOU: 9000},
    ),
)


@dataclass(slots=True, kw_only=True)
class _Seeder:
    """Makes what is missing and counts it."""

    organization: Organization
    actor: Actor
    seeded: Seeded = field(default_factory=Seeded)

    def people(self) -> None:
        """Make the four people, their memberships and groups. Nobody's password is changed."""
        missing = {person.email for person in PEOPLE}
        missing -= set(User.objects.filter(login__in=missing).values_list("login", flat=True))
        # One hash for all: hashing is slow on purpose, and the password is no secret.
        password = make_password(DEMO_PASSWORD) if missing else ""
        for person in PEOPLE:
            user, created = User.objects.called(person.email).get_or_create(
                defaults={
                    "email": person.email,
                    "login": person.email,
                    "name": person.name,
                    "password": password,
                    "is_staff": True,
                    "is_superuser": person.is_superuser,
                },
            )
            self.seeded.people += created
            self._grant(user, person)
        self.seeded.grants += enrol_demo_people()

    def _grant(self, user: User, person: Person) -> None:
        _membership, joined = Membership.objects.get_or_create(
            organization=self.organization, user=user, defaults={"role": person.role}
        )
        self.seeded.grants += joined
        if person.group is None:
            return
        group, _created = Group.objects.get_or_create(name=person.group)
        if not user.groups.filter(pk=group.pk).exists():
            user.groups.add(group)
            self.seeded.grants += 1

    def projects(self) -> None:
        """Make the project, with its environments."""
        if not Project.objects.filter(organization=self.organization, slug=PROJECT_SLUG).exists():
            create_project(actor=self.actor, slug=PROJECT_SLUG, name=PROJECT_NAME)
            self.seeded.projects += 1

    def warehouses(self) -> None:
        """Make the two warehouses."""
        known = set(Warehouse.objects.filter(organization=self.organization).values_list("code", flat=True))
        for code, (name, priority) in WAREHOUSES.items():
            if code not in known:
                create_warehouse(actor=self.actor, code=code, name=name, priority=priority)
                self.seeded.warehouses += 1

    def products(self) -> None:
        """Make the catalogue."""
        known = set(Product.objects.filter(organization=self.organization).values_list("sku", flat=True))
        for ware in CATALOGUE:
            if ware.sku not in known:
                price = Money(minor=ware.price_minor, currency=CURRENCY)
                create_product(actor=self.actor, sku=ware.sku, name=ware.name, price=price)
                self.seeded.products += 1

    def stock(self) -> None:
        """Fill the shelves on which nothing ever arrived."""
        warehouses = {w.code: w.pk for w in Warehouse.objects.filter(organization=self.organization)}
        products = {p.sku: p.pk for p in Product.objects.filter(organization=self.organization)}
        filled = set(
            StockMovement.objects.filter(organization=self.organization)
            .values_list("product_id", "warehouse_id")
            .distinct()
        )
        for ware in CATALOGUE:
            for code, quantity in ware.stock.items():
                if (products[ware.sku], warehouses[code]) in filled:
                    continue
                receive_stock(
                    actor=self.actor,
                    product_id=products[ware.sku],
                    warehouse_id=warehouses[code],
                    quantity=quantity,
                    note="first delivery",
                )
                self.seeded.shelves += 1


def seed_demo() -> Seeded:
    """Make whatever is missing of the demonstration's data; return what was."""
    organization, created = Organization.objects.get_or_create(
        slug=ORGANIZATION_SLUG, defaults={"name": ORGANIZATION_NAME}
    )
    actor = system_actor(OrganizationId(organization.pk), label="seed_demo")
    seeder = _Seeder(organization=organization, actor=actor)
    seeder.seeded.organizations += created
    seeder.people()
    seeder.projects()
    seeder.warehouses()
    seeder.products()
    seeder.stock()
    return seeder.seeded
