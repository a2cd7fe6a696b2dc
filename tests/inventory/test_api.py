"""Products and stock as clients of the API see them."""

import unicodedata
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from holo.common.actor import OrganizationId, system_actor
from holo.common.money import Money
from holo.identity.models import Organization
from inventory.models import Product, Warehouse
from inventory.services import create_product, create_warehouse
from tests.api.people import Api, build_key, build_person, code_of
from tests.builders import build_organization, build_product, build_stock, build_warehouse

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    """An organisation with three products, the last not on sale, and another one's product."""
    organization = build_organization()
    warehouses = [
        build_warehouse(organization=organization, code=code, priority=rank)
        for rank, code in enumerate(("SHA", "CAN"))
    ]
    for sku in ("A", "B", "C"):
        product = build_product(organization=organization, sku=sku, price_minor=500_00)
        for warehouse in warehouses:
            build_stock(product=product, warehouse=warehouse, on_hand=3)
    Product.objects.filter(sku="C").update(active=False)
    stranger = build_organization()
    product = build_product(organization=stranger, sku="A")
    build_stock(product=product, warehouse=build_warehouse(organization=stranger, code="SHA"), on_hand=9)
    return organization


@pytest.fixture
def api(organization: Organization) -> Api:
    person = build_person(organization=organization, groups=["viewer"])
    return Api(build_key(owner=person, organization=organization, scopes=["inventory:read"]))


def test_products_on_sale_are_listed_by_sku(api: Api) -> None:
    body = api.get("/api/v1/products").json()
    assert [row["sku"] for row in body["results"]] == ["A", "B"]
    assert body["results"][0]["price"] == {"amount": "500.00", "currency": "CNY"}
    assert set(body["results"][0]) == {"id", "sku", "name", "price"}


def test_filter_by_sku_finds_one_product_and_its_stock(api: Api) -> None:
    assert [row["sku"] for row in api.get("/api/v1/products?sku=B").json()["results"]] == ["B"]
    rows = api.get("/api/v1/stock?sku=B&warehouse=SHA").json()["results"]
    product = Product.objects.get(sku="B")
    assert rows == [
        {
            "product_id": str(product.pk),
            "sku": "B",
            "warehouse": "SHA",
            "on_hand": 3,
            "reserved": 0,
            "available": 3,
        }
    ]


def test_pages_of_stock_follow_each_other_without_gap(api: Api) -> None:
    seen: list[tuple[str, str]] = []
    address: str | None = "/api/v1/stock?limit=4"
    while address:
        body = api.get(address).json()
        seen += [(row["sku"], row["warehouse"]) for row in body["results"]]
        address = body["next"]
    assert seen == [(sku, code) for sku in "ABC" for code in ("CAN", "SHA")]


def test_stock_takes_the_same_number_of_queries_for_any_number_of_rows(
    api: Api, organization: Organization
) -> None:
    api.get("/api/v1/stock")  # notes that the key was used
    counts = []
    for sku in ("D", "E"):
        with CaptureQueriesContext(connection) as queries:
            api.get("/api/v1/stock")
        counts.append(len(queries))
        product = build_product(organization=organization, sku=sku)
        build_stock(product=product, warehouse=Warehouse.objects.get(code="CAN"), on_hand=1)
    assert counts[0] == counts[1]


@pytest.mark.parametrize("path", ["/api/v1/products", "/api/v1/stock"])
def test_caller_without_the_scope_is_refused(organization: Organization, path: str) -> None:
    person = build_person(organization=organization, groups=["viewer"])
    narrow = Api(build_key(owner=person, organization=organization, scopes=["orders:read"]))
    assert narrow.get(path).status_code == 403
    assert Api().get(path).status_code == 401


@pytest.mark.parametrize("query", ["nonsense=1", "sku=", "limit=0", "cursor=x", "sku=A&sku=B"])
def test_parameter_that_does_not_fit_is_refused(api: Api, query: str) -> None:
    response = api.get(f"/api/v1/stock?{query}")
    assert response.status_code == 400
    assert code_of(response).startswith("request.")


@pytest.mark.parametrize("path", ["/api/v1/products", "/api/v1/stock"])
def test_nothing_is_written_through_these_addresses(api: Api, path: str) -> None:
    assert api.post(path, {}).status_code in (403, 405)


@pytest.mark.parametrize(
    "sku", ["Cafe\u0301", "\uac00\ub098", "\u1100\u1161", "A+B", "50 %", "\U0001fae8" * 64]
)
def test_a_filter_finds_a_sku_in_whatever_form_it_is_sent(
    api: Api, organization: Organization, sku: str
) -> None:
    actor = system_actor(OrganizationId(organization.pk))
    create_product(actor=actor, sku=sku, name="x", price=Money(minor=100, currency="CNY"))
    create_warehouse(actor=actor, code=sku[:32], name="x", priority=1)
    build_stock(
        product=Product.objects.get(sku=unicodedata.normalize("NFC", sku)),
        warehouse=Warehouse.objects.get(code=unicodedata.normalize("NFC", sku[:32])),
        on_hand=1,
    )
    for form in ("NFC", "NFD"):
        sent = unicodedata.normalize(form, sku)
        query = urlencode({"sku": sent})
        assert len(api.get(f"/api/v1/products?{query}").json()["results"]) == 1
        both = urlencode({"sku": sent, "warehouse": unicodedata.normalize("NFD", sku[:32])})
        assert len(api.get(f"/api/v1/stock?{both}").json()["results"]) == 1


def test_a_cursor_works_though_its_row_is_gone_from_the_list(api: Api, organization: Organization) -> None:
    for sku in ("\U0001f9ff" * 64, "+ %2B&", "é \u3000x", "z" * 64):
        build_product(organization=organization, sku=sku)
    links: list[str] = []
    address: str | None = "/api/v1/products?limit=1"
    while address:
        body = api.get(address).json()
        links += [link for link in (body["next"], body["previous"]) if link]
        address = body["next"]
    assert len(links) == 10
    Product.objects.update(active=False)
    assert {api.get(link).status_code for link in links} == {200}
