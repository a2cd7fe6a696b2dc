"""The worked example: its rules, its two sets of adapters, and its process on the real Temporal server."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError
from pydantic import ValidationError

from holo.stack.temporal_server import TemporalServer
from tests.branches import payloads_of
from tests.live import eventually
from tests.workflows.pizza import OUT_OF_REACH, QUEUE, Kitchen, open_kitchen, pizza_order, position
from workflows.pizza import usecases
from workflows.pizza.adapters.database import database_ports
from workflows.pizza.adapters.memory import (
    MemoryNotifications,
    memory_ports,
)
from workflows.pizza.contracts import Bill, OrderRef, Status, pizza_workflow_id
from workflows.pizza.domain import pizza_domain
from workflows.pizza.models import Charge, Order
from workflows.pizza.ports import OrderDiffersError, OrderUnknownError, Ports
from workflows.pizza.workflow import PizzaOrderWorkflow
from workflows.runtime import client
from workflows.runtime.registry import StartRefusedError

PATIENCE = timedelta(seconds=60)


# --- Rules -------------------------------------------------------------------------------------------


@pytest.mark.pure
@pytest.mark.parametrize(
    ("items", "vip", "total"),
    [
        ([("S", 1)], False, 1000),
        ([("M", 1)], False, 1500),
        ([("L", 1)], False, 2000),
        ([("S", 3), ("M", 2), ("L", 1)], False, 8000),
        ([("S", 1)], True, 800),
        ([("S", 3), ("M", 2), ("L", 1)], True, 6400),
    ],
)
def test_bill_is_by_size_and_quantity_with_a_fifth_off_for_vips(
    items: list[tuple[str, int]], vip: bool, total: int
) -> None:
    rows = [{"flavor": "Margherita", "size": size, "quantity": quantity} for size, quantity in items]
    bill = usecases.calculate_bill(pizza_order(items=rows, is_vip=vip))
    assert bill == Bill(total_minor=total, currency="CNY")


@pytest.mark.pure
@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"items": [{"flavor": "x", "size": "XL", "quantity": 1}]}, ("items", 0, "size")),
        ({"items": [{"flavor": "x", "size": "s", "quantity": 1}]}, ("items", 0, "size")),
        ({"items": [{"flavor": "x", "size": "S", "quantity": 0}]}, ("items", 0, "quantity")),
        ({"items": [{"flavor": "x", "size": "S", "quantity": -1}]}, ("items", 0, "quantity")),
        ({"items": [{"flavor": "x", "size": "S", "quantity": "2"}]}, ("items", 0, "quantity")),
        ({"items": []}, ("items",)),
        ({"order_id": "a/b"}, ("order_id",)),
        ({"discount": 50}, ("discount",)),
    ],
)
def test_order_that_makes_no_sense_is_refused(changed: dict[str, object], place: tuple[object, ...]) -> None:
    with pytest.raises(ValidationError) as raised:
        pizza_order(**changed)
    assert raised.value.errors()[0]["loc"] == place


@pytest.mark.pure
def test_receipt_says_where_only_if_it_was_delivered() -> None:
    order, bill = pizza_order(), Bill(total_minor=4005, currency="CNY")
    delivered = usecases.make_receipt(order, status=Status.COMPLETED, bill=bill)
    assert (delivered.delivered_to, delivered.total) == ("1 Rue de la Paix, 75002 Paris", "40.05 CNY")
    assert usecases.make_receipt(order, status=Status.DECLINED, bill=bill).delivered_to is None


# --- Adapters: memory and rows keep the same promises ------------------------------------------------


@pytest.fixture(params=["memory", "database"])
def ports(request: pytest.FixtureRequest, fresh_database: str) -> Ports:
    return memory_ports() if request.param == "memory" else database_ports()


def test_order_is_kept_once_and_another_one_of_its_id_is_refused(ports: Ports) -> None:
    repository = ports.repository
    repository.save_order(pizza_order())
    repository.save_order(pizza_order())
    with pytest.raises(OrderDiffersError, match="order-1001"):
        repository.save_order(pizza_order(is_vip=False))
    assert repository.get_order("order-1001") == pizza_order()
    with pytest.raises(OrderUnknownError):
        repository.get_order("order-2")
    bill = Bill(total_minor=1, currency="CNY")
    repository.record_bill("order-1001", bill)
    assert repository.get_receipt("order-1001").status is Status.RECEIVED
    repository.record_outcome("order-1001", Status.COMPLETED, "")
    assert repository.get_receipt("order-1001") == usecases.make_receipt(
        pizza_order(), status=Status.COMPLETED, bill=bill
    )


def test_key_charges_once_and_never_after_its_refund(ports: Ports) -> None:
    bill, payments = Bill(total_minor=100, currency="CNY"), ports.payments
    assert payments.charge(key="a", card="tok_ok", bill=bill)
    assert payments.charge(key="a", card="tok_ok", bill=bill)
    payments.refund(key="a")
    payments.refund(key="a")
    assert not payments.charge(key="a", card="tok_ok", bill=bill)
    assert not payments.charge(key="b", card="tok_declined", bill=bill)
    assert not payments.charge(key="b", card="tok_ok", bill=bill)
    payments.refund(key="never-charged")
    assert not payments.charge(key="never-charged", card="tok_ok", bill=bill)


def test_delivery_and_message_happen_once(ports: Ports) -> None:
    address = pizza_order().delivery_address
    assert ports.delivery.schedule_delivery(key="a", address=address)
    assert ports.delivery.schedule_delivery(key="a", address=address)
    away = pizza_order(delivery_address=OUT_OF_REACH).delivery_address
    assert not ports.delivery.schedule_delivery(key="b", address=away)
    receipt = usecases.make_receipt(pizza_order(), status=Status.DECLINED, bill=None)
    ports.notifications.send(key="a", receipt=receipt)
    ports.notifications.send(key="a", receipt=receipt)


def test_rows_without_sense_are_refused_by_the_database(fresh_database: str) -> None:
    with pytest.raises(IntegrityError, match="pizza_order_known_status"):
        Order.objects.create(order_id="x", document={}, status="EATEN")
    with pytest.raises(IntegrityError, match="pizza_order_whole_bill"):
        Order.objects.create(order_id="x", document={}, total_minor=5)
    with pytest.raises(IntegrityError, match="pizza_charge_amount"):
        Charge.objects.create(key="x", amount_minor=0, state="captured")


# --- The process -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def oven(temporal: TemporalServer) -> Iterator[Kitchen]:
    client.close()
    with open_kitchen() as kitchen:
        yield kitchen
    client.close()


@pytest.fixture
def kitchen(oven: Kitchen) -> Kitchen:
    oven.failing.clear()
    return oven


def test_order_is_billed_charged_delivered_and_told(kitchen: Kitchen) -> None:
    workflow_id = kitchen.start()
    assert kitchen.outcome(workflow_id).status is Status.COMPLETED
    receipt = kitchen.receipt(workflow_id)
    assert (receipt.total, receipt.delivered_to) == ("40.00 CNY", "1 Rue de la Paix, 75002 Paris")
    assert kitchen.payments.states[workflow_id] == "captured"
    assert isinstance(kitchen.ports.notifications, MemoryNotifications)
    assert kitchen.ports.notifications.sent[workflow_id] == receipt


def test_declined_payment_ends_with_a_result(kitchen: Kitchen) -> None:
    workflow_id = kitchen.start(card="tok_declined")
    assert kitchen.outcome(workflow_id).status is Status.DECLINED
    assert kitchen.payments.states[workflow_id] == "declined"
    assert "refund_payment" not in client.fetch_history(workflow_id=workflow_id)


def test_refused_delivery_is_paid_back(kitchen: Kitchen) -> None:
    workflow_id = kitchen.start(delivery_address=OUT_OF_REACH)
    assert kitchen.outcome(workflow_id).status is Status.UNDELIVERABLE
    assert kitchen.payments.states[workflow_id] == "refunded"


@pytest.mark.parametrize("by_temporal", [False, True])
def test_cancel_while_baking_is_paid_back(kitchen: Kitchen, by_temporal: bool) -> None:
    workflow_id = kitchen.start(baking_seconds=3600)
    eventually(lambda: position(workflow_id) == "baking", what="the oven")
    if by_temporal:
        client.cancel_workflow(workflow_id=workflow_id)
    else:
        client.signal_workflow(workflow_id=workflow_id, signal="cancel")
    assert kitchen.outcome(workflow_id).status is Status.CANCELLED
    assert kitchen.payments.states[workflow_id] == "refunded"
    assert kitchen.receipt(workflow_id).delivered_to is None


def test_lost_answer_of_the_gateway_charges_once(kitchen: Kitchen) -> None:
    before = kitchen.payments.captures
    kitchen.failing["charge"] = 2
    workflow_id = kitchen.start()
    assert kitchen.outcome(workflow_id).status is Status.COMPLETED
    assert kitchen.payments.captures == before + 1


@pytest.mark.parametrize("answer", [None, "declined", 0, object()], ids=["none", "text", "number", "object"])
def test_answer_that_is_neither_yes_nor_no_is_asked_for_again(kitchen: Kitchen, answer: object) -> None:
    """Taken for a no, the charge would be kept; as what it is, no process could read it."""
    before = kitchen.payments.captures
    kitchen.odd[:] = [answer] * 2
    workflow_id = kitchen.start()
    assert kitchen.outcome(workflow_id).status is Status.COMPLETED
    assert kitchen.payments.captures == before + 1


def test_charge_whose_answer_is_never_known_is_paid_back(kitchen: Kitchen) -> None:
    kitchen.odd[:] = ["declined"] * 6
    workflow_id = kitchen.start()
    outcome = kitchen.outcome(workflow_id)
    assert (outcome.status, outcome.detail) == (Status.FAILED, "charge_payment: TypeError")
    assert kitchen.payments.states[workflow_id] == "refunded"


def test_refund_that_keeps_failing_waits_for_a_person(kitchen: Kitchen) -> None:
    kitchen.failing["refund"] = 6
    workflow_id = kitchen.start(delivery_address=OUT_OF_REACH)
    eventually(lambda: position(workflow_id) == "waiting for retry", within=30, what="the wait")
    assert kitchen.receipt(workflow_id).status is Status.NEEDS_ATTENTION
    assert kitchen.payments.states[workflow_id] == "captured"
    client.signal_workflow(workflow_id=workflow_id, signal="retry")
    assert kitchen.outcome(workflow_id).status is Status.UNDELIVERABLE
    assert kitchen.payments.states[workflow_id] == "refunded"


def test_message_that_does_not_go_out_changes_nothing(kitchen: Kitchen) -> None:
    kitchen.failing["send"] = 6
    workflow_id = kitchen.start()
    assert kitchen.outcome(workflow_id).status is Status.COMPLETED
    assert kitchen.receipt(workflow_id).status is Status.COMPLETED


def test_order_that_is_not_kept_ends_as_failed(kitchen: Kitchen) -> None:
    workflow_id = pizza_workflow_id(f"lost-{uuid4().hex[:12]}")
    client.start_workflow(
        workflow=PizzaOrderWorkflow,
        workflow_id=workflow_id,
        task_queue=QUEUE,
        input=OrderRef(order_id=workflow_id.removeprefix("pizza-")),
    )
    outcome = kitchen.outcome(workflow_id)
    assert (outcome.status, outcome.detail) == (Status.FAILED, "calculate_bill: pizza.order_unknown")


def test_history_holds_no_name_and_no_address(kitchen: Kitchen) -> None:
    workflow_id = kitchen.start(customer_name="Roberta Canary")
    kitchen.outcome(workflow_id)
    history = payloads_of(client.fetch_history(workflow_id=workflow_id))
    assert workflow_id.removeprefix("pizza-") in history
    for word in ("Roberta", "Canary", "Rue de la Paix", "75002", "tok_ok"):
        assert word not in history
    assert word not in workflow_id


def test_other_content_under_the_same_id_is_refused(fresh_database: str) -> None:
    begin = pizza_domain(database_ports()).starts["pizza"].begin
    assert begin is not None
    begin(pizza_order())
    with pytest.raises(StartRefusedError, match="order-1001 exists"):
        begin(pizza_order(is_vip=False))
