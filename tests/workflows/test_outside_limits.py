"""Partners that accept and stay silent: nobody else waits for them, what was not sent can be cancelled."""

from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings
from temporalio.exceptions import ApplicationError

from holo.common import outside_calls
from holo.common.outside_calls import PortBusyError
from orders import outside, services
from orders.models import Order, OrderEvent, Payment, SandboxCharge
from orders.outside import CARRIER_PORT, GATEWAY_PORT
from orders.ports import OutsideUnavailableError
from orders.sandbox.carrier import SandboxCarrier
from orders.sandbox.gateway import SandboxGateway
from orders.states import Status
from tests.chaos.books import disagreements
from tests.live import Live, ends, eventually, reaches, status_of
from tests.orders import hanging
from tests.stories import EAST_ONLY, PHONE, SOUTH_ONLY, Shop, build_shop
from tests.verify.conftest import run
from workflows.orders.contracts import order_workflow_id
from workflows.runtime import client, interceptors
from workflows.runtime.errors import WorkflowNotFoundError
from workflows.runtime.interceptors import BUSY
from workflows.runtime.policies import ATTEMPTS, COMPENSATION, OUTSIDE_CALL

# More than a worker has slots for steps that leave the process.
MANY = 12
# A gateway that hangs is asked again and again meanwhile; this is far less than any outage lasts.
SOON = 20.0


@pytest.fixture
def shop(live: Live, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop whose partners hang where an order says so; each call is waited for one second."""
    settings.PAYMENT_GATEWAY = "tests.orders.hanging.HangingGateway"
    settings.CARRIER = "tests.orders.hanging.HangingCarrier"
    settings.OUTSIDE_SECONDS = 1
    monkeypatch.setattr(outside_calls, "_LONGEST_PAUSE", 0.5)
    outside.payment_gateway.cache_clear()
    outside.carrier.cache_clear()
    for partner in ("gateway", "carrier"):
        hanging.begin(partner)
    yield build_shop(stock=100)
    for partner in ("gateway", "carrier"):
        hanging.release(partner)
    eventually(lambda: GATEWAY_PORT.taken == CARRIER_PORT.taken == 0, what="the end of all calls")
    outside.payment_gateway.cache_clear()
    outside.carrier.cache_clear()


def waiting(shop: Shop, count: int, *, carrier: str = "ok") -> list[Order]:
    """Place orders that wait for payment."""
    orders = [shop.place(PHONE, carrier=carrier) for _ in range(count)]
    for order in orders:
        reaches(order, Status.AWAITING_PAYMENT)
    return orders


def under_way(order: Order) -> bool:
    """Tell whether the charge may have been sent."""
    return order.payments.filter(submitted_at__isnull=False).exists()


def tries(order: Order, error: str) -> int:
    """Return at which try the order's step is that fails so; 0 as well while it has no run."""

    workflow_id = order_workflow_id(order.pk)
    try:
        described = client.call(lambda connected: connected.get_workflow_handle(workflow_id).describe())
    except WorkflowNotFoundError:
        return 0
    found = described.raw_description.pending_activities
    return max(
        (one.attempt for one in found if one.last_failure.application_failure_info.type == error), default=0
    )


def busy_tries(order: Order) -> int:
    """Return at which try the order's step is that its partner has no place for."""
    return tries(order, BUSY)


def was_tried(order: Order) -> bool:
    """Tell whether the order's step has found its partner away."""
    return tries(order, "outside_unavailable") > 0


def all_of(check: Callable[[Order], bool], orders: list[Order]) -> bool:
    """Tell whether the check is true of each."""
    return all(map(check, orders))


def test_carrier_that_hangs_holds_up_neither_charges_nor_cancels(shop: Shop, settings: Settings) -> None:
    stuck = waiting(shop, MANY, carrier=hanging.HANG)
    for order in stuck:
        shop.pay(order)
    for order in stuck:
        reaches(order, Status.FULFILLING, within=SOON)
    eventually(lambda: CARRIER_PORT.taken == settings.OUTSIDE_CALLS, what="a carrier without a free place")
    other, unwanted = waiting(shop, 2)
    services.cancel_order(actor=shop.seller_actor, order_id=unwanted.pk)
    shop.pay(other)
    reaches(unwanted, Status.CANCELLED, within=SOON)
    reaches(other, Status.FULFILLING, within=SOON)
    assert hanging.most_at_once("carrier") == settings.OUTSIDE_CALLS
    hanging.release("carrier")
    for order in [*stuck, other]:
        ends(order, Status.COMPLETED)
    assert not OrderEvent.objects.filter(kind="parked").exists()


def test_cancel_of_a_charge_that_was_not_sent_does_not_wait_for_the_gateway(
    shop: Shop, settings: Settings
) -> None:
    before = shop.stock()
    orders = waiting(shop, MANY)
    for order in orders:
        shop.pay(order, hanging.HANG)
    eventually(lambda: GATEWAY_PORT.left_behind == settings.OUTSIDE_CALLS, what="a gateway that hangs")
    sent = [order for order in orders if under_way(order)]
    unsent = [order for order in orders if not under_way(order)]
    assert len(sent) == settings.OUTSIDE_CALLS
    kept, unwanted = unsent[:2], unsent[2:]
    # More tries than those after which a step is given up, were it for anything else.
    eventually(lambda: all_of(lambda order: busy_tries(order) > ATTEMPTS, kept), what="many busy tries")
    for order in [*unwanted, sent[0]]:
        services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    for order in unwanted:
        ends(order, Status.CANCELLED, within=SOON)
    assert not SandboxCharge.objects.filter(
        pk__in=[str(pk) for pk in Payment.objects.filter(order__in=unwanted).values_list("pk", flat=True)]
    ).exists()
    # What may have been sent is looked up first, however long that takes.
    assert [status_of(order) for order in sent] == [Status.AWAITING_PAYMENT] * len(sent)
    hanging.release("gateway")
    ends(sent[0], Status.CANCELLED)
    for order in [*sent[1:], *kept]:
        ends(order, Status.COMPLETED)
    assert not OrderEvent.objects.filter(kind="parked").exists()
    assert run("verify", "--grace=0").violated() == set()
    assert disagreements(shop, before, *orders) == []


def test_cancel_of_a_label_that_was_not_asked_for_does_not_wait_for_its_place(
    shop: Shop, settings: Settings
) -> None:
    """Its refund is the gateway's, which answers; the label was never written ahead, so none is voided."""
    stuck = waiting(shop, MANY, carrier=hanging.HANG)
    for order in stuck:
        shop.pay(order)
    for order in stuck:
        reaches(order, Status.FULFILLING, within=SOON)
    eventually(lambda: CARRIER_PORT.left_behind == settings.OUTSIDE_CALLS, what="a carrier that hangs")
    unsent = [order for order in stuck if not order.shipments.filter(submitted_at__isnull=False).exists()]
    assert len(unsent) == MANY - settings.OUTSIDE_CALLS
    eventually(lambda: all_of(lambda order: busy_tries(order) > 0, unsent), what="busy tries")
    for order in unsent:
        services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    for order in unsent:
        ends(order, Status.CANCELLED, within=SOON)
    assert set(Payment.objects.filter(order__in=unsent).values_list("state", flat=True)) == {"refunded"}
    hanging.release("carrier")
    for order in stuck:
        if order not in unsent:
            ends(order, Status.COMPLETED)


class Unmade:
    """A partner whose adapter cannot be made while it is away: it is not known what it can do."""

    away = True

    def __init__(self) -> None:
        if Unmade.away:
            raise OutsideUnavailableError("no connection yet")


class UnmadeGateway(Unmade, SandboxGateway):
    """Such a gateway."""


class UnmadeCarrier(Unmade, SandboxCarrier):
    """Such a carrier."""


@pytest.mark.parametrize("setting", ["PAYMENT_GATEWAY", "CARRIER"])
def test_cancel_does_not_wait_for_an_adapter_that_cannot_be_made(
    shop: Shop, settings: Settings, setting: str
) -> None:
    """Nothing was sent, so nothing has to be asked: the charge is withdrawn, no label is voided."""
    before = shop.stock()
    setattr(settings, setting, f"{__name__}.{'UnmadeCarrier' if setting == 'CARRIER' else 'UnmadeGateway'}")
    Unmade.away = True
    orders = [shop.place(EAST_ONLY, SOUTH_ONLY) for _ in range(2)]
    for order in orders:
        reaches(order, Status.AWAITING_PAYMENT)
        shop.pay(order)
    eventually(lambda: all_of(was_tried, orders), what="a step that cannot ask its partner")
    unwanted, kept = orders
    services.cancel_order(actor=shop.seller_actor, order_id=unwanted.pk)
    ends(unwanted, Status.CANCELLED, within=SOON)
    Unmade.away = False
    ends(kept, Status.COMPLETED)
    assert not OrderEvent.objects.filter(kind="parked").exists()
    assert disagreements(shop, before, *orders) == []


def test_reconcile_ends_although_the_gateway_hangs(shop: Shop, settings: Settings) -> None:
    orders = waiting(shop, settings.OUTSIDE_CALLS + 2)
    payments = [shop.pay(order, hanging.HANG) for order in orders]
    eventually(lambda: GATEWAY_PORT.left_behind == settings.OUTSIDE_CALLS, what="a gateway that hangs")
    answer = run("reconcile", "--grace", "0")
    assert answer.code == 1
    unknown = {one["key"] for one in answer.data["findings"] if one["state"] == "unknown"}
    assert unknown == set(map(str, payments))
    hanging.release("gateway")
    for order in orders:
        ends(order, Status.COMPLETED)


@pytest.mark.pure
def test_busy_is_no_try_and_says_when_to_come_again() -> None:
    busy = PortBusyError("carrier is busy with 3 steps", retry_after=1.5)
    translated = interceptors._translated(busy, attempt=2 * ATTEMPTS, tries=2 * ATTEMPTS)
    assert isinstance(translated, ApplicationError)
    assert (translated.type, translated.non_retryable) == (BUSY, False)
    assert translated.next_retry_delay is not None
    assert translated.next_retry_delay.total_seconds() == 1.5


@pytest.mark.pure
@pytest.mark.parametrize("policy", [OUTSIDE_CALL, COMPENSATION])
def test_step_gives_its_calls_up_before_temporal_gives_up_the_step(policy: object) -> None:
    """The longest that OUTSIDE_SECONDS may be, and a few seconds for the rows before and after."""
    assert policy.start_to_close_timeout.total_seconds() >= 10 + 5  # type: ignore[attr-defined]
