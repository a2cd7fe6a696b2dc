"""What the corpus holds of the domains beside orders: one history for each branch of their workflows."""

from collections.abc import Callable, Mapping
from uuid import uuid4

from temporalio.client import Client

from tests.live import eventually
from tests.workflows.pizza import OUT_OF_REACH, PATIENCE, QUEUE, Kitchen, position
from workflows.hello.contracts import Greeting
from workflows.hello.domain import DOMAIN as HELLO
from workflows.hello.workflow import GreetingWorkflow
from workflows.pizza.contracts import OrderRef
from workflows.pizza.domain import DOMAIN as PIZZA
from workflows.pizza.workflow import PizzaOrderWorkflow
from workflows.runtime import client
from workflows.runtime.registry import Domain
from workflows.users.domain import DOMAIN as USERS

# Plays a branch to its end and returns the workflow id.
Play = Callable[[Kitchen], str]


def _ended(kitchen: Kitchen, workflow_id: str) -> str:
    kitchen.outcome(workflow_id)
    return workflow_id


def _cancelled_at_once(kitchen: Kitchen) -> str:
    """The signal comes with the start, so it is there before the first step has ended."""
    ref = OrderRef(order_id=kitchen.keep().order_id)
    workflow_id = f"pizza-{ref.order_id}"

    async def start(connected: Client) -> None:
        await connected.start_workflow(
            PizzaOrderWorkflow.run, ref, id=workflow_id, task_queue=QUEUE, start_signal="cancel"
        )

    client.call(start)
    return _ended(kitchen, workflow_id)


def _cancelled_while_baking(kitchen: Kitchen, *, by_temporal: bool = False) -> str:
    workflow_id = kitchen.start(baking_seconds=3600)
    eventually(lambda: position(workflow_id) == "baking", what="the oven")
    if by_temporal:
        client.cancel_workflow(workflow_id=workflow_id)
    else:
        client.signal_workflow(workflow_id=workflow_id, signal="cancel")
    return _ended(kitchen, workflow_id)


def _refund_parked(kitchen: Kitchen) -> str:
    kitchen.failing["refund"] = 6
    workflow_id = kitchen.start(delivery_address=OUT_OF_REACH)
    eventually(lambda: position(workflow_id) == "waiting for retry", within=30, what="the wait")
    client.signal_workflow(workflow_id=workflow_id, signal="retry")
    return _ended(kitchen, workflow_id)


def _untold(kitchen: Kitchen) -> str:
    kitchen.failing["send"] = 6
    return _ended(kitchen, kitchen.start())


def _unknown(kitchen: Kitchen) -> str:
    order_id = f"lost-{uuid4().hex[:12]}"
    client.start_workflow(
        workflow=PizzaOrderWorkflow,
        workflow_id=f"pizza-{order_id}",
        task_queue=QUEUE,
        input=OrderRef(order_id=order_id),
    )
    return _ended(kitchen, f"pizza-{order_id}")


def _greeted(_kitchen: Kitchen) -> str:
    workflow_id = f"hello-{uuid4()}"
    client.start_workflow(
        workflow=GreetingWorkflow,
        workflow_id=workflow_id,
        task_queue=HELLO.task_queue,
        input=Greeting(name="world"),
    )
    client.workflow_result(workflow_id=workflow_id, result_type=str, timeout=PATIENCE)
    return workflow_id


DOMAINS: Mapping[str, Domain] = {"hello": HELLO, "pizza": PIZZA, "users": USERS}
# Those of users are in `tests/replay/users.py`.
BRANCHES: Mapping[str, Mapping[str, Play]] = {
    "hello": {"greeted": _greeted},
    "pizza": {
        "completed": lambda kitchen: _ended(kitchen, kitchen.start(baking_seconds=1)),
        "declined": lambda kitchen: _ended(kitchen, kitchen.start(card="tok_declined")),
        "undeliverable": lambda kitchen: _ended(kitchen, kitchen.start(delivery_address=OUT_OF_REACH)),
        "cancelled-at-once": _cancelled_at_once,
        "cancelled-while-baking": _cancelled_while_baking,
        "cancelled-in-temporal": lambda kitchen: _cancelled_while_baking(kitchen, by_temporal=True),
        "refund-parked": _refund_parked,
        "untold": _untold,
        "unknown": _unknown,
    },
}
