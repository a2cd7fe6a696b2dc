"""Pizza orders for tests, and a kitchen that makes them on ports that fail when told to."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.client import Client

from tests.workflows.serving import serving
from workflows.pizza.adapters.memory import (
    MemoryDelivery,
    MemoryNotifications,
    MemoryPayments,
    MemoryRepository,
)
from workflows.pizza.contracts import Bill, Outcome, PizzaOrder, Receipt
from workflows.pizza.domain import pizza_domain
from workflows.pizza.ports import Ports
from workflows.pizza.workflow import PizzaOrderWorkflow
from workflows.runtime import client

PATIENCE = timedelta(seconds=60)
QUEUE = "pizza-test"
BASE = Path(__file__).resolve().parent.parent.parent
EXAMPLE = BASE / "workflows" / "pizza" / "example.json"
OUT_OF_REACH = {"street": "1 Road", "city": "Nowhere", "zip_code": "00000"}


def pizza_data(**changed: Any) -> dict[str, Any]:
    """Return the example that is shipped, without its baking time, with changes."""
    data: dict[str, Any] = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    return {**data, "baking_seconds": 0, **changed}


def pizza_order(**changed: Any) -> PizzaOrder:
    """Return it as a contract."""
    return PizzaOrder.model_validate(pizza_data(**changed))


@dataclass(slots=True)
class Kitchen:
    """The domain on ports in memory; what is named in `failing` fails so often."""

    ports: Ports
    failing: dict[str, int] = field(default_factory=dict)
    # What the gateway answers to a charge instead of the truth, as often as there are answers.
    odd: list[Any] = field(default_factory=list)

    def keep(self) -> PizzaOrder:
        """Keep an order without starting it."""
        order = pizza_order(order_id=f"order-{uuid4().hex[:12]}")
        self.ports.repository.save_order(order)
        return order

    def start(self, **changed: object) -> str:
        """Begin an order of a number of its own and return its workflow id."""
        order = pizza_order(order_id=f"order-{uuid4().hex[:12]}", **changed)
        start = pizza_domain(self.ports).starts["pizza"]
        assert start.begin is not None
        workflow_id = start.workflow_id(order)
        begun = start.begin(order)
        client.start_workflow(
            workflow=PizzaOrderWorkflow, workflow_id=workflow_id, task_queue=QUEUE, input=begun
        )
        return workflow_id

    def outcome(self, workflow_id: str) -> Outcome:
        """Wait for the end."""
        return client.workflow_result(workflow_id=workflow_id, result_type=Outcome, timeout=PATIENCE)

    def receipt(self, workflow_id: str) -> Receipt:
        """Return the receipt as of now."""
        return self.ports.repository.get_receipt(workflow_id.removeprefix("pizza-"))

    @property
    def payments(self) -> MemoryPayments:
        """The gateway's books."""
        assert isinstance(self.ports.payments, MemoryPayments)
        return self.ports.payments

    def fail(self, name: str) -> None:
        """Raise as often as was asked for."""
        if self.failing.get(name, 0):
            self.failing[name] -= 1
            raise ConnectionError(f"{name} does not answer")


class ShakyPayments(MemoryPayments):
    """A gateway whose answers get lost, after the effect for a charge."""

    fail: Callable[[str], None]
    odd: list[Any]

    def charge(self, *, key: str, card: str, bill: Bill) -> bool:
        """Charge, then answer or not."""
        charged = MemoryPayments.charge(self, key=key, card=card, bill=bill)
        self.fail("charge")
        return self.odd.pop() if self.odd else charged

    def refund(self, *, key: str) -> None:
        """Refund, or not."""
        self.fail("refund")
        MemoryPayments.refund(self, key=key)


class ShakyNotifications(MemoryNotifications):
    """Mail that does not go out."""

    fail: Callable[[str], None]

    def send(self, *, key: str, receipt: Receipt) -> None:
        """Send, or not."""
        self.fail("send")
        MemoryNotifications.send(self, key=key, receipt=receipt)


@contextmanager
def open_kitchen() -> Iterator[Kitchen]:
    """Serve the domain on shaky ports until the block ends."""
    payments, notifications = ShakyPayments(), ShakyNotifications()
    ports = Ports(
        repository=MemoryRepository(),
        payments=payments,
        delivery=MemoryDelivery(),
        notifications=notifications,
    )
    kitchen = Kitchen(ports=ports)
    payments.fail = notifications.fail = kitchen.fail
    payments.odd = kitchen.odd
    with serving(replace(pizza_domain(ports), task_queue=QUEUE)):
        yield kitchen


def position(workflow_id: str) -> str:
    """Ask a run which step it is at."""

    async def ask(connected: Client) -> str:
        return await connected.get_workflow_handle(workflow_id).query(PizzaOrderWorkflow.status)

    return client.call(ask)
