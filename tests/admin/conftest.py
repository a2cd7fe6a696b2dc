"""A shop whose orders wait in every way, and a browserless client for each kind of person."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from holo.approvals.models import ApprovalRequest
from holo.identity.models import User
from orders.models import Order
from orders.services import park_order
from orders.steps import Failure
from tests.logins import log_in
from tests.stories import MAC, PHONE, Shop, build_person, build_shop

ClientOf = Callable[[User], Client]


@pytest.fixture
def shop(db: None) -> Shop:
    """A shop with stock; its seller is an operator."""
    shop = build_shop()
    shop.seller.groups.add(Group.objects.get(name="operator"))
    return shop


@pytest.fixture
def people(shop: Shop) -> dict[str, User]:
    """One person of each kind."""
    people = {
        name: build_person(shop.organization, name, is_staff=True)
        for name in ("viewer", "operator", "nobody")
    }
    for name in ("viewer", "operator"):
        people[name].groups.add(Group.objects.get(name=name))
    people["superuser"] = build_person(shop.organization, "root", is_staff=True, is_superuser=True)
    people["auditor"] = shop.auditor
    people["customer"] = build_person(shop.organization, "customer")
    return people


@pytest.fixture
def client_of() -> ClientOf:
    """Make a client in which a person is logged in."""

    def make(user: User) -> Client:
        client = Client()
        log_in(client, user)
        return client

    return make


@pytest.fixture
def waiting(shop: Shop) -> Order:
    """An order that waits for a decision."""
    return place_waiting(shop)


@pytest.fixture
def parked(shop: Shop) -> Order:
    """An order whose release of stock has failed for good."""
    order = shop.place(PHONE)
    park_order(
        order_id=order.pk,
        failures=[Failure(step="release_stock", attempts=5, error_code="request.busy", message="row 7")],
    )
    order.refresh_from_db()
    return order


def place_waiting(shop: Shop) -> Order:
    """Place an order that needs a decision."""
    order = shop.place(MAC)
    order.refresh_from_db()
    return order


def request_of(order: Order) -> ApprovalRequest:
    """Return the order's approval request."""
    return ApprovalRequest.objects.get(subject_id=order.pk)
