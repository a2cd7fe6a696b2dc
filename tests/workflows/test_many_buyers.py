"""Far more buyers than goods, over HTTP: as many are sold as there are, and everybody hears which it is."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.db import connection, connections

from holo.outbox.models import OutboxMessage
from inventory.models import RefusedDemand
from orders import services
from orders.models import Order, Payment
from orders.states import TERMINAL, Status
from tests.api.people import build_key
from tests.live import Live, eventually, run_status
from tests.proof import Proof, dice, rounds
from tests.stories import PHONE, Shop, build_shop
from tests.web_process import WebProcess, web_process

pytestmark = pytest.mark.prove
BUYERS, AT_ONCE, PIECES = rounds(2000), 16, rounds(100)


_PROMISED = """
SELECT on_hand, reserved, (
    SELECT coalesce(sum(quantity), 0) FROM inventory_reservationline l
    JOIN inventory_reservation r ON r.id = l.reservation_id
    WHERE l.product_id = s.product_id AND r.state IN ('held', 'consumed')
) FROM inventory_stocklevel s WHERE s.product_id = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The last answer that a buyer got, how long it took, and how often they were told to come again."""

    status: int
    body: bytes
    seconds: float
    busy: int


@pytest.fixture
def shop(live: Live) -> Shop:
    shop = build_shop(stock=PIECES)
    shop.seller.groups.add(Group.objects.get(name="operator"))
    return shop


@pytest.fixture
def web(shop: Shop, tmp_path: Path) -> Iterator[WebProcess]:
    key = build_key(owner=shop.seller, organization=shop.organization, scopes=["orders:write"])
    with web_process(tmp_path / "web.log", key=key) as running:
        yield running


def buy(web: WebProcess, name: str, token: str) -> Answer:
    """Place an order of one piece that is paid at once; come again with the same key while it is busy."""
    body = json.dumps({"items": [PHONE], "buyer": name, "payment": {"token": token}})
    busy = 0
    while True:
        line = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
        headers = {
            "Authorization": f"Bearer {web.key}",
            "Content-Type": "application/json",
            "Idempotency-Key": name,
        }
        began = time.perf_counter()
        line.request("POST", "/api/v1/orders", body, headers)
        response = line.getresponse()
        answer = response.read()
        seconds = time.perf_counter() - began
        line.close()
        if response.status != 503:
            return Answer(status=response.status, body=answer, seconds=seconds, busy=busy)
        busy += 1
        time.sleep(0.05)


class Reader(threading.Thread):
    """Looks all the time whether more is promised or sold than there is."""

    def __init__(self, shop: Shop) -> None:
        super().__init__()
        self.over = threading.Event()
        self.most_held = 0
        self.faults: list[tuple[int, int, int]] = []
        self._product = shop.products[PHONE].pk

    def run(self) -> None:
        """Read until told that it is over."""
        while not self.over.wait(0.02):
            with connection.cursor() as cursor:
                cursor.execute(_PROMISED, [self._product])
                for on_hand, reserved, promised in cursor.fetchall():
                    self.most_held = max(self.most_held, reserved)
                    if reserved > on_hand or promised > PIECES:
                        self.faults.append((on_hand, reserved, promised))
        connections.close_all()


def test_as_many_are_sold_as_there_are_and_every_buyer_hears_which(
    shop: Shop, web: WebProcess, proof: Proof
) -> None:
    chance = dice("many buyers")
    tokens = ["tok_declined" if chance.random() < 0.2 else "tok_ok" for _ in range(BUYERS)]
    repeats = [chance.random() < 0.3 for _ in range(BUYERS)]
    reader = Reader(shop)
    reader.start()

    def one(number: int) -> Answer:
        answer = buy(web, f"buyer-{number}", tokens[number])
        if repeats[number]:
            again = buy(web, f"buyer-{number}", tokens[number])
            # A thousand refusals of one caller are kept; a further one is judged anew, to the same end.
            assert again.status == answer.status
            assert again.status == 409 or again.body == answer.body
        return answer

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(one, range(BUYERS)))
        late = sell_the_rest(web, shop)
    finally:
        reader.over.set()
        reader.join(60)
    statuses = Counter(answer.status for answer in answers)
    placed = statuses[201] + late
    assert set(statuses) == {201, 409}, statuses
    assert all(b"orders.out_of_stock" in answer.body for answer in answers if answer.status == 409)
    assert reader.faults == []
    assert Payment.objects.filter(state=Payment.State.CAPTURED).count() == PIECES
    assert Order.objects.filter(status=Status.COMPLETED).count() == PIECES
    assert shop.stock()[PHONE] == (0, 0)
    assert Order.objects.count() == placed
    assert OutboxMessage.objects.filter(topic="orders.order_placed").count() == placed
    assert RefusedDemand.objects.get().refusals >= statuses[409]
    eventually(lambda: all(run_status(order) == "COMPLETED" for order in Order.objects.all()))
    refused = sorted(answer.seconds for answer in answers if answer.status == 409)
    proof.note(
        buyers=BUYERS,
        pieces=PIECES,
        placed=placed,
        told_to_come_again=sum(answer.busy for answer in answers),
        most_held=reader.most_held,
        sold_out_p95_ms=round(1000 * refused[int(0.95 * len(refused))]),
    )


def sell_the_rest(web: WebProcess, shop: Shop) -> int:
    """Buy what orders that were declined give back, until all is sold; return how many orders that took."""
    placed = 0
    deadline = time.monotonic() + 120
    while shop.stock()[PHONE] != (0, 0):
        assert time.monotonic() < deadline, shop.stock()
        cancel_declined(shop)
        placed += buy(web, f"late-{time.monotonic_ns()}", "tok_ok").status == 201
        time.sleep(0.05)
    eventually(lambda: not Order.objects.exclude(status__in=TERMINAL).exists(), what="the end of all orders")
    return placed


def cancel_declined(shop: Shop) -> None:
    """Cancel the orders whose payment was declined, as their buyers do."""
    for order_id in Order.objects.filter(
        status=Status.AWAITING_PAYMENT, payments__state=Payment.State.DECLINED, abort=None
    ).values_list("pk", flat=True):
        services.cancel_order(actor=shop.seller_actor, order_id=order_id)
