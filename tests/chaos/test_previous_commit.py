"""Runs that the previous commit's worker started are finished by this one's."""

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings

from orders import services
from orders.models import Order
from orders.states import Status
from tests.branches import APPROVE, decide_about
from tests.chaos.books import disagreements
from tests.live import Live, ends, reaches, worker_process
from tests.proof import Proof, rounds
from tests.stories import EAST_ONLY, MAC, PHONE, SOUTH_ONLY, build_shop

PATIENCE = 180.0
# In each of the places where a run can stand for long.
EACH = rounds(100)


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The previous commit's files; the last one's where something is not committed yet."""
    changed = git("status", "--porcelain", "--untracked-files=no")
    archive = git("archive", "HEAD" if changed else "HEAD~1")
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(tmp_path, filter="data")
    return tmp_path


def git(*words: str) -> bytes:
    """Run git in this checkout."""
    return subprocess.run(["git", *words], cwd=settings.BASE_DIR, capture_output=True, check=True).stdout


def all_reach(orders: list[Order], status: Status) -> None:
    """Wait until all orders are in `status`."""
    for order in orders:
        reaches(order, status, within=PATIENCE)


@pytest.mark.prove(only_in_full=True)
def test_runs_of_the_previous_commit_finish_on_this_one(live_relay: Live, before: Path, proof: Proof) -> None:
    shop = build_shop(stock=10_000)
    stock = shop.stock()
    with worker_process(checkout=before) as old:
        undecided = [shop.place(MAC) for _ in range(EACH)]
        unpaid = [shop.place(PHONE) for _ in range(EACH)]
        charging = [shop.place(EAST_ONLY, SOUTH_ONLY) for _ in range(EACH)]
        all_reach(undecided, Status.AWAITING_APPROVAL)
        all_reach([*unpaid, *charging], Status.AWAITING_PAYMENT)
        for order in charging:
            shop.pay(order, "tok_slow")
        all_reach(charging[:1], Status.FULFILLING)
        old.kill()
        old.wait(60)
    with worker_process():
        for order in unpaid:
            shop.pay(order)
        for order in undecided:
            decide_about(shop, order, APPROVE)
        all_reach(undecided, Status.AWAITING_PAYMENT)
        for order in undecided:
            services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
        for order in (*unpaid, *charging):
            ends(order, Status.COMPLETED, within=2 * PATIENCE)
        for order in undecided:
            ends(order, Status.CANCELLED, within=PATIENCE)
    assert disagreements(shop, stock, *undecided, *unpaid, *charging) == []
    proof.note(orders=3 * EACH)
