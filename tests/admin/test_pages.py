"""What the pages show, and that a longer list costs no more queries."""

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from holo.approvals.models import ApprovalDecision
from holo.approvals.services import decide
from holo.identity.models import User
from orders import services
from orders.admin.detail import workflow_url
from orders.models import Order, ParkedStep
from tests.admin.conftest import ClientOf, place_waiting, request_of
from tests.stories import EAST_ONLY, PHONE, SOUTH_ONLY, Shop, charge, hand_over, label, unwind

ORDERS = "admin:orders_order_changelist"
INBOX = "admin:approvals_approvalrequest_changelist"


def _text(client: Client, name: str, *args: object) -> str:
    answer = client.get(reverse(name, args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def _queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def _place_some(shop: Shop, waiting: int) -> None:
    for _ in range(waiting):
        place_waiting(shop)
    services.cancel_order(actor=shop.seller_actor, order_id=place_waiting(shop).pk)


def _complete(shop: Shop, *skus: str) -> Order:
    order = shop.place(*skus)
    charge(shop.pay(order))
    shipments = list(order.shipments.all())
    for shipment in shipments:
        label(shipment.pk)
    for shipment in shipments:
        hand_over(shipment.pk)
    order.refresh_from_db()
    return order


@pytest.mark.parametrize("name", [ORDERS, INBOX, "admin:orders_orderevent_changelist", "admin:index"])
def test_a_longer_list_costs_no_more_queries(
    name: str, shop: Shop, people: dict[str, User], client_of: ClientOf
) -> None:
    people["auditor"].groups.add(*people["operator"].groups.all())
    client = client_of(people["auditor"])
    _place_some(shop, 2)
    few = _queries(client, reverse(name))
    _place_some(shop, 4)
    assert _queries(client, reverse(name)) == few


def test_a_bulk_page_costs_no_more_queries_for_more_rows(shop: Shop, client_of: ClientOf) -> None:
    client = client_of(shop.auditor)
    requests = [request_of(place_waiting(shop)) for _ in range(5)]

    def queries(count: int) -> int:
        chosen = [request.pk for request in requests[:count]]
        data = {"action": "approve", "index": 0, "_selected_action": chosen}
        with CaptureQueriesContext(connection) as captured:
            assert len(client.post(reverse(INBOX), data).context["items"]) == count
        return len(captured)

    assert queries(5) == queries(2)


def test_a_completed_order_shows_lines_payment_shipments_hold_and_timeline(
    shop: Shop, client_of: ClientOf, settings: LazySettings
) -> None:
    order = _complete(shop, EAST_ONLY, SOUTH_ONLY)
    page = _text(client_of(shop.seller), "admin:orders_order_change", order.pk)
    assert f"/namespaces/{settings.TEMPORAL_NAMESPACE}/workflows/order-{order.pk}" in page
    for shown in (order.number, "¥170.00", "EAST", "SOUTH", "captured", "handed over", "shipped"):
        assert shown in page, shown
    for entry in (
        "Order placed",
        "Stock reserved",
        "Payment captured",
        "Point of no return",
        "Order completed",
    ):
        assert entry in page, entry
    assert page.index("Order placed") < page.index("Order completed")
    assert "Cancel and roll back" not in page


def test_a_rejected_order_shows_who_decided_and_why(shop: Shop, client_of: ClientOf, waiting: Order) -> None:
    decide(
        actor=shop.auditor_actor,
        request_id=request_of(waiting).pk,
        verdict=ApprovalDecision.Verdict.REJECT,
        reason="the credit line is exhausted",
    )
    services.settle_approval(order_id=waiting.pk)
    unwind(waiting)
    page = _text(client_of(shop.seller), "admin:orders_order_change", waiting.pk)
    for shown in ("rejected by an auditor", "the credit line is exhausted", shop.auditor.email, "given back"):
        assert shown in page, shown


def test_a_waiting_order_shows_its_deadline_and_what_happens_next(
    shop: Shop, client_of: ClientOf, waiting: Order
) -> None:
    page = _text(client_of(shop.seller), "admin:orders_order_change", waiting.pk)
    assert "Waits for <strong>a decision</strong>" in page
    assert "without a decision the order is cancelled and its stock given back" in page
    listed = _text(client_of(shop.seller), ORDERS)
    assert "a decision" in listed
    assert "23\xa0hours left" in listed


def test_a_parked_order_is_retried_from_its_page(shop: Shop, client_of: ClientOf, parked: Order) -> None:
    client = client_of(shop.seller)
    page = _text(client, "admin:orders_order_change", parked.pk)
    assert "release stock" in page
    assert reverse("admin:orders_order_retry", args=[parked.pk]) in page
    answer = client.post(reverse("admin:orders_order_retry_run"), {"item": f"{parked.pk}:"}, follow=True)
    assert "The parked steps run again" in answer.content.decode()
    assert ParkedStep.objects.get().retry_requested_at is not None


def test_a_cancel_of_what_has_ended_is_refused_and_the_rest_goes_on(
    shop: Shop, client_of: ClientOf, waiting: Order
) -> None:
    done = _complete(shop, PHONE)
    client = client_of(shop.seller)
    answer = client.post(
        reverse("admin:orders_order_cancel_run"),
        {"item": [f"{done.pk}:", f"{waiting.pk}:"]},
        follow=True,
    )
    outcomes = [(outcome.applied, outcome.code) for outcome in answer.context["outcomes"]]
    assert outcomes == [(False, "orders.not_cancellable"), (True, "")]
    assert "(completed)" in answer.content.decode()
    waiting.refresh_from_db()
    assert waiting.abort.actor_label == f"user:{shop.seller.pk}"


def test_the_inbox_shows_the_nearest_deadline_first_and_closed_ones_last(
    shop: Shop, client_of: ClientOf
) -> None:
    late, soon, gone = (
        shop.place("MacPro", approval_deadline_seconds=seconds) for seconds in (7200, 600, 60)
    )
    services.cancel_order(actor=shop.seller_actor, order_id=gone.pk)
    page = _text(client_of(shop.auditor), INBOX)
    assert page.index(soon.number) < page.index(late.number) < page.index(gone.number)
    assert 'badge-bad">9 minutes left' in page.replace("\xa0", " ")


def test_the_start_page_counts_and_lists_what_the_person_may_decide(
    shop: Shop, client_of: ClientOf, waiting: Order, parked: Order, people: dict[str, User]
) -> None:
    _complete(shop, PHONE)
    page = client_of(shop.auditor).get(reverse("admin:index")).content.decode()
    assert "Needs your decision" in page
    assert waiting.number in page
    counts = [part.split("<")[0] for part in page.split('figure-count">')[1:]]
    assert counts == ["1", "0", "1", "1"]
    others = client_of(people["operator"]).get(reverse("admin:index")).content.decode()
    assert "Needs your decision" not in others
    assert "Needs an operator" in others
    assert parked.number in others


def test_the_language_is_switched_by_a_post(shop: Shop, client_of: ClientOf) -> None:
    client = client_of(shop.seller)
    assert 'lang="en"' in _text(client, "admin:index")
    client.post(reverse("set_language"), {"language": "zh-hans", "next": reverse("admin:index")})
    assert 'lang="zh-hans"' in _text(client, "admin:index")


def test_the_workflow_link_has_one_slash_after_the_base(settings: LazySettings, waiting: Order) -> None:
    settings.TEMPORAL_UI_URL, settings.TEMPORAL_NAMESPACE = "http://127.0.0.1:8233/", "shop"
    assert workflow_url(waiting) == f"http://127.0.0.1:8233/namespaces/shop/workflows/order-{waiting.pk}"


def test_without_a_web_ui_no_page_links_to_it(
    shop: Shop, waiting: Order, client_of: ClientOf, settings: LazySettings
) -> None:
    client = client_of(shop.seller)
    for ui, linked in (("http://temporal.example", True), ("", False)):
        settings.TEMPORAL_UI_URL = ui
        page = client.get(reverse("admin:orders_order_change", args=[waiting.pk])).content.decode()
        start = client.get(reverse("admin:index")).content.decode()
        found = ["Open workflow" in page, "temporal.example" in page, "temporal.example" in start]
        assert found == [linked] * 3


@pytest.mark.parametrize("path", ["/nothing-here", "/admin/orders/order/x/change/"])
def test_an_unknown_address_shows_the_products_own_page(path: str, shop: Shop, client_of: ClientOf) -> None:
    answer = client_of(shop.seller).get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_a_fault_shows_the_products_own_page_without_particulars(
    shop: Shop, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("secret particulars")

    monkeypatch.setattr("orders.admin.order.order_page", broken)
    client = client_of(shop.seller)
    client.raise_request_exception = False
    order = place_waiting(shop)
    answer = client.get(reverse("admin:orders_order_change", args=[order.pk]))
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.content.decode()
    assert "secret particulars" not in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("colour=red&status__exact=placed", "All rows are shown: the address had a filter"),
        ("created_at__year=10000", "All rows are shown: the address had a filter"),
        ({"q": "SO-2026-000001 " * 8}, "Nothing was searched for: a search text has at most 100 characters."),
    ],
)
def test_a_list_that_is_not_the_one_asked_for_says_so(
    shop: Shop, client_of: ClientOf, waiting: Order, query: str | dict[str, str], said: str
) -> None:
    """Otherwise whoever follows an old link would believe that these are the rows that it asks for."""
    client, address = client_of(shop.seller), reverse("admin:orders_order_changelist")
    asked = address if isinstance(query, dict) else f"{address}?{query}"
    answer = client.get(asked, query if isinstance(query, dict) else None, follow=True)
    assert said in answer.content.decode()
    assert said not in client.get(address, {"status__exact": "placed", "q": "SO-2026"}).content.decode()
