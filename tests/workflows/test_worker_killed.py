"""A worker process that is killed in the middle of its orders: another one finishes them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from holo.stack.ports import free_port
from orders.models import Order, SandboxCharge
from orders.states import Status
from tests.stories import PHONE, build_shop
from tests.workflows.conftest import Live, eventually


@contextmanager
def worker_process() -> Iterator["subprocess.Popen[bytes]"]:
    """Run `manage.py run_worker` on the test's database until the block ends."""
    environment = {**os.environ, "WORKER_METRICS_PORT": str(free_port()), "LOG_LEVEL": "WARNING"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_worker"], cwd=settings.BASE_DIR, env=environment
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


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
        first.wait(10)
    assert count(Status.COMPLETED) == 0
    with worker_process() as second:
        eventually(lambda: count(Status.COMPLETED) == 4, within=60, what="all orders completed")
        second.send_signal(signal.SIGTERM)
        assert second.wait(30) == 0
    assert list(SandboxCharge.objects.values_list("captures", flat=True)) == [1] * 4
    assert shop.stock()[PHONE] == (6, 0)
