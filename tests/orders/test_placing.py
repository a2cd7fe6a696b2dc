"""Placing an order: the answer says whether the goods are held, and a refusal leaves nothing but a count."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.apps import apps
from django.conf import LazySettings
from django.contrib.auth.models import Group
from django.db import connection
from django.utils.dateparse import parse_datetime

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.common.clock import database_now
from holo.common.crash import forget_plans, plan
from holo.common.errors import BusyError
from holo.idempotency.models import IdempotencyLog
from holo.outbox.models import OutboxMessage
from holo.outbox.operations import CHANNEL
from inventory.models import RefusedDemand, StockLevel
from inventory.services import receive_stock
from inventory.waiting import waiting_for
from orders import services
from orders.drift import list_unapplied, list_unsettled_payments
from orders.errors import OutOfStockError
from orders.models import Order, Payment
from orders.services import placing
from orders.states import AbortReason, Status
from orders.steps import Next
from orders.terms import HOLD_MARGIN
from tests.api.people import Api, build_key, code_of
from tests.api.signers import build_signer
from tests.racing import race
from tests.stories import EAST_ONLY, MAC, PHONE, SOUTH_ONLY, Shop, build_shop, charge

ORDERS = "/api/v1/orders"
SCOPES = ["orders:read", "orders:write"]


@pytest.fixture
def shop(fresh_database: str) -> Shop:
    shop = build_shop(stock=10)
    shop.seller.groups.add(Group.objects.get_or_create(name="operator")[0])
    return shop


@pytest.fixture
def api(shop: Shop) -> Api:
    return Api(build_key(owner=shop.seller, organization=shop.organization, scopes=SCOPES))


def keyed(key: str) -> Mapping[str, str]:
    return {"Idempotency-Key": key}


def row_counts() -> dict[str, int]:
    """Return how many rows each table of the product has; not those of keys and counts."""
    apart = {"idempotency_idempotencylog", "inventory_refuseddemand", "apiauth_apikey"}
    counts = {}
    for model in apps.get_models():
        if model._meta.managed and model._meta.db_table not in apart:
            counts[model._meta.db_table] = model._default_manager.count()
    return counts


def settle(order_id: UUID) -> Any:
    return services.settle_payment(order_id=order_id)


def approve(shop: Shop, order_id: UUID, verdict: ApprovalDecision.Verdict) -> Any:
    request = ApprovalRequest.objects.get(subject_id=order_id)
    decide(actor=shop.auditor_actor, request_id=request.pk, verdict=verdict, reason="looked at")
    return services.settle_approval(order_id=order_id)


# --- The answer ------------------------------------------------------------------------------------


def test_answer_says_that_the_goods_are_held_until_when_and_what_comes_next(api: Api, shop: Shop) -> None:
    body = api.post(ORDERS, {"items": [PHONE]}).json()
    order = Order.objects.get(pk=body["id"])
    assert order.payment_deadline is not None
    assert (body["status"], body["version"], body["payment"]) == ("awaiting_payment", 2, None)
    assert body["waiting"]["kind"] == "payment"
    assert body["waiting"]["next_action"] == "cancel"
    assert parse_datetime(body["waiting"]["deadline"]) == order.payment_deadline
    assert parse_datetime(body["hold_expires_at"]) == order.payment_deadline + HOLD_MARGIN
    assert shop.stock()[PHONE] == (10, 1)
    shown = api.get(f"{ORDERS}/{order.pk}").json()
    for name in ("status", "version", "waiting", "hold_expires_at", "updated_at"):
        assert shown[name] == body[name], name


def test_answer_of_a_dear_order_says_that_a_person_decides(api: Api) -> None:
    body = api.post(ORDERS, {"items": [MAC]}).json()
    request = ApprovalRequest.objects.get(subject_id=body["id"])
    assert (body["status"], body["waiting"]["kind"]) == ("awaiting_approval", "approval")
    assert parse_datetime(body["waiting"]["deadline"]) == request.deadline
    assert request.subject_version == 2
    assert api.get(f"{ORDERS}/{body['id']}").json()["approval"]["digest"] == request.subject_digest


def test_whoever_pays_at_once_is_not_refused(api: Api) -> None:
    for _ in range(5):
        placed = api.post(ORDERS, {"items": [PHONE]}).json()
        assert api.post(f"{ORDERS}/{placed['id']}/pay", {"token": "tok_ok"}).status_code == 202


@pytest.mark.prove
def test_a_thousand_pay_at_once_and_none_is_refused(shop: Shop, api: Api) -> None:
    level = StockLevel.objects.get(product=shop.products[PHONE])
    receive_stock(
        actor=shop.seller_actor,
        warehouse_id=level.warehouse_id,
        product_id=level.product_id,
        quantity=1000,
    )
    statuses = []
    for _ in range(1000):
        placed = api.post(ORDERS, {"items": [PHONE]}).json()
        statuses.append(api.post(f"{ORDERS}/{placed['id']}/pay", {"token": "tok_ok"}).status_code)
    assert statuses == [202] * 1000


def test_message_that_starts_the_process_carries_its_first_step(shop: Shop) -> None:
    order = shop.place(PHONE)
    message = OutboxMessage.objects.get(topic="orders.order_placed")
    assert message.payload["order_id"] == str(order.pk)
    assert message.payload["first"]["next"] == "payment"
    assert order.payment_deadline is not None
    assert parse_datetime(message.payload["first"]["deadline"]) == order.payment_deadline


def test_process_that_asks_again_hears_the_same_but_waits_no_longer(shop: Shop) -> None:
    order = shop.place(PHONE)
    before = shop.stock()
    step = services.reserve_order_stock(order_id=order.pk)
    assert (step.next, step.status) == (Next.PAYMENT, "awaiting_payment")
    assert step.deadline is not None
    assert order.payment_deadline is not None
    assert step.deadline < order.payment_deadline
    assert shop.stock() == before


# --- Not enough ------------------------------------------------------------------------------------


def test_refusal_names_each_line_and_leaves_nothing_but_a_count(api: Api, shop: Shop) -> None:
    before = row_counts()
    items = [{"sku": PHONE, "quantity": 11}, EAST_ONLY, {"sku": SOUTH_ONLY, "quantity": 12}]
    for _ in range(2):
        answer = api.post(ORDERS, {"items": items})
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, "orders.out_of_stock")
        assert [error["pointer"] for error in problem["errors"]] == ["/items/0", "/items/2"]
        assert problem["details"]["shortages"] == [
            {"sku": PHONE, "requested": 11, "available": 10},
            {"sku": SOUTH_ONLY, "requested": 12, "available": 10},
        ]
    assert row_counts() == before
    demand = RefusedDemand.objects.values_list("product__sku", "refusals", "pieces")
    assert set(demand) == {(PHONE, 2, 22), (SOUTH_ONLY, 2, 24)}


def test_refusal_is_kept_under_its_key_and_a_new_key_tries_anew(api: Api, shop: Shop) -> None:
    body = {"items": [{"sku": PHONE, "quantity": 11}]}
    first = api.post(ORDERS, body, headers=keyed("one"))
    level = StockLevel.objects.get(product=shop.products[PHONE])
    receive_stock(
        actor=shop.seller_actor, warehouse_id=level.warehouse_id, product_id=level.product_id, quantity=5
    )
    again = api.post(ORDERS, body, headers=keyed("one"))
    assert (first.status_code, again.status_code, first.content) == (409, 409, again.content)
    assert RefusedDemand.objects.get().refusals == 1
    assert api.post(ORDERS, body, headers=keyed("two")).status_code == 201


def test_holder_of_a_public_token_is_not_told_how_many_there_are(shop: Shop) -> None:
    signer = build_signer(shop.organization, "orders:read", "orders:write")
    buyer = Api(signer.sign(buyer="ann", scopes=SCOPES))
    answer = buyer.post(ORDERS, {"items": [{"sku": PHONE, "quantity": 11}]})
    assert code_of(answer) == "orders.out_of_stock"
    assert answer.json()["details"]["shortages"] == [{"sku": PHONE, "requested": 11}]
    assert "available" not in str(answer.json())


def test_shortage_that_only_the_lock_finds_leaves_no_more(
    shop: Shop, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look without a lock and the lock somebody else has bought the rest."""
    before = row_counts()
    monkeypatch.setattr(placing, "find_short", lambda **_of: [])
    for key in ({}, keyed("one")):
        answer = api.post(ORDERS, {"items": [{"sku": PHONE, "quantity": 11}]}, headers=key)
        assert code_of(answer) == "orders.out_of_stock"
    assert row_counts() == before
    assert RefusedDemand.objects.get().pieces == 22
    assert IdempotencyLog.objects.get().status == 409


def test_reference_that_names_an_order_is_told_before_what_is_sold_out(api: Api) -> None:
    """A client that lost the answer and asks again has the goods, so it must not hear that there are none."""
    body = {"items": [{"sku": PHONE, "quantity": 10}], "client_ref": "PO-1"}
    first, again = api.post(ORDERS, body), api.post(ORDERS, body)
    assert (first.status_code, code_of(again)) == (201, "orders.client_ref_taken")
    assert not RefusedDemand.objects.exists()


def test_count_that_cannot_be_written_does_not_hide_the_refusal(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_of: object) -> None:
        raise BusyError("held")

    monkeypatch.setattr(placing, "note_refused_demand", fail)
    with pytest.raises(OutOfStockError):
        shop.place(PHONE, quantity=11)


def test_refusals_at_once_are_all_counted(shop: Shop) -> None:
    found = race([partial(shop.place, PHONE, SOUTH_ONLY, quantity=11)] * 12)
    assert all(isinstance(one, OutOfStockError) for one in found)
    demand = RefusedDemand.objects.values_list("refusals", "pieces")
    assert list(demand) == [(12, 132), (12, 132)]


# --- Paying with the order -------------------------------------------------------------------------


def test_order_that_is_paid_with_its_placement_is_charged_without_a_signal(api: Api) -> None:
    body = api.post(ORDERS, {"items": [PHONE], "payment": {"token": "tok_ok"}}).json()
    assert (body["waiting"]["kind"], body["waiting"]["next_action"]) == ("payment_gateway", "charge")
    assert body["payment"]["state"] == "requested"
    message = OutboxMessage.objects.get(topic__startswith="orders.")
    assert message.payload["first"] == {
        "next": "charge",
        "status": "awaiting_payment",
        "deadline": None,
        "payment_id": body["payment"]["id"],
        "shipment_ids": [],
    }
    kinds = list(Order.objects.get().events.order_by("id").values_list("kind", flat=True))
    assert kinds == ["placed", "stock_reserved", "payment_requested"]
    assert charge(UUID(body["payment"]["id"])).next == Next.SHIPPING


@pytest.mark.parametrize("when", ["with the order", "before the decision"])
def test_order_that_is_paid_before_the_decision_is_charged_after_it(api: Api, shop: Shop, when: str) -> None:
    early = {"payment": {"token": "tok_ok"}} if when == "with the order" else {}
    order_id = UUID(api.post(ORDERS, {"items": [MAC], **early}).json()["id"])
    if not early:
        assert api.post(f"{ORDERS}/{order_id}/pay", {"token": "tok_ok"}).status_code == 202
    payment = Payment.objects.get()
    assert api.post(f"{ORDERS}/{order_id}/pay", {"token": "tok_ok"}).json()["code"] == "orders.payment_open"
    assert services.settle_approval(order_id=order_id).next == Next.APPROVAL
    step = approve(shop, order_id, ApprovalDecision.Verdict.APPROVE)
    assert (step.next, step.payment_id) == (Next.CHARGE, payment.pk)
    assert charge(payment.pk).next == Next.SHIPPING


@pytest.mark.parametrize("end", ["rejected", "cancelled"])
def test_payment_of_an_order_that_is_not_approved_is_withdrawn(api: Api, shop: Shop, end: str) -> None:
    body = api.post(ORDERS, {"items": [MAC], "payment": {"token": "tok_ok"}}).json()
    order_id = UUID(body["id"])
    if end == "rejected":
        assert approve(shop, order_id, ApprovalDecision.Verdict.REJECT).next == Next.UNWIND
    else:
        services.cancel_order(actor=shop.seller_actor, order_id=order_id, reason=AbortReason.REQUESTED)
    services.release_order_stock(order_id=order_id)
    services.close_order(order_id=order_id)
    assert Order.objects.get().status == end
    assert Payment.objects.get().state == Payment.State.WITHDRAWN
    assert shop.stock()[MAC] == (10, 0)


def test_payment_that_waits_for_a_decision_is_no_drift(api: Api, shop: Shop) -> None:
    api.post(ORDERS, {"items": [MAC], "payment": {"token": "tok_ok"}})
    OutboxMessage.objects.update(delivered_at=database_now())
    assert list_unapplied(timedelta(0)) == []
    assert list_unsettled_payments(timedelta(0)) == []


# --- Waiting for stock -----------------------------------------------------------------------------


@contextmanager
def held(postgres_url: str, *skus: str) -> Iterator[None]:
    """Lock the stock of products, as a slow transaction of somebody else does."""
    with psycopg.connect(postgres_url) as other:
        other.execute(
            "SELECT FROM inventory_stocklevel s JOIN inventory_product p ON p.id = s.product_id"
            " WHERE p.sku = ANY(%s) FOR NO KEY UPDATE OF s",
            [list(skus)],
        )
        yield
        other.rollback()


@pytest.fixture
def url(fresh_database: str) -> str:
    found = connection.get_connection_params()
    return psycopg.conninfo.make_conninfo(
        **{name: found[name] for name in ("host", "port", "user", "password", "dbname") if found.get(name)}
    )


def test_order_that_does_not_get_its_stock_in_time_is_503_and_writes_nothing(
    shop: Shop, api: Api, url: str, settings: LazySettings
) -> None:
    settings.DB_LOCK_TIMEOUT_MS = 200
    before = row_counts()
    with held(url, PHONE):
        answer = api.post(ORDERS, {"items": [PHONE, EAST_ONLY]}, headers=keyed("one"))
        other = api.post(ORDERS, {"items": [EAST_ONLY]})
    assert (answer.status_code, code_of(answer)) == (503, "request.busy")
    assert int(answer["Retry-After"]) >= 1
    assert other.status_code == 201
    services.cancel_order(actor=shop.seller_actor, order_id=UUID(other.json()["id"]))
    assert not IdempotencyLog.objects.filter(key="one").exists()
    assert row_counts()["inventory_reservation"] == before["inventory_reservation"] + 1
    assert api.post(ORDERS, {"items": [PHONE, EAST_ONLY]}, headers=keyed("one")).status_code == 201


def test_waits_for_several_products_share_their_time(shop: Shop, url: str, settings: LazySettings) -> None:
    """Each row alone comes in time; together they take too long."""
    settings.DB_LOCK_TIMEOUT_MS = 1000
    first, both = threading.Event(), threading.Event()

    def hold(sku: str, until: threading.Event) -> None:
        with held(url, sku):
            until.wait(30)

    levels = {
        sku: StockLevel.objects.get(product=shop.products[sku]).pk for sku in (PHONE, EAST_ONLY, SOUTH_ONLY)
    }
    skus = sorted(levels, key=lambda sku: levels[sku])
    threads = [
        threading.Thread(target=hold, args=(skus[0], first)),
        threading.Thread(target=hold, args=(skus[1], both)),
    ]
    for thread in threads:
        thread.start()
    release = threading.Timer(0.7, first.set)
    release.start()
    late = threading.Timer(20, both.set)
    late.start()
    try:
        with pytest.raises(BusyError):
            shop.place(*skus)
    finally:
        late.cancel()
        both.set()
        for thread in threads:
            thread.join()


def test_no_more_than_a_few_threads_wait_for_one_product(shop: Shop) -> None:
    product, other = shop.products[PHONE].pk, shop.products[MAC].pk
    with waiting_for([product], most=2), waiting_for([product, other], most=2):
        with pytest.raises(BusyError, match="wait for the stock"), waiting_for([product], most=2):
            pass
        with waiting_for([other], most=2):
            pass
    with waiting_for([product], most=1):
        pass


def test_order_behind_too_many_is_refused_at_once(shop: Shop, api: Api, settings: LazySettings) -> None:
    settings.WEB_THREADS = 2
    before = row_counts()
    with waiting_for([shop.products[PHONE].pk], most=1):
        answer = api.post(ORDERS, {"items": [PHONE]})
        assert api.post(ORDERS, {"items": [EAST_ONLY]}).status_code == 201
    assert (answer.status_code, code_of(answer)) == (503, "request.busy")
    assert row_counts()["orders_order"] == before["orders_order"] + 1


# --- Waking the relay ------------------------------------------------------------------------------


def test_relay_is_told_once_after_the_commit_and_not_of_what_was_refused(shop: Shop, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        with pytest.raises(OutOfStockError):
            shop.place(PHONE, quantity=11)
        assert list(listener.notifies(timeout=0.5)) == []
        shop.place(MAC)
        assert len(list(listener.notifies(timeout=2, stop_after=1))) == 1
        assert list(listener.notifies(timeout=0.5)) == []
    assert OutboxMessage.objects.count() == 2
    assert Order.objects.get().status == Status.AWAITING_APPROVAL


# --- A process that dies ---------------------------------------------------------------------------


class DiedError(Exception):
    """The process ends here."""


@pytest.mark.parametrize(("moment", "is_placed"), [("before_commit", False), ("after_commit", True)])
def test_order_whose_process_dies_is_placed_with_its_hold_or_not_at_all(
    shop: Shop, api: Api, settings: LazySettings, moment: str, is_placed: bool
) -> None:
    """A client without an answer repeats the request with its key, and has one order."""

    def die() -> None:
        raise DiedError

    settings.DEBUG = True
    body = {"items": [PHONE], "payment": {"token": "tok_ok"}}
    plan(f"place_order:{moment}", die)
    try:
        with pytest.raises(DiedError):
            api.post(ORDERS, body, headers=keyed("one"))
    finally:
        forget_plans()
    assert Order.objects.exists() is is_placed
    assert shop.stock()[PHONE] == (10, int(is_placed))
    answer = api.post(ORDERS, body, headers=keyed("one"))
    assert (answer.status_code, answer.headers.get("Idempotent-Replayed")) == (
        201,
        "true" if is_placed else None,
    )
    assert Order.objects.count() == Payment.objects.count() == 1
    assert shop.stock()[PHONE] == (10, 1)
