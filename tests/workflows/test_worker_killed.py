"""A worker process that is killed in the middle of its orders: another one finishes them."""

import signal

from orders.models import Order, SandboxCharge
from orders.states import Status
from tests.live import Live, eventually, worker_process
from tests.stories import PHONE, build_shop


def count(status: Status) -> int:
    return Order.objects.filter(status=status).count()


def test_killed_worker_is_replaced_and_every_order_is_charged_once(live_relay: Live) -> None:
    shop = build_shop()
    orders = [shop.place(PHONE) for _ in range(4)]
    with worker_process() as first:
        eventually(lambda: count(Status.AWAITING_PAYMENT) == 4, within=30, what="all orders waiting")
        for order in orders:
            shop.pay(order, "tok_slow")
        eventually(lambda: SandboxCharge.objects.count() >= 2, what="charges under way")
        first.kill()
        first.wait(60)
    assert count(Status.COMPLETED) == 0
    with worker_process() as second:
        eventually(lambda: count(Status.COMPLETED) == 4, within=60, what="all orders completed")
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0
    assert list(SandboxCharge.objects.values_list("captures", flat=True)) == [1] * 4
    assert shop.stock()[PHONE] == (6, 0)
