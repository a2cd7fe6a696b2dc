"""Each compensation fails a few times, then for good: the others run, it is parked, a retry finishes it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pytest_django import Settings

from holo.common import crash
from orders import services
from orders.models import Order, SandboxCharge, SandboxLabel
from orders.ports import OutsideUnavailableError
from orders.states import Status
from tests.branches import BRANCHES
from tests.chaos.books import disagreements
from tests.chaos.steps import BEFORE_COMMIT, BEGUN
from tests.live import Live, ends, reaches
from tests.proof import Proof, sample
from tests.replay.corpus import SOURCE
from tests.stories import EAST_ONLY, SOUTH_ONLY, Shop, build_shop
from workflows.orders.contracts import Activity
from workflows.runtime.policies import ATTEMPTS

pytestmark = pytest.mark.prove
# Two parcels, of which the carrier refuses one: everything that there is has to be undone.
BRANCH = BRANCHES["one-of-two-parcels-refused"]
_POLICIES = ("COMPENSATION", "LOCAL_COMPENSATION")


def compensations() -> list[str]:
    """Return the activities that the workflow calls under a compensation's policy, from its source."""
    found = []
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.Call) and any(ast.unparse(k.value) in _POLICIES for k in node.keywords):
            found.append(str(getattr(Activity, ast.unparse(node.args[0]).removeprefix("Activity."))))
    return sorted(found)


COMPENSATIONS = compensations()
# `close_order` is no compensation, but comes after them, and is tried until it succeeds.
TRANSIENT = [(name, times) for name in (*COMPENSATIONS, Activity.CLOSE_ORDER) for times in range(1, 6)]


@dataclass(slots=True)
class Failing:
    """An activity that fails a number of times, -1 for always; the first `outages` of them by an outage."""

    remaining: int
    outages: int = 0
    failed: int = 0

    def __call__(self) -> None:
        if self.remaining:
            self.remaining -= 1
            self.failed += 1
            raise (
                OutsideUnavailableError("away") if self.failed <= self.outages else RuntimeError("as planned")
            )


@pytest.fixture
def shop(live: Live, settings: Settings) -> Iterator[Shop]:
    """A shop with relay and worker running; nothing is planned when the test ends."""
    settings.DEBUG = True
    yield build_shop()
    crash.forget_plans()


@pytest.mark.pure
def test_compensations_are_those_of_the_code() -> None:
    assert sorted([Activity.REFUND_PAYMENT, Activity.RELEASE_STOCK, Activity.VOID_LABEL]) == COMPENSATIONS


@pytest.mark.parametrize(("activity", "times"), sample(TRANSIENT))
def test_compensation_that_fails_a_few_times_is_repeated(
    shop: Shop, activity: str, times: int, proof: Proof
) -> None:
    before = shop.stock()
    failing = Failing(times)
    crash.plan(f"{activity}:{BEGUN}", failing)
    order = BRANCH.play(shop)
    ends(order, BRANCH.end, within=30)
    assert failing.failed == times
    assert not order.parked_steps.exists()
    assert disagreements(shop, before, order) == []
    proof.note(activity=activity, times=times)


@pytest.mark.parametrize("activity", sample(COMPENSATIONS))
def test_compensation_that_fails_for_good_is_parked_and_the_others_run(
    shop: Shop, activity: str, proof: Proof
) -> None:
    before = shop.stock()
    crash.plan(f"{activity}:{BEGUN}", Failing(-1))
    order = BRANCH.play(shop)
    reaches(order, Status.NEEDS_ATTENTION, within=60)
    parked = list(order.parked_steps.all())
    assert {step.step.partition(":")[0] for step in parked} == {
        activity.replace("release_order_", "release_")
    }
    assert {step.attempts for step in parked} == {ATTEMPTS}
    undone = what_is_undone(shop, order)
    assert [name for name in COMPENSATIONS if not undone[name]] == [activity]
    crash.forget_plans()
    services.request_retry(actor=shop.seller_actor, order_id=order.pk)
    ends(order, BRANCH.end, within=30)
    assert disagreements(shop, before, order) == []
    proof.note(activity=activity, attempts=ATTEMPTS)


@pytest.mark.parametrize("activity", sample([Activity.CHARGE_PAYMENT, Activity.REFUND_PAYMENT]))
def test_outage_is_waited_for_and_does_not_count(shop: Shop, activity: str) -> None:
    """Two outages, then as many other failures as are let pass: with the outages they would be too many."""
    before = shop.stock()
    failing = Failing(ATTEMPTS + 1, outages=2)
    # The charge begins with other steps, and only after its first failure alone.
    at_once = activity == Activity.CHARGE_PAYMENT
    crash.plan(f"begin_payment:{BEFORE_COMMIT}" if at_once else f"{activity}:{BEGUN}", failing)
    order = BRANCH.play(shop)
    ends(order, BRANCH.end, within=180)
    assert failing.failed == ATTEMPTS + 1
    assert not order.events.filter(kind="parked").exists()
    assert disagreements(shop, before, order) == []


def what_is_undone(shop: Shop, order: Order) -> dict[str, bool]:
    """Tell of each compensation whether its effect is there."""
    keys = [str(key) for key in order.shipments.values_list("pk", flat=True)]
    labels = set(SandboxLabel.objects.filter(key__in=keys).values_list("state", flat=True))
    charge = SandboxCharge.objects.get(pk=str(order.payments.get().pk))
    held = {shop.stock()[sku][1] for sku in (EAST_ONLY, SOUTH_ONLY)}
    return {
        Activity.REFUND_PAYMENT: charge.refunds == 1,
        Activity.RELEASE_STOCK: held == {0},
        Activity.VOID_LABEL: labels == {"voided"},
    }
