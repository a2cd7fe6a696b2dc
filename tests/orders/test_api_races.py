"""Equal requests at the same instant, and requests that meet a held row, over HTTP."""

import json
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client

from holo.apiauth.services import create_api_key
from holo.outbox.models import OutboxMessage
from holo.stack.postgres import PostgresServer
from orders.models import Order, Payment
from tests.proof import Proof, rounds
from tests.racing import race
from tests.stories import PHONE, Shop, build_shop

RACERS = 100


@pytest.fixture
def shop(fresh_database: str) -> Shop:
    """A shop on a database of its own, whose seller is an operator."""
    built = build_shop(stock=10_000)
    built.seller.groups.add(Group.objects.get_or_create(name="operator")[0])
    return built


@pytest.fixture
def send(shop: Shop) -> Callable[..., Any]:
    """Post JSON as the seller, each time as a client of its own."""
    _key, secret = create_api_key(
        actor=None,
        owner_id=shop.seller.pk,
        organization_id=shop.organization.pk,
        name="test",
        scopes=["orders:write"],
    )

    def post(path: str, body: object, key: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {secret}"} | ({"Idempotency-Key": key} if key else {})
        return Client(headers=headers).post(
            f"/api/v1{path}", data=json.dumps(body), content_type="application/json"
        )

    return post


def at_once(call: Callable[[], Any], count: int = 1) -> list[Any]:
    """Return the answers of equal calls at the same instant, none of which fails."""
    answers = race([call] * count, timeout=120)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    return answers


def test_without_a_key_every_request_places_an_order(
    send: Callable[..., Any], settings: LazySettings
) -> None:
    """The positive control: the race is there when the guard is off."""
    settings.WEB_THREADS = 100  # nobody is told to come again
    at_once(lambda: send("/orders", {"items": [PHONE]}), 8)
    assert Order.objects.count() == 8


@pytest.mark.prove
def test_hundred_requests_with_one_key_place_one_order(send: Callable[..., Any], proof: Proof) -> None:
    statuses: Counter[int] = Counter()
    for number in range(rounds(20)):
        before = Order.objects.count()
        answers = at_once(partial(send, "/orders", {"items": [PHONE]}, f"k-{number}"), RACERS)
        bodies = {answer.content for answer in answers if answer.status_code == 201}
        busy = [answer for answer in answers if answer.status_code == 409]
        assert len(bodies) == 1
        assert len(busy) + sum(answer.status_code == 201 for answer in answers) == RACERS
        assert all(answer["Retry-After"] for answer in busy)
        assert Order.objects.count() == before + 1
        assert OutboxMessage.objects.filter(topic="orders.order_placed").count() == before + 1
        statuses.update(answer.status_code for answer in answers)
    proof.note(rounds=rounds(20), requests=RACERS, answers=dict(statuses))


@pytest.mark.prove
@pytest.mark.parametrize("command", ["pay", "cancel"])
def test_order_row_held_by_a_third_party_is_busy_in_time(
    shop: Shop,
    send: Callable[..., Any],
    command: str,
    fresh_database: str,
    postgres: PostgresServer,
    proof: Proof,
) -> None:
    order = shop.place(PHONE)
    body = {"token": "tok_ok"} if command == "pay" else {}
    with psycopg.connect(postgres.app_url(fresh_database)) as third_party:
        third_party.execute("SELECT 1 FROM orders_order FOR UPDATE")
        began = time.monotonic()
        (answer,) = at_once(partial(send, f"/orders/{order.pk}/{command}", body))
        waited = time.monotonic() - began
        assert answer.status_code in (409, 503), answer.content
        assert int(answer["Retry-After"]) >= 1
        assert waited <= 3.5
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND state LIKE 'idle in transaction%%' AND pid <> %s",
                [third_party.info.backend_pid],
            )
            assert cursor.fetchone() == (0,)
    assert not Payment.objects.exists()
    assert send(f"/orders/{order.pk}/{command}", body).status_code == 202
    proof.note(seconds_until_told=round(waited, 2), status=answer.status_code)
