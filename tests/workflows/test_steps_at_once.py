"""Charge, label and handover in one activity: what is seen of it, and that each happens once."""

import signal
import time
from collections.abc import Awaitable, Callable

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from orders import services
from orders.models import Order, SandboxCharge
from orders.states import Status
from tests.branches import payloads_of
from tests.live import Live, ends, eventually, worker_process
from tests.stories import EAST_ONLY, MAC, PHONE, SOUTH_ONLY, Shop, build_shop
from tests.workflows.payloads import history_of
from workflows.orders.contracts import Activity, order_workflow_id
from workflows.runtime import client, heartbeats
from workflows.runtime.errors import WorkflowNotFoundError


@pytest.fixture
def shop(live: Live) -> Shop:
    return build_shop()


def activities_of(order: Order) -> list[str]:
    """Return the names of the activities that the order's run has asked Temporal for, in order."""
    events = history_of(order_workflow_id(order.pk)).events
    return [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]


def answered(call: Callable[[Client], Awaitable[str]]) -> str:
    """Return what the run of an order answers, or nothing while it has none."""
    try:
        return client.call(call)
    except WorkflowNotFoundError:
        return ""


def heartbeat_of(order: Order) -> str:
    """Return the details of the latest heartbeat of what the order's run waits for."""

    async def read(temporal: Client) -> str:
        found = await temporal.get_workflow_handle(order_workflow_id(order.pk)).describe()
        pending = found.raw_description.pending_activities
        return "".join(payload.data.decode() for one in pending for payload in one.heartbeat_details.payloads)

    return answered(read)


def position_of(order: Order) -> str:
    """Return where the order's run says it is."""

    async def ask(temporal: Client) -> str:
        return str(await temporal.get_workflow_handle(order_workflow_id(order.pk)).query("position"))

    return answered(ask)


def test_order_of_one_parcel_takes_one_activity(shop: Shop) -> None:
    order = shop.place(PHONE, payment_token="tok_ok")
    ends(order, Status.COMPLETED)
    assert activities_of(order) == [Activity.ADVANCE_ORDER]
    kinds = set(order.events.values_list("kind", flat=True))
    assert {"payment_captured", "shipment_ready", "shipment_handed_over", "completed"} <= kinds


def test_parcels_of_several_warehouses_are_labelled_beside_each_other_and_leave_in_one_activity(
    shop: Shop,
) -> None:
    order = shop.place(EAST_ONLY, SOUTH_ONLY, payment_token="tok_ok")
    ends(order, Status.COMPLETED)
    # The other label is made by the child.
    assert activities_of(order) == [Activity.ADVANCE_ORDER, Activity.CREATE_LABEL, Activity.ADVANCE_ORDER]


def test_declined_payment_waits_for_the_next_one(shop: Shop) -> None:
    order = shop.place(PHONE, payment_token="tok_declined")
    eventually(lambda: order.payments.filter(state="declined").exists(), what="the decline")
    shop.pay(order)
    ends(order, Status.COMPLETED)
    assert activities_of(order) == [Activity.ADVANCE_ORDER] * 2


def test_step_under_way_is_shown(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "EVERY_SECONDS", 0.1)
    order = shop.place(PHONE, payment_token="tok_slow")
    eventually(lambda: Activity.CHARGE_PAYMENT in heartbeat_of(order), what="a heartbeat that names the step")
    assert position_of(order) == "fulfilling"
    ends(order, Status.COMPLETED)


def test_many_short_calls_send_heartbeats_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporal misses an activity by the time since its last heartbeat, however many calls it has made."""
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr(heartbeats, "EVERY_SECONDS", 0.5)
    monkeypatch.setattr("temporalio.activity.heartbeat", lambda *details: told.append(details))
    with heartbeats.heartbeats() as begin:
        for number in range(60):
            begin(f"call {number}")
            time.sleep(0.05)
    assert len(told) >= 2
    assert {attempts for attempts, _name in told} == {0}


def test_order_that_is_cancelled_during_its_charge_gets_no_label(shop: Shop) -> None:
    order = shop.place(PHONE, payment_token="tok_slow")
    eventually(
        lambda: SandboxCharge.objects.filter(pk=str(order.payments.get().pk)).exists(), what="a charge"
    )
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    ends(order, Status.CANCELLED)
    assert not order.shipments.filter(submitted_at__isnull=False).exists()
    assert shop.stock()[PHONE] == (10, 0)


def test_payment_before_the_decision_is_charged_after_it_in_the_same_run(shop: Shop) -> None:
    order = shop.place(MAC)
    shop.pay(order)
    eventually(lambda: position_of(order) == "waiting for approval", what="the wait")
    assert order.payments.get().state == "requested"
    services.cancel_order(actor=shop.seller_actor, order_id=order.pk)
    ends(order, Status.CANCELLED)
    assert order.payments.get().state == "withdrawn"
    assert "advance_order" not in payloads_of(client.fetch_history(workflow_id=order_workflow_id(order.pk)))


def test_two_workers_and_slow_charges_capture_each_order_once(live_relay: Live) -> None:
    shop = build_shop(stock=50)
    before = set(SandboxCharge.objects.values_list("pk", flat=True))
    orders = [shop.place(PHONE, payment_token="tok_slow") for _ in range(10)]
    with worker_process() as first, worker_process() as second:
        for order in orders:
            ends(order, Status.COMPLETED)
        for process in (first, second):
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    charges = SandboxCharge.objects.exclude(pk__in=before)
    assert list(charges.values_list("captures", flat=True)) == [1] * 10
    assert shop.stock()[PHONE] == (40, 0)
