"""A cancel at every point at which an order's process can be: it is undone, or refused after the pivot."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest
from django.db import connections
from pytest_django import Settings

from holo.common import crash
from holo.common.errors import DomainError
from orders import services
from orders.errors import NotCancellableError
from orders.models import Order, OrderAbort, OrderHandover
from orders.states import Status
from tests.branches import BRANCHES, Branch, parked_charge
from tests.chaos.books import disagreements
from tests.chaos.steps import AFTER_COMMIT, BEFORE_REPORT, BEGUN, SERVICES, Interruption
from tests.live import Live, ends
from tests.proof import Proof, sample
from tests.stories import Shop, build_shop
from workflows.orders.contracts import Activity as A

pytestmark = pytest.mark.prove
# Which branch takes an order to which steps; together all of them.
STEPS: Mapping[str, tuple[str, ...]] = {
    "paid": (A.SETTLE_PAYMENT, A.ADVANCE_ORDER),
    "charge-taken-alone": (A.CHARGE_PAYMENT,),
    # An earlier version placed it, so that its process is the one to look for stock.
    "out-of-stock": (A.RESERVE_STOCK,),
    "two-parcels": (A.CREATE_LABEL, A.ADVANCE_ORDER),
    "approved": (A.SETTLE_APPROVAL,),
    "one-of-two-parcels-refused": (A.VOID_LABEL, A.REFUND_PAYMENT, A.RELEASE_STOCK, A.CLOSE_ORDER),
    "cancelled-in-temporal": (A.CANCEL_ORDER,),
    "parcel-ended-by-hand": (A.FAIL_SHIPMENT,),
    "handover-parked": (A.PARK_ORDER, A.SETTLE_RETRY, A.HAND_OVER_SHIPMENT),
}


def await_points(activity: str) -> Iterator[str]:
    """Yield where an activity stands without locks: before it, between its services, after its effect."""
    yield f"{activity}:{BEGUN}"
    for service in SERVICES[activity][:-1]:
        yield f"{service}:{AFTER_COMMIT}"
    yield f"{activity}:{BEFORE_REPORT}"


CASES = [
    Interruption(branch=branch, activity=activity, point=point)
    for branch, activities in STEPS.items()
    for activity in activities
    for point in await_points(activity)
]


@dataclass(slots=True)
class Pause:
    """Holds the first that comes to a point until it is released."""

    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> None:
        if not self.reached.is_set():
            self.reached.set()
            self.released.wait(60)


@contextmanager
def played_until(branch: Branch, shop: Shop, point: str) -> Iterator[None]:
    """Play a branch until it stands at `point`; let it go on when the block ends."""

    def play() -> None:
        # What the branch wants to do next may be refused, for the order is cancelled meanwhile.
        with suppress(AssertionError, DomainError):
            branch.play(shop)
        connections.close_all()

    pause = Pause()
    crash.plan(point, pause)
    player = threading.Thread(target=play)
    player.start()
    try:
        assert pause.reached.wait(60), f"the order did not get to {point}"
        yield
    finally:
        crash.forget_plans()
        pause.released.set()
        player.join(60)
        assert not player.is_alive()


def is_too_late(order: Order) -> bool:
    """Tell whether a cancel can only be refused."""
    order.refresh_from_db()
    return order.is_terminal or OrderHandover.objects.filter(order=order).exists()


@pytest.fixture
def shop(live: Live, settings: Settings) -> Shop:
    """A shop with relay and worker running, where crash points are allowed."""
    settings.DEBUG = True
    return build_shop()


@pytest.mark.pure
def test_every_step_of_the_code_is_cancelled_at() -> None:
    assert {activity for activities in STEPS.values() for activity in activities} == set(SERVICES)


@pytest.mark.parametrize("case", sample(CASES, at_least=4), ids=str)
def test_cancel_is_carried_out_or_refused(shop: Shop, case: Interruption, proof: Proof) -> None:
    branch, before = BRANCHES[case.branch], shop.stock()
    with played_until(branch, shop, case.point):
        order = Order.objects.get(organization=shop.organization)
        given_up = OrderAbort.objects.filter(order=order).exists()
        was_too_late = is_too_late(order)
        refused = cancel_is_refused(shop, order)
        # The order's other parcel goes on meanwhile, and may be the last.
        assert was_too_late <= refused <= is_too_late(order)
    end = branch.end if refused or given_up else Status.CANCELLED
    ends(order, end, within=60)
    assert disagreements(shop, before, order) == []
    proof.note(case=str(case), refused=refused)


def cancel_is_refused(shop: Shop, order: Order) -> bool:
    """Cancel; return whether it came too late."""
    try:
        services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    except NotCancellableError:
        return True
    return False


def test_cancel_of_a_parked_order_needs_no_retry(shop: Shop, proof: Proof) -> None:
    """A charge failed for good before the pivot; who cancels need not ask for the charge again."""
    before = shop.stock()
    order = parked_charge(shop)
    assert not cancel_is_refused(shop, order)
    ends(order, Status.CANCELLED)
    assert disagreements(shop, before, order) == []
    proof.note(case="parked charge", refused=False)
