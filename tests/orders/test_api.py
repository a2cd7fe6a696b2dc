"""The order endpoints as clients use them, by API key over HTTP."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from holo.apiauth.services import create_api_key
from holo.identity.models import Organization, User
from orders import services
from orders.models import Order
from orders.states import Status
from tests.stories import EAST_ONLY, MAC, PHONE, SOUTH_ONLY, Shop, build_person, build_shop, charge, reserve

pytestmark = pytest.mark.django_db
Json = Any


class Caller:
    """An API client with a key."""

    def __init__(self, user: User, organization: Organization, *scopes: str) -> None:
        _, self._key = create_api_key(
            actor=None,
            owner_id=user.pk,
            organization_id=organization.pk,
            name="test",
            scopes=list(scopes),
            expires_in=timedelta(days=1),
        )
        self._client = Client(headers={"Authorization": f"Bearer {self._key}"})

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, Json]:
        """Return status and body."""
        answer = self._client.get(f"/api/v1{path}", headers=dict(headers or {}))
        return answer.status_code, json.loads(answer.content) if answer.content else None

    def post(self, path: str, body: object = None, key: str | None = None) -> tuple[int, Json]:
        """Return status and body."""
        answer = self.send(path, body, key)
        return answer.status_code, json.loads(answer.content)

    def send(
        self,
        path: str,
        body: object = None,
        key: str | None = None,
        *,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the whole answer."""
        return self._client.post(
            f"/api/v1{path}",
            data=json.dumps({} if body is None else body),
            content_type=content_type,
            headers={**({} if key is None else {"Idempotency-Key": key}), **(headers or {})},
        )


@pytest.fixture
def shop() -> Shop:
    """A shop whose seller is an operator."""
    built = build_shop()
    built.seller.groups.add(Group.objects.get_or_create(name="operator")[0])
    return built


@pytest.fixture
def seller(shop: Shop) -> Caller:
    """Who places orders."""
    return Caller(shop.seller, shop.organization, "orders:read", "orders:write", "inventory:read")


@pytest.fixture
def auditor(shop: Shop) -> Caller:
    """Who decides."""
    return Caller(shop.auditor, shop.organization, "orders:read", "orders:audit")


def codes(body: Json) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in body["errors"]]


def test_new_order_is_answered_with_id_number_total_and_links(seller: Caller) -> None:
    answer = seller.send(
        "/orders",
        {"items": [PHONE, {"sku": PHONE, "quantity": 2}], "amount": 1500, "ship_to": {"name": "Li Wei"}},
    )
    body = json.loads(answer.content)
    assert answer.status_code == 201
    assert body["status"] == "awaiting_payment"
    assert body["total"] == {"amount": "1500.00", "currency": "CNY"}
    assert answer["Location"] == body["links"]["self"] == f"/api/v1/orders/{body['id']}"
    assert body["number"].startswith("SO-")
    assert "Li Wei" not in answer.content.decode()


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({}, 400, "request.required_field", "/items"),
        ({"items": []}, 400, "request.length_out_of_range", "/items"),
        ({"items": [5]}, 400, "request.expected_object", "/items/0"),
        ({"items": [{"sku": PHONE, "quantity": 0}]}, 400, "request.invalid_integer", "/items/0/quantity"),
        ({"items": [{"sku": PHONE, "quantity": "1"}]}, 400, "request.invalid_integer", "/items/0/quantity"),
        ({"items": [{"sku": PHONE, "colour": 1}]}, 400, "request.unknown_field", "/items/0/colour"),
        ({"items": [PHONE], "total": 5}, 400, "request.read_only_field", "/total"),
        ({"items": [PHONE], "is_paid": True}, 400, "request.unknown_field", "/is_paid"),
        ({"items": [PHONE], "amount": 500.5}, 400, "request.invalid_amount", "/amount"),
        ({"items": [PHONE], "amount": "500.001"}, 400, "request.invalid_amount", "/amount"),
        ({"items": ["nothing"]}, 422, "inventory.unknown_sku", "/items/0"),
        ({"items": [PHONE], "amount": "1"}, 422, "orders.amount_mismatch", "/amount"),
        (
            {"items": [PHONE], "sandbox": {"carrier": "slow"}},
            400,
            "request.invalid_choice",
            "/sandbox/carrier",
        ),
    ],
)
def test_wrong_order_is_refused_with_code_and_place(
    seller: Caller, body: Json, status: int, code: str, pointer: str
) -> None:
    answer, problem = seller.post("/orders", body)
    assert (answer, problem["code"]) == (status, code)
    assert codes(problem) == [(pointer, code)]
    assert not Order.objects.exists()


def test_sandbox_is_unknown_outside_of_demo(seller: Caller, settings: Any) -> None:
    settings.DEMO = False
    status, problem = seller.post("/orders", {"items": [PHONE], "sandbox": {"carrier": "fail"}})
    assert (status, problem["code"]) == (400, "request.unknown_field")


def test_repeated_key_replays_the_answer_byte_for_byte(seller: Caller) -> None:
    first = seller.send("/orders", {"items": [PHONE]}, key="k-1")
    again = seller.send("/orders", {"items": [PHONE]}, key="k-1")
    assert again.status_code == 201
    assert again.content == first.content
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    other, problem = seller.post("/orders", {"items": [EAST_ONLY]}, key="k-1")
    assert (other, problem["code"]) == (422, "request.idempotency_key_reused")
    assert Order.objects.count() == 1


def test_order_that_is_not_payable_yet_leaves_the_key_free(seller: Caller, shop: Shop) -> None:
    order = shop.place_without_hold(PHONE)
    first = seller.send(f"/orders/{order.pk}/pay", {"token": "tok_ok"}, key="k-2")
    reserve(order)
    again = seller.send(f"/orders/{order.pk}/pay", {"token": "tok_ok"}, key="k-2")
    assert (first.status_code, first.json()["code"]) == (409, "orders.not_payable")
    assert (again.status_code, "Idempotent-Replayed" in again) == (202, False)
    assert order.payments.count() == 1


def test_open_payment_leaves_the_key_of_the_next_one_free(seller: Caller, shop: Shop) -> None:
    order = shop.place(PHONE)
    attempt = shop.pay(order, "tok_declined")
    status, problem = seller.post(f"/orders/{order.pk}/pay", {"token": "tok_ok"}, key="k-2")
    assert (status, problem["code"]) == (409, "orders.payment_open")
    charge(attempt)
    assert seller.post(f"/orders/{order.pk}/pay", {"token": "tok_ok"}, key="k-2")[0] == 202
    # From here on the key stands for that attempt.
    assert seller.send(f"/orders/{order.pk}/pay", {"token": "tok_ok"}, key="k-2")["Idempotent-Replayed"]
    assert order.payments.count() == 2


def test_corrected_order_may_come_with_the_same_key(seller: Caller) -> None:
    unknown = {"sku": "no-such-sku", "quantity": 1}
    status, problem = seller.post("/orders", {"items": [unknown]}, key="k-1")
    assert (status, problem["code"]) == (422, "inventory.unknown_sku")
    assert seller.post("/orders", {"items": [PHONE]}, key="k-1")[0] == 201


def test_final_refusal_is_stored_under_its_key(seller: Caller, shop: Shop) -> None:
    order = shop.place(PHONE)
    Order.objects.filter(pk=order.pk).update(status=Status.CANCELLED)
    first, again = (seller.send(f"/orders/{order.pk}/cancel", key="k-3") for _ in range(2))
    assert (first.status_code, first.json()["code"]) == (409, "orders.not_cancellable")
    assert first.content == again.content
    assert again["Idempotent-Replayed"] == "true"


def test_client_ref_names_the_first_order(seller: Caller) -> None:
    _, first = seller.post("/orders", {"items": [PHONE], "client_ref": "PO-7"}, key="a")
    status, problem = seller.post("/orders", {"items": [PHONE], "client_ref": "PO-7"}, key="b")
    assert (status, problem["code"]) == (409, "orders.client_ref_taken")
    assert problem["details"]["link"] == first["links"]["self"]


def test_order_tells_what_it_waits_for(seller: Caller, shop: Shop) -> None:
    order = shop.place(MAC)
    body = seller.get(f"/orders/{order.pk}")[1]
    assert body["waiting"]["kind"] == "approval"
    assert body["waiting"]["next_action"] == "cancel"
    assert body["waiting"]["deadline"] == body["approval"]["deadline"]
    assert body["approval"]["reasons"] == [
        {"rule": "order total", "measured": "¥20,000.00", "threshold": "¥10,000.00"}
    ]
    assert body["hold_expires_at"] > body["waiting"]["deadline"]
    assert body["cancellable"] is True


def test_etag_saves_an_unchanged_order(seller: Caller, shop: Shop) -> None:
    order = shop.place(PHONE)
    answer = seller._client.get(f"/api/v1/orders/{order.pk}")
    unchanged = seller._client.get(f"/api/v1/orders/{order.pk}", headers={"If-None-Match": answer["ETag"]})
    assert unchanged.status_code == 304
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    changed = seller._client.get(f"/api/v1/orders/{order.pk}", headers={"If-None-Match": answer["ETag"]})
    assert changed.status_code == 200


def test_timeline_and_shipments_tell_the_story(seller: Caller, shop: Shop) -> None:
    order = shop.place(EAST_ONLY, SOUTH_ONLY)
    status, payment = seller.post(f"/orders/{order.pk}/pay", {"token": "tok_ok"})
    assert (status, payment["state"]) == (202, "requested")
    charge(order.payments.get().pk)
    body = seller.get(f"/orders/{order.pk}")[1]
    assert {s["warehouse"]: s["lines"] for s in body["shipments"]} == {
        "EAST": [{"sku": EAST_ONLY, "quantity": 1}],
        "SOUTH": [{"sku": SOUTH_ONLY, "quantity": 1}],
    }
    timeline = seller.get(f"/orders/{order.pk}/timeline")[1]
    assert [entry["kind"] for entry in timeline["results"]] == [
        "placed",
        "stock_reserved",
        "payment_requested",
        "payment_captured",
    ]
    page = seller.get(f"/orders/{order.pk}/timeline?limit=1")[1]
    assert len(page["results"]) == 1
    assert page["next"]


def test_id_in_capitals_is_the_same_order(seller: Caller, shop: Shop) -> None:
    """RFC 9562: read in either case."""
    order = shop.place(PHONE)
    for text in (str(order.pk).upper(), str(order.pk).title()):
        status, body = seller.get(f"/orders/{text}")
        assert (status, body["id"]) == (200, str(order.pk))
        assert seller.get(f"/orders/{text}/timeline")[0] == 200
    assert seller.post(f"/orders/{str(order.pk).upper()}/cancel")[0] == 202


@pytest.mark.parametrize("encoding", ["identity", "Identity", "IDENTITY", " identity "])
def test_identity_is_no_encoding(seller: Caller, shop: Shop, encoding: str) -> None:
    answer = seller.send(
        "/orders", {"items": [{"sku": PHONE, "quantity": 1}]}, headers={"Content-Encoding": encoding}
    )
    assert answer.status_code == 201, answer.content


@pytest.mark.parametrize(
    ("content_type", "encoding", "told"),
    [
        ("", "", "Content-Type is missing; send application/json"),
        ("text/plain", "", "Content-Type is “text/plain”; send application/json"),
        ("application/json", "gzip", "Content-Encoding is “gzip”; send the body without it"),
        ("application/json", "identity, br", "Content-Encoding is “identity, br”; send the body without it"),
    ],
)
def test_415_names_the_header_and_what_was_received(
    seller: Caller, content_type: str, encoding: str, told: str
) -> None:
    headers = {"Content-Encoding": encoding} if encoding else {}
    answer = seller.send("/orders", {"items": []}, content_type=content_type, headers=headers)
    assert (answer.status_code, json.loads(answer.content)["detail"]) == (415, told)


def test_decision_is_accepted_then_applied_once(seller: Caller, auditor: Caller, shop: Shop) -> None:
    cheap, order = shop.place(PHONE), shop.place(MAC)
    status, problem = auditor.post(f"/orders/{cheap.pk}/audit", {"action": "APPROVE"})
    assert (status, problem["code"]) == (409, "orders.not_awaiting_approval")
    status, body = auditor.post(f"/orders/{order.pk}/audit", {"action": "APPROVE", "reason": "checked"})
    assert (status, body["verdict"], body["applied_at"]) == (202, "approve", None)
    status, problem = auditor.post(f"/orders/{order.pk}/audit", {"action": "REJECT"})
    assert (status, problem["code"]) == (409, "approvals.already_decided")
    assert problem["details"]["state"] == "approved"
    services.settle_approval(order_id=order.pk)
    decision = seller.get(f"/orders/{order.pk}")[1]["approval"]
    assert decision["applied_at"] is not None
    assert decision["decisions"][0]["by"] == shop.auditor.email


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"action": "approve"}, "request.invalid_choice"),
        ({}, "request.required"),
        ({"action": None}, "request.null"),
    ],
)
def test_unknown_action_is_refused(auditor: Caller, shop: Shop, body: Json, code: str) -> None:
    order = shop.place(MAC)
    status, problem = auditor.post(f"/orders/{order.pk}/audit", body)
    assert status == 400
    assert problem["code"].startswith(code)


def test_maker_cannot_decide_by_key(shop: Shop) -> None:
    shop.seller.groups.add(Group.objects.get(name="auditor"))
    maker = Caller(shop.seller, shop.organization, "orders:audit")
    order = shop.place(MAC)
    status, problem = maker.post(f"/orders/{order.pk}/audit", {"action": "APPROVE"})
    assert (status, problem["code"]) == (403, "approvals.second_person_required")


def test_scopes_are_needed(seller: Caller, auditor: Caller, shop: Shop) -> None:
    order = shop.place(MAC)
    for caller, path, scope in (
        (seller, "audit", "orders:audit"),
        (auditor, "pay", "orders:write"),
        (auditor, "cancel", "orders:write"),
        (auditor, "retry", "orders:write"),
    ):
        status, problem = caller.post(f"/orders/{order.pk}/{path}", {"action": "APPROVE"})
        assert (status, problem["code"]) == (403, "request.missing_scope")
        assert scope in json.dumps(problem)


def test_foreign_order_equals_an_absent_one(shop: Shop) -> None:
    order = shop.place(PHONE)
    other = build_shop()
    stranger = build_person(other.organization, "stranger", auditor=True)
    stranger.groups.add(Group.objects.get(name="operator"))
    caller = Caller(stranger, other.organization, "orders:read", "orders:write", "orders:audit")
    absent = "019ad000-0000-7000-8000-000000000000"
    for path, body in (
        ("pay", {"token": "tok_ok"}),
        ("cancel", {}),
        ("retry", {}),
        ("audit", {"action": "APPROVE"}),
    ):
        foreign = caller.post(f"/orders/{order.pk}/{path}", body)
        missing = caller.post(f"/orders/{absent}/{path}", body)
        assert foreign[0] == missing[0] == 404
        assert foreign[1]["code"] == missing[1]["code"] == "request.not_found"
    for path in ("", "/timeline"):
        assert caller.get(f"/orders/{order.pk}{path}")[0] == 404
    assert caller.get("/orders")[1]["results"] == []
    order.refresh_from_db()
    assert order.status == Status.AWAITING_PAYMENT


def test_list_is_filtered_and_paged(seller: Caller, shop: Shop) -> None:
    orders = [shop.place(PHONE), shop.place(PHONE), shop.place(MAC)]
    listed = seller.get("/orders?limit=2")[1]
    assert [row["id"] for row in listed["results"]] == [str(orders[2].pk), str(orders[1].pk)]
    assert seller.get("/orders?status=awaiting_approval")[1]["results"][0]["id"] == str(orders[2].pk)
    assert seller.get(f"/orders?number={orders[1].number}")[1]["results"][0]["id"] == str(orders[1].pk)
    status, problem = seller.get("/orders?statuss=placed")
    assert (status, problem["code"]) == (400, "request.unknown_filter")


def test_order_page_needs_a_bounded_number_of_queries(
    seller: Caller, shop: Shop, django_assert_max_num_queries: Any
) -> None:
    order = shop.place(EAST_ONLY, SOUTH_ONLY)
    charge(shop.pay(order))
    seller.get(f"/orders/{order.pk}")
    with django_assert_max_num_queries(15):
        seller.get(f"/orders/{order.pk}")


def test_cancel_and_retry_answer_202_or_the_reason(seller: Caller, shop: Shop) -> None:
    order = shop.place(PHONE)
    assert seller.post(f"/orders/{order.pk}/cancel")[0] == 202
    assert seller.post(f"/orders/{order.pk}/cancel")[0] == 202
    body = seller.get(f"/orders/{order.pk}")[1]
    assert (body["waiting"]["kind"], body["status_reason"], body["cancellable"]) == (
        "compensation",
        "requested",
        False,
    )
    status, problem = seller.post(f"/orders/{order.pk}/retry")
    assert (status, problem["code"]) == (409, "orders.nothing_to_retry")
    status, problem = seller.post(f"/orders/{order.pk}/pay", {"token": "tok_ok"})
    assert (status, problem["code"]) == (409, "orders.not_payable")
    assert problem["details"]["status"] == "awaiting_payment"
