"""Nobody empties the shop without paying: unpaid orders of one buyer hold no more than so many pieces."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.conf import LazySettings

from holo.apiauth.scopes import ORDERS_READ, ORDERS_WRITE
from orders.errors import BuyerLimitError, ClientRefTakenError
from orders.models import Order
from orders.selectors import pieces_of_unpaid_orders
from orders.services import cancel_order, park_order, place_order, placing, request_payment
from orders.services.placing import Placement, WantedLine
from orders.steps import Failure
from tests.api.people import Api, build_key, build_person, code_of
from tests.builders import build_organization, build_product, build_stock, build_warehouse
from tests.racing import race
from tests.stories import PHONE, Shop, build_shop, charge, unwind

ORDERS = "/api/v1/orders"


@pytest.fixture
def shop(fresh_database: str, settings: LazySettings) -> Shop:
    """A shop where a buyer holds up to ten pieces."""
    settings.ORDER_BUYER_PIECES = 10
    return build_shop(stock=1000)


def place(shop: Shop, quantity: int, buyer: str = "customer-1") -> Order:
    lines = [WantedLine(sku=PHONE, quantity=quantity, pointer="/items/0")]
    return place_order(actor=shop.seller_actor, placement=Placement(lines=lines, buyer=buyer)).order


def test_buyer_holds_so_many_pieces_and_others_their_own(shop: Shop) -> None:
    place(shop, 4)
    place(shop, 6)
    with pytest.raises(BuyerLimitError, match="hold 10 pieces already, and may hold 10") as refused:
        place(shop, 1)
    assert refused.value.details == {"held": 10, "wanted": 1, "allowed": 10}
    place(shop, 10, "customer-2")
    place(shop, 500, "")
    assert place_order(
        actor=build_shop().seller_actor,
        placement=Placement(
            lines=[WantedLine(sku=PHONE, quantity=1, pointer="/items/0")], buyer="customer-1"
        ),
    )


def test_paying_and_cancelling_make_room(shop: Shop) -> None:
    paid, cancelled = place(shop, 5), place(shop, 5)
    payment = request_payment(actor=shop.seller_actor, order_id=paid.pk, token="tok_ok")
    charge(payment.pk)
    place(shop, 5)
    cancel_order(actor=shop.seller_actor, order_id=cancelled.pk)
    # Its stock is held until it is given back.
    with pytest.raises(BuyerLimitError):
        place(shop, 5)
    unwind(cancelled)
    place(shop, 5)


def test_order_that_waits_for_an_operator_counts_until_it_is_paid(shop: Shop) -> None:
    """Else a token that no gateway understands would take an order out of the count, with its stock held."""
    unpaid = place(shop, 10)
    request_payment(actor=shop.seller_actor, order_id=unpaid.pk, token="tok_odd")
    park_order(order_id=unpaid.pk, failures=[failure("payment")])
    with pytest.raises(BuyerLimitError):
        place(shop, 1)
    paid = place(shop, 10, "customer-2")
    payment = request_payment(actor=shop.seller_actor, order_id=paid.pk, token="tok_ok")
    charge(payment.pk)
    park_order(order_id=paid.pk, failures=[failure("label")])
    place(shop, 10, "customer-2")


def failure(step: str) -> Failure:
    return Failure(step=step, attempts=3, error_code="test", message="test")


def test_order_that_is_asked_for_again_is_told_to_be_there(shop: Shop) -> None:
    """Who lost the answer asks again by `client_ref`, and needs no room for a second order."""
    line = WantedLine(sku=PHONE, quantity=6, pointer="/items/0")
    placement = Placement(lines=[line], buyer="customer-1", client_ref="once")
    first = place_order(actor=shop.seller_actor, placement=placement).order
    with pytest.raises(ClientRefTakenError) as refused:
        place_order(actor=shop.seller_actor, placement=placement)
    assert refused.value.details["order_id"] == str(first.pk)
    with pytest.raises(BuyerLimitError):
        place_order(actor=shop.seller_actor, placement=replace(placement, client_ref="another"))


def test_of_orders_at_once_as_many_are_placed_as_fit(shop: Shop) -> None:
    found = race([partial(place, shop, 1)] * 25)
    assert sum(isinstance(one, Order) for one in found) == 10
    assert sum(isinstance(one, BuyerLimitError) for one in found) == 15
    assert pieces_of_unpaid_orders(shop.organization.pk, buyer="customer-1") == 10


def test_control_without_the_lock_more_are_placed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "lock_room", lambda *_of: None)
    found = race([partial(place, shop, 1)] * 25)
    assert sum(isinstance(one, Order) for one in found) > 10


def wanted(sku: str, quantity: int, **fields: Any) -> dict[str, Any]:
    return {"items": [{"sku": sku, "quantity": quantity}], **fields}


def test_client_names_its_buyer_and_finds_their_orders(shop: Shop) -> None:
    organization = build_organization()
    product = build_product(organization=organization)
    sku = product.sku
    build_stock(product=product, warehouse=build_warehouse(organization=organization), on_hand=100)
    owner = build_person(organization=organization, groups=["operator"])
    api = Api(build_key(owner=owner, organization=organization, scopes=[ORDERS_READ, ORDERS_WRITE]))
    placed = api.post(ORDERS, wanted(sku, 10, buyer="customer-1"))
    assert (placed.status_code, placed.json()["buyer"]) == (201, "customer-1")
    refused = api.post(ORDERS, wanted(sku, 1, buyer="customer-1"))
    assert (refused.status_code, code_of(refused)) == (409, "orders.buyer_limit")
    assert api.post(ORDERS, wanted(sku, 11)).json()["buyer"] == ""
    found = api.get(f"{ORDERS}?buyer=customer-1").json()["results"]
    assert [row["id"] for row in found] == [placed.json()["id"]]
