"""The admin pages of inventory, as people of several groups and organisations use them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from holo.audit.models import AuditEvent
from holo.common.ids import uuid7
from holo.identity.models import Membership, Organization, User
from inventory.models import MAX_QUANTITY, Product, StockLevel, StockMovement, Warehouse
from inventory.operations import Owner, Want, consume_reservation, reserve_stock
from inventory.selectors import list_stock_drift, stock_snapshot
from tests.api.people import build_person
from tests.builders import build_organization, build_product, build_stock, build_warehouse
from tests.forms import filled
from tests.logins import log_in

pytestmark = pytest.mark.django_db
MODELS = ["product", "warehouse", "stocklevel", "reservation", "stockmovement"]


@pytest.fixture
def organization() -> Organization:
    return build_organization(slug="own")


@pytest.fixture
def shelf(organization: Organization) -> StockLevel:
    """Ten phones in Shanghai."""
    product = build_product(organization=organization, sku="phone")
    warehouse = build_warehouse(organization=organization, code="SHA")
    return build_stock(product=product, warehouse=warehouse, on_hand=10)


def client_of(user: User) -> Client:
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    client = Client()
    log_in(client, user)
    return client


@pytest.fixture
def operator(organization: Organization) -> Client:
    return client_of(build_person(organization=organization, groups=["operator"]))


@pytest.fixture
def viewer(organization: Organization) -> Client:
    return client_of(build_person(organization=organization, groups=["viewer"]))


def url(model: str, page: str = "changelist", **kwargs: Any) -> str:
    return reverse(f"admin:inventory_{model}_{page}", kwargs=kwargs)


def text_of(response: Any) -> str:
    assert response.status_code == 200, response
    return str(response.content.decode())


def token_of(client: Client) -> str:
    """Return the hidden token of a fresh form on which goods arrive."""
    found = re.search(r'name="token" value="([^"]+)"', text_of(client.get(url("stocklevel", "receive"))))
    assert found is not None
    return found.group(1)


def arrive(client: Client, shelf: StockLevel, **changes: object) -> Any:
    """Send the form on which goods arrive."""
    data = {
        "warehouse": shelf.warehouse_id,
        "product": shelf.product.sku,
        "quantity": 5,
        "note": "",
        **changes,
    }
    data.setdefault("token", token_of(client))
    return client.post(url("stocklevel", "receive"), data, follow=True)


def hold(shelf: StockLevel) -> Owner:
    owner = Owner(owner_type="test.order", owner_id=uuid7())
    reserve_stock(
        organization_id=shelf.organization_id,
        owner=owner,
        wants=[Want(product_id=shelf.product_id, quantity=2)],
        expires_at=timezone.now() + timedelta(hours=1),
    )
    return owner


@pytest.mark.parametrize("model", MODELS)
def test_viewer_sees_rows_but_no_way_to_change_them(viewer: Client, shelf: StockLevel, model: str) -> None:
    consume_reservation(owner=hold(shelf), actor_label="packer")
    page = text_of(viewer.get(url(model)))
    assert "results" in page
    assert url(model) + "add/" not in page
    assert "receive/" not in page
    row = {
        "product": shelf.product_id,
        "warehouse": shelf.warehouse_id,
        "stocklevel": shelf.pk,
        "reservation": shelf.reservation_lines.get().reservation_id,
        "stockmovement": StockMovement.objects.first(),
    }[model]
    object_id = getattr(row, "pk", row)
    assert 'name="_save"' not in text_of(viewer.get(url(model, "change", object_id=object_id)))
    for address in (url(model, "change", object_id=object_id), url(model, "delete", object_id=object_id)):
        assert viewer.post(address, {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    "text",
    ["1_000", "１２", "١٢", "1.000", "1,000", "1e3", "+5", "0x10", "5.0", "²", "五", "5 0", "--5", "9" * 40],
)
def test_number_is_never_guessed(operator: Client, shelf: StockLevel, text: str) -> None:
    before = StockMovement.objects.count()
    assert "Enter digits alone, such as 1000." in text_of(arrive(operator, shelf, quantity=text))
    assert StockMovement.objects.count() == before


def test_goods_arrive_in_no_warehouse_that_nobody_chose(operator: Client, shelf: StockLevel) -> None:
    page = text_of(operator.get(url("stocklevel", "receive")))
    (choice,) = re.findall(r'<select name="warehouse".*?</select>', page, re.DOTALL)
    assert '<option value="" selected>' in choice
    assert "This field is required." in text_of(arrive(operator, shelf, warehouse=""))


def test_unusual_quantity_is_asked_about_once(operator: Client, shelf: StockLevel) -> None:
    arrive(operator, shelf, quantity=5)
    on_hand = StockLevel.objects.get(pk=shelf.pk).on_hand
    page = text_of(arrive(operator, shelf, quantity=1_000_000))
    assert "Are 1,000,000 right?" in page
    assert '<input type="checkbox" name="sure"' in page
    assert StockLevel.objects.get(pk=shelf.pk).on_hand == on_hand
    arrive(operator, shelf, quantity=1_000_000, sure="on", asked=f"{shelf.product_id}:1000000")
    assert StockLevel.objects.get(pk=shelf.pk).on_hand == on_hand + 1_000_000
    # That one receipt does not make the next of its kind usual.
    assert "Are 999,999 right?" in text_of(arrive(operator, shelf, quantity=999_999))


def test_answer_to_the_question_counts_for_what_it_was_about(
    operator: Client, shelf: StockLevel, organization: Organization
) -> None:
    """Otherwise a second slip of the hand, beside the tick for the first, is booked without a question."""
    other = build_product(organization=organization, sku="lamp")
    arrive(operator, shelf, quantity=5)
    asked = filled(arrive(operator, shelf, quantity=100_000))
    assert asked["asked"] == [f"{shelf.product_id}:100000"]
    before = StockMovement.objects.count()
    page = operator.post(url("stocklevel", "receive"), {**asked, "sure": "on", "quantity": "100000000"})
    assert "Are 100,000,000 right?" in text_of(page)
    assert "sure" not in filled(page), "the tick for another quantity is still there"
    page = operator.post(url("stocklevel", "receive"), {**asked, "sure": "on", "product": other.sku})
    assert "This is the first receipt of the product." in text_of(page)
    assert "right?" in text_of(arrive(operator, shelf, quantity=100_000, sure="on"))
    assert StockMovement.objects.count() == before
    operator.post(url("stocklevel", "receive"), {**asked, "sure": "on"})
    assert StockMovement.objects.count() == before + 1


@pytest.mark.parametrize(
    ("model", "page"), [("product", "add"), ("warehouse", "add"), ("stocklevel", "receive")]
)
def test_viewer_may_not_give_commands(viewer: Client, shelf: StockLevel, model: str, page: str) -> None:
    assert viewer.get(url(model, page)).status_code == 403
    assert viewer.post(url(model, page), {}).status_code == 403
    assert viewer.post(url("product", "edit", product_id=shelf.product_id), {}).status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_rows_of_another_organization_are_not_found(shelf: StockLevel, model: str) -> None:
    hold(shelf)
    stranger = client_of(build_person(organization=build_organization(), groups=["operator"]))
    page = text_of(stranger.get(url(model)))
    assert "phone" not in page
    assert "SHA" not in page
    address = url("product", "edit", product_id=shelf.product_id)
    assert stranger.get(address).status_code == 404
    assert stranger.get(url("stocklevel", "change", object_id=shelf.pk)).status_code == 302


def test_operator_adds_a_product(operator: Client, organization: Organization) -> None:
    form = text_of(operator.get(url("product", "add")))
    assert f'type="hidden" name="organization" value="{organization.pk}"' in form
    data = {"organization": organization.pk, "sku": "iPad", "name": "iPad Air", "price": "4799.00"}
    page = text_of(operator.post(url("product", "add"), data, follow=True))
    assert "Product iPad was added." in page
    assert "¥4,799.00" in page
    event = AuditEvent.objects.get(action="inventory.product_created")
    assert event.actor_id is not None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"price": "1.234"}, "Not an amount"),
        ({"price": "0"}, "more than zero"),
        ({"price": "-1"}, "Not an amount"),
        ({"sku": "phone"}, "another product has the SKU"),
        ({"sku": "a\u200bb"}, "invisible"),
        ({"name": ""}, "required"),
    ],
)
def test_wrong_product_is_refused_with_a_reason(
    operator: Client, shelf: StockLevel, changes: dict[str, str], said: str
) -> None:
    data = {"organization": shelf.organization_id, "sku": "x", "name": "X", "price": "5", **changes}
    assert said in text_of(operator.post(url("product", "add"), data))
    assert Product.objects.count() == 1


def test_operator_cannot_add_to_another_organization(operator: Client) -> None:
    other = build_organization()
    data = {"organization": other.pk, "sku": "x", "name": "X", "price": "5"}
    assert "Select a valid choice" in text_of(operator.post(url("product", "add"), data))
    assert not Product.objects.exists()


def test_operator_changes_a_product(operator: Client, shelf: StockLevel) -> None:
    address = url("product", "edit", product_id=shelf.product_id)
    form = operator.get(address)
    assert 'value="500.00"' in text_of(form)
    assert address in text_of(operator.get(url("product", "change", object_id=shelf.product_id)))
    page = text_of(operator.post(address, filled(form, name="Phone", price="499", active=None), follow=True))
    assert "Product phone was changed." in page
    product = Product.objects.get()
    assert (product.name, product.price_minor, product.active) == ("Phone", 499_00, False)


def test_operator_adds_a_warehouse(operator: Client, organization: Organization) -> None:
    data = {"organization": organization.pk, "code": "CAN", "name": "Guangzhou", "priority": 7}
    assert "Warehouse CAN was added." in text_of(operator.post(url("warehouse", "add"), data, follow=True))
    assert Warehouse.objects.get().priority == 7
    again = text_of(operator.post(url("warehouse", "add"), data))
    assert "another warehouse has the code" in again
    assert "32767" in text_of(
        operator.post(url("warehouse", "add"), {**data, "code": "X", "priority": 2**40})
    )


def test_goods_arrive_stock_and_movement_are_shown(operator: Client, shelf: StockLevel) -> None:
    page = text_of(arrive(operator, shelf, note="delivery 17"))
    assert "5 × phone arrived in SHA." in page
    assert stock_snapshot(shelf.organization_id) == {"phone": (15, 0)}
    assert "delivery 17" in text_of(operator.get(url("stockmovement")))
    assert list_stock_drift(shelf.organization_id) == []


def test_form_sent_twice_counts_once(operator: Client, shelf: StockLevel) -> None:
    token = token_of(operator)
    arrive(operator, shelf, token=token)
    assert "5 × phone arrived in SHA." in text_of(arrive(operator, shelf, token=token))
    assert stock_snapshot(shelf.organization_id) == {"phone": (15, 0)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"product": "nothing"}, "no product with this SKU"),
        ({"quantity": 0}, "greater than or equal to 1"),
        ({"quantity": MAX_QUANTITY, "sure": "on"}, "no shelf holds more"),
        ({"note": "a\u202eb"}, "invisible"),
    ],
)
def test_goods_that_do_not_fit_are_refused_twice(
    operator: Client, shelf: StockLevel, changes: dict[str, object], said: str
) -> None:
    token = token_of(operator)
    if "sure" in changes:
        changes = {**changes, "asked": f"{shelf.product_id}:{changes['quantity']}"}
    for _ in range(2):
        assert said in text_of(arrive(operator, shelf, token=token, **changes))
    assert stock_snapshot(shelf.organization_id) == {"phone": (10, 0)}
    assert "arrived" in text_of(arrive(operator, shelf, token=token))


def test_a_sku_is_found_in_whatever_form_it_is_typed(
    operator: Client, shelf: StockLevel, organization: Organization
) -> None:
    typed = "Cafe\u0301"
    data = {"organization": organization.pk, "sku": typed, "name": "x", "price": "5"}
    operator.post(url("product", "add"), data)
    assert Product.objects.filter(sku="Café").exists()
    assert "another product has the SKU" in text_of(operator.post(url("product", "add"), data))
    assert "5 × Café arrived in SHA." in text_of(arrive(operator, shelf, product=typed))
    for form in ("Café", typed):
        assert "Café" in text_of(operator.get(url("product"), {"q": form}))
        assert "Café" in text_of(operator.get(url("stocklevel"), {"q": form}))


def test_row_button_names_warehouse_and_product(operator: Client, shelf: StockLevel) -> None:
    page = text_of(operator.get(url("stocklevel")))
    (address,) = re.findall(r'href="([^"]*receive/\?[^"]+)"', page)
    form = text_of(operator.get(address.replace("&amp;", "&")))
    assert f'<option value="{shelf.warehouse_id}" selected>' in form
    assert 'name="product" value="phone"' in form


def test_goods_for_another_organizations_warehouse_are_refused(operator: Client, shelf: StockLevel) -> None:
    foreign = build_warehouse(organization=build_organization())
    assert "Select a valid choice" in text_of(arrive(operator, shelf, warehouse=foreign.pk))
    assert stock_snapshot(shelf.organization_id) == {"phone": (10, 0)}


def test_member_of_two_organizations_chooses(shelf: StockLevel) -> None:
    person = build_person(organization=shelf.organization, groups=["operator"])
    second = build_organization(slug="second")
    Membership.objects.create(user=person, organization=second)
    client = client_of(person)
    assert "Second" in text_of(client.get(url("product", "add")))
    data = {"organization": second.pk, "sku": "phone", "name": "Phone", "price": "5"}
    assert "was added" in text_of(client.post(url("product", "add"), data, follow=True))
    warehouse = build_warehouse(organization=second)
    page = text_of(arrive(client, shelf, warehouse=warehouse.pk))
    assert "arrived" in page
    assert stock_snapshot(second.pk) == {"phone": (5, 0)}


def test_superuser_sees_all_organizations(shelf: StockLevel) -> None:
    build_product(organization=build_organization(), sku="elsewhere")
    page = text_of(client_of(build_person(organization=None, superuser=True)).get(url("product")))
    assert "phone" in page
    assert "elsewhere" in page


@pytest.mark.parametrize(
    "query",
    ["q=phone", "q=%00", "available=any", "available=none", "q=" + "x" * 300, "o=-5"],
)
@pytest.mark.parametrize("model", MODELS)
def test_lists_bear_any_search_and_filter(
    operator: Client, shelf: StockLevel, model: str, query: str
) -> None:
    hold(shelf)
    if query.startswith("available") and model != "stocklevel":
        return
    text_of(operator.get(f"{url(model)}?{query}", follow=True))


def test_reservation_is_found_by_its_owner_and_shows_its_lines(viewer: Client, shelf: StockLevel) -> None:
    owner = hold(shelf)
    page = text_of(viewer.get(f"{url('reservation')}?q={owner.owner_id}"))
    assert str(owner.owner_id) in page
    assert "badge-progress" in page
    (reservation_id,) = shelf.reservation_lines.values_list("reservation_id", flat=True)
    assert "phone" in text_of(viewer.get(url("reservation", "change", object_id=reservation_id)))


@pytest.mark.parametrize("model", MODELS)
def test_lists_take_the_same_number_of_queries_for_any_number_of_rows(
    operator: Client, shelf: StockLevel, model: str
) -> None:
    counts = []
    for number in range(2):
        hold(shelf)
        with CaptureQueriesContext(connection) as queries:
            text_of(operator.get(url(model)))
        counts.append(len(queries))
        product = build_product(organization=shelf.organization, sku=f"more-{number}")
        build_stock(product=product, warehouse=build_warehouse(organization=shelf.organization), on_hand=1)
    assert counts[0] == counts[1]
