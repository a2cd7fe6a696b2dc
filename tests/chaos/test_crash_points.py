"""The tools of these tests themselves: a planned death comes once, and books that disagree are seen."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from secrets import token_urlsafe

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from holo.common.crash import plan
from orders.models import Order, SandboxCharge, SandboxLabel
from orders.states import Status
from tests.chaos.books import disagreements
from tests.conftest import OwnerAccess
from tests.stories import PHONE, Shop, build_shop, charge, hand_over, label

_REACH = "crash_point('a', 'b')"
_QUICK = "from holo.common.crash import crash_point, plan_from_environment; plan_from_environment()"
# As every process of the product starts.
_SET_UP = "import django; django.setup(); from holo.common.crash import crash_point"


def process_at(
    point: str, mark: Path, *, debug: str = "1", start: str = _QUICK
) -> "subprocess.CompletedProcess[str]":
    """Run a process that comes to the point a:b."""
    own = {"CRASH_POINT": point, "CRASH_MARK": str(mark), "DEBUG": debug, "DEMO": "0"}
    return subprocess.run(
        [sys.executable, "-c", f"{start}; {_REACH}"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "holo.settings", "SECRET_KEY": token_urlsafe(60), **own},
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.mark.pure
def test_first_process_at_the_point_dies_and_the_next_goes_on(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert process_at("a:other", mark).returncode == 0
    assert process_at("a:b", mark).returncode == -9
    assert process_at("a:b", mark).returncode == 0


@pytest.mark.pure
def test_crash_points_without_debug_are_refused(tmp_path: Path) -> None:
    refused = process_at("a:b", tmp_path / "mark", debug="0", start=_SET_UP)
    assert refused.returncode == 1
    assert "crash points are refused without DEBUG=1" in refused.stderr
    with pytest.raises(ImproperlyConfigured):
        plan("a:b", lambda: None)


# --- Books ---------------------------------------------------------------------------------------


@pytest.fixture
def shop(fresh_database: str) -> Shop:
    """A shop on a database of its own."""
    return build_shop()


def completed(shop: Shop) -> Order:
    """Take an order through all its steps."""
    order = shop.place(PHONE)
    (shipment,) = charge(shop.pay(order)).shipment_ids
    label(shipment)
    hand_over(shipment)
    return order


Plant = Callable[[Order], object]
PLANTS: dict[str, Plant] = {
    "captures": lambda order: SandboxCharge.objects.update(captures=2),
    "kept": lambda order: SandboxCharge.objects.update(refunds=1),
    "at the gateway": lambda order: SandboxCharge.objects.update(state="authorised"),
    "at the carrier": lambda order: SandboxLabel.objects.update(state="created"),
}


@pytest.mark.parametrize("words", PLANTS)
def test_books_that_disagree_are_named(shop: Shop, words: str) -> None:
    before = shop.stock()
    order = completed(shop)
    assert disagreements(shop, before, order) == []
    PLANTS[words](order)
    assert words in " ".join(disagreements(shop, before, order))


def test_stock_that_disagrees_is_named(shop: Shop, owner: OwnerAccess) -> None:
    before = shop.stock()
    order = completed(shop)
    owner.execute("UPDATE inventory_stocklevel SET on_hand = on_hand + 1")
    assert "stock is" in " ".join(disagreements(shop, before, order))


def test_order_not_completed_whose_goods_left_is_named(shop: Shop, owner: OwnerAccess) -> None:
    before = shop.stock()
    order = completed(shop)
    owner.execute("ALTER TABLE orders_order DISABLE TRIGGER USER")
    Order.objects.filter(pk=order.pk).update(status=Status.CANCELLED)
    problems = " ".join(disagreements(shop, before, order))
    assert "captures kept" in problems
    assert "of an order that is cancelled" in problems
