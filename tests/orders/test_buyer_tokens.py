"""A public token reaches its own buyer's orders alone, tells of nobody else, is spent by what it changes."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from holo.apiauth import views
from holo.apiauth.models import UsedPublicToken
from holo.apiauth.scopes import INVENTORY_READ, ORDERS_READ, ORDERS_WRITE
from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.audit.models import AuditEvent
from holo.common.ids import uuid7
from orders.models import Order, OrderAbort, OrderEvent, Payment
from orders.origins import origin_of
from orders.services import cancel_order, park_order, place_order
from orders.services.placing import Placement, WantedLine
from orders.steps import Failure
from tests.api.people import Api, code_of
from tests.api.signers import Signer, build_signer
from tests.bad_inputs.surface import endpoints
from tests.racing import race
from tests.stories import MAC, PHONE, Shop, build_shop, unwind

ORDERS = "/api/v1/orders"
ALL = [ORDERS_READ, ORDERS_WRITE, INVENTORY_READ]
REASON, STORY = "The buyer owes us money since May.", "the vault says: no"


@pytest.fixture
def shop(fresh_database: str) -> Shop:
    return build_shop()


@pytest.fixture
def signer(shop: Shop) -> Signer:
    return build_signer(shop.organization, ORDERS_WRITE)


def token(signer: Signer, buyer: str, **wish: Any) -> Api:
    return Api(signer.sign(buyer=buyer, scopes=ALL, **wish))


def order_of(shop: Shop, buyer: str, sku: str = PHONE) -> Order:
    placement = Placement(lines=[WantedLine(sku=sku, quantity=1, pointer="/items/0")], buyer=buyer)
    return place_order(actor=shop.seller_actor, placement=placement).order


def keyed(key: str) -> Mapping[str, str]:
    return {"Idempotency-Key": key}


def test_buyer_keeps_their_orders_with_the_next_token(shop: Shop, signer: Signer) -> None:
    placed = token(signer, "ada").post(ORDERS, {"items": [PHONE]}).json()
    assert placed["buyer"] == "ada"
    later = token(signer, "ada")
    assert [row["id"] for row in later.get(ORDERS).json()["results"]] == [placed["id"]]
    base = f"{ORDERS}/{placed['id']}"
    assert [later.get(path).status_code for path in (base, f"{base}/timeline")] == [200, 200]
    assert later.post(f"{base}/pay", {"token": "tok_ok"}).status_code == 202
    assert later.post(f"{base}/cancel", {}).status_code == 202


@pytest.mark.parametrize("buyer", ["bob", "", "Ada", "ada2", "a%", "%", "_da"])
def test_order_of_somebody_else_is_not_there(shop: Shop, signer: Signer, buyer: str) -> None:
    order = order_of(shop, buyer)
    ada = token(signer, "ada")
    assert ada.get(ORDERS).json()["results"] == []
    base = f"{ORDERS}/{order.pk}"
    missing = f"{ORDERS}/{uuid7()}"
    for path in ("", "/timeline"):
        refused, nowhere = ada.get(base + path), ada.get(missing + path)
        assert (refused.status_code, code_of(refused)) == (404, code_of(nowhere)), path
    for path, body in (("/pay", {"token": "tok_ok"}), ("/cancel", {})):
        refused, nowhere = ada.post(base + path, body), ada.post(missing + path, body)
        assert (refused.status_code, code_of(refused)) == (404, code_of(nowhere)), path
        assert refused.json()["detail"] == nowhere.json()["detail"]
    assert not Payment.objects.exists()
    assert not OrderAbort.objects.exists()
    for query in (f"?buyer={buyer or 'x'}", f"?number={order.number}", "?status=awaiting_payment"):
        assert ada.get(ORDERS + query).json()["results"] == [], query


def test_tag_and_key_of_an_order_find_nothing_of_somebody_else(shop: Shop, signer: Signer) -> None:
    bob = token(signer, "bob").post(ORDERS, {"items": [PHONE]}, headers=keyed("one")).json()
    tag = Api(signer.text).get(f"{ORDERS}/{bob['id']}")["ETag"]
    ada = token(signer, "ada")
    assert ada.get(f"{ORDERS}/{bob['id']}", headers={"If-None-Match": tag}).status_code == 404
    # The same Idempotency-Key is another request of another buyer.
    placed = ada.post(ORDERS, {"items": [PHONE]}, headers=keyed("one"))
    assert (placed.status_code, placed.json()["buyer"]) == (201, "ada")
    repeated = token(signer, "bob").post(ORDERS, {"items": [PHONE]}, headers=keyed("one"))
    assert (repeated["Idempotent-Replayed"], repeated.json()["id"]) == ("true", bob["id"])


def test_client_ref_of_somebody_else_tells_of_no_order(
    shop: Shop, signer: Signer, settings: LazySettings
) -> None:
    settings.ORDER_BUYER_PIECES = 1
    wanted = {"items": [PHONE], "client_ref": "cart-1"}
    bob = token(signer, "bob").post(ORDERS, wanted).json()
    for buyer, told in (("ada", False), ("bob", True)):
        refused = token(signer, buyer).post(ORDERS, wanted)
        assert code_of(refused) == "orders.client_ref_taken"
        assert (bob["id"] in refused.content.decode(), bob["number"] in refused.content.decode()) == (
            told,
            told,
        )


def test_retry_is_for_the_shop_alone(shop: Shop, signer: Signer) -> None:
    order = order_of(shop, "ada")
    park_order(
        order_id=order.pk, failures=[Failure(step="charge", attempts=6, error_code="x", message=STORY)]
    )
    refused = token(signer, "ada").post(f"{ORDERS}/{order.pk}/retry", {})
    assert (refused.status_code, code_of(refused)) == (403, "request.forbidden")
    assert Api(signer.text).post(f"{ORDERS}/{order.pk}/retry", {}).status_code == 202


def test_answers_hold_no_names_reasons_or_failures(shop: Shop, signer: Signer) -> None:
    order = order_of(shop, "ada", MAC)
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    decide(
        actor=shop.auditor_actor,
        request_id=request.pk,
        verdict=ApprovalDecision.Verdict.APPROVE,
        reason=REASON,
    )
    failure = Failure(step="reserve_stock", attempts=6, error_code="orders.odd_answer", message=STORY)
    park_order(order_id=order.pk, failures=[failure])
    kept = (
        "@example.com",
        str(shop.auditor.pk),
        str(shop.seller.pk),
        REASON,
        STORY,
        "odd_answer",
        "threshold",
    )
    ada, clerk = token(signer, "ada"), Api(signer.text)
    paths = (ORDERS, f"{ORDERS}/{order.pk}", f"{ORDERS}/{order.pk}/timeline")
    shown = {path: ada.get(path).content.decode() for path in paths}
    assert [(path, text) for path, answer in shown.items() for text in kept if text in answer] == []
    whole = clerk.get(paths[1]).content.decode()
    assert all(text in whole for text in (REASON, STORY, shop.auditor.email))
    detail = ada.get(paths[1]).json()
    assert (detail["approval"]["state"], detail["approval"]["decisions"]) == ("approved", [])
    assert detail["status"] == "needs_attention"


def test_trail_and_timeline_name_the_token(shop: Shop, signer: Signer) -> None:
    ada = token(signer, "ada")
    order = ada.post(ORDERS, {"items": [PHONE]}).json()
    assert ada.post(f"{ORDERS}/{order['id']}/cancel", {}).status_code == 202
    pattern = re.compile(r"public token [0-9a-f-]{36}")
    mine = OrderEvent.objects.filter(kind__in=["placed", "aborted"])
    assert [bool(pattern.fullmatch(event.actor_label)) for event in mine] == [True, True]
    rows = AuditEvent.objects.filter(subject_id=order["id"])
    assert {(row.action, row.actor_id, bool(pattern.fullmatch(row.actor_label))) for row in rows} == {
        ("orders.order_placed", None, True),
        ("orders.cancel_requested", None, True),
    }
    assert {row.api_key_id for row in rows} == {signer.key.pk}
    abort = OrderAbort.objects.get()
    assert (abort.actor_id, bool(pattern.fullmatch(abort.actor_label))) == (None, True)
    timeline = Api(signer.text).get(f"{ORDERS}/{order['id']}/timeline").json()["results"]
    assert pattern.fullmatch(timeline[0]["by"])


# --- Endpoints × public tokens ---------------------------------------------------------------------

OPEN = {
    *("GET order-list", "POST order-list", "GET order-detail", "GET order-timeline"),
    *("POST order-pay", "POST order-cancel"),
    *("GET product-list", "GET stock-list", "GET integration-list", "GET integration-detail", "GET whoami"),
}


@pytest.mark.pure
def test_public_tokens_open_what_is_named_here() -> None:
    """A new endpoint is closed until somebody has made sure that it shows one buyer nothing of another."""
    assert {str(endpoint) for endpoint in endpoints() if endpoint.view.by_public_tokens} == OPEN


# --- One use --------------------------------------------------------------------------------------


def test_what_changes_nothing_spends_no_token(shop: Shop, signer: Signer, settings: LazySettings) -> None:
    once = token(signer, "ada", one_time=True)
    assert once.get(ORDERS).status_code == 200
    assert once.post(ORDERS, {"items": []}).status_code == 400
    assert once.post(ORDERS, raw=b"{").status_code == 400
    assert once.post(ORDERS, {"items": ["nothing"]}).status_code == 422
    assert once.post(ORDERS, {"items": ["nothing"]}, headers=keyed("x")).status_code == 422
    assert once.client.options(ORDERS).status_code == 405
    assert once.client.put(ORDERS).status_code == 405
    assert once.post(f"{ORDERS}/{uuid7()}/cancel", {}).status_code == 404
    assert not UsedPublicToken.objects.exists()
    assert once.post(ORDERS, {"items": [PHONE]}).status_code == 201
    for refused in (once.post(ORDERS, {"items": [PHONE]}), once.get(ORDERS)):
        assert (refused.status_code, code_of(refused)) == (401, "apiauth.public_token_used")
    assert Order.objects.count() == 1


def test_refusal_that_is_stored_spends_no_token(shop: Shop, signer: Signer) -> None:
    order = order_of(shop, "ada")
    cancel_order(actor=shop.seller_actor, order_id=order.pk)
    unwind(order)
    once = token(signer, "ada", one_time=True)
    refused = once.post(f"{ORDERS}/{order.pk}/cancel", {}, headers=keyed("late"))
    assert (refused.status_code, code_of(refused)) == (409, "orders.not_cancellable")
    assert not UsedPublicToken.objects.exists()


def test_repeat_of_the_call_that_spent_a_token_gets_its_answer(shop: Shop, signer: Signer) -> None:
    once = token(signer, "ada", one_time=True)
    first = once.post(ORDERS, {"items": [PHONE]}, headers=keyed("cart-1"))
    again = once.post(ORDERS, {"items": [PHONE]}, headers=keyed("cart-1"))
    assert (again.status_code, again["Idempotent-Replayed"], again.json()) == (201, "true", first.json())
    for wanted, key in (({"items": [PHONE]}, "cart-2"), ({"items": [MAC]}, "cart-2")):
        refused = once.post(ORDERS, wanted, headers=keyed(key))
        assert (refused.status_code, code_of(refused)) == (401, "apiauth.public_token_used")
    assert once.get(ORDERS, headers=keyed("cart-1")).status_code == 401
    assert Order.objects.count() == 1


def place_at_once(signer: Signer) -> list[Any]:
    text = signer.sign(buyer="ada", scopes=ALL, one_time=True)
    headers = {"Authorization": f"Bearer {text}"}
    body = {"items": [PHONE]}
    return race(
        [lambda: Client(headers=headers).post(ORDERS, body, content_type="application/json").status_code] * 8
    )


def test_control_without_its_row_a_token_for_one_use_is_used_often(
    shop: Shop, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "spend_token", lambda claims: None)
    assert place_at_once(signer).count(201) == 8


@pytest.mark.parametrize("_round", range(3))
def test_of_calls_at_once_one_is_served(shop: Shop, signer: Signer, _round: int) -> None:
    outcomes = place_at_once(signer)
    assert (outcomes.count(201), outcomes.count(401)) == (1, 7)
    assert (Order.objects.count(), UsedPublicToken.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("setting", "addresses"),
    [
        ("ORDER_ADDRESS_PIECES", ["203.0.113.7"] * 4),
        ("ORDER_ADDRESS_PIECES", ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"]),
        ("ORDER_NETWORK_PIECES", ["203.0.113.7", "203.0.113.8", "203.0.113.9", "203.0.113.10"]),
        (
            "ORDER_NETWORK_PIECES",
            ["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1", "2001:db8:0:4::1"],
        ),
    ],
)
def test_many_buyers_of_one_stranger_hold_no_more_than_a_few(
    shop: Shop, signer: Signer, settings: LazySettings, setting: str, addresses: list[str]
) -> None:
    setattr(settings, setting, 3)
    answers = [
        buyer_at(signer, f"buyer-{number}", address).post(ORDERS, {"items": [PHONE]})
        for number, address in enumerate(addresses)
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 409]
    assert code_of(answers[3]) == "orders.buyer_limit"
    assert "held" not in answers[3].json(), "what others hold is nobody's business"
    # Elsewhere, and by the shop itself, orders are placed.
    assert buyer_at(signer, "buyer-9", "198.51.100.7").post(ORDERS, {"items": [PHONE]}).status_code == 201
    assert Api(signer.text).post(ORDERS, {"items": [PHONE]}).status_code == 201
    assert not Order.objects.filter(origin_address__contains="203.0.113").exists()
    cancel_order(actor=shop.seller_actor, order_id=answers[0].json()["id"])
    unwind(Order.objects.get(pk=answers[0].json()["id"]))
    assert buyer_at(signer, "buyer-8", addresses[3]).post(ORDERS, {"items": [PHONE]}).status_code == 201


def buyer_at(signer: Signer, buyer: str, address: str) -> Api:
    """A buyer's browser at an address."""
    api = token(signer, buyer)
    api.client.defaults["REMOTE_ADDR"] = address
    return api


@pytest.mark.pure
@pytest.mark.parametrize("address", ["unknown", "unix:", "", "x" * 5000])
def test_strangers_whose_address_is_none_are_one(address: str) -> None:
    """No limit counted them."""
    assert origin_of(address) == origin_of("")
    assert origin_of(address).address != ""
    assert origin_of(address) != origin_of("192.0.2.1")
