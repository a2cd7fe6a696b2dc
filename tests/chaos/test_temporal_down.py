"""Orders that arrive while there is no Temporal: each is answered, and starts once when it is back."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings
from temporalio.client import Client

from holo.stack.ports import free_port
from holo.stack.temporal_cli import require_temporal
from holo.stack.temporal_server import TemporalServer
from orders.models import Order
from orders.states import Status
from tests.live import eventually, run_status, running_relay, worker_process
from tests.proof import Proof, rounds
from tests.stories import PHONE, build_shop
from workflows.orders.contracts import order_workflow_id
from workflows.runtime import client

# Placed while Temporal is away.
ORDERS = rounds(200)
PATIENCE = 120.0


@pytest.fixture
def lasting_temporal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TemporalServer]:
    """A Temporal server that keeps its history when it is killed, and is the one that everybody uses."""
    server = TemporalServer(
        require_temporal().path,
        port=free_port(),
        ui_port=free_port(),
        log=tmp_path / "temporal.log",
        db_file=tmp_path / "temporal.db",
        namespace=settings.TEMPORAL_NAMESPACE,
    )
    monkeypatch.setattr(settings, "TEMPORAL_ADDRESS", server.address)
    monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
    client.close()
    server.start()
    server.wait_ready()
    try:
        yield server
    finally:
        client.close()
        server.stop()


@pytest.mark.prove
def test_orders_that_arrive_without_temporal_start_once_when_it_returns(
    lasting_temporal: TemporalServer, fresh_database: str, proof: Proof
) -> None:
    shop = build_shop(stock=10_000)
    with running_relay(), worker_process():
        first = shop.place(PHONE)
        eventually(lambda: run_status(first) == "RUNNING", within=PATIENCE, what="a run")
        lasting_temporal.stop()
        orders = [shop.place(PHONE) for _ in range(ORDERS)]
        # Placing needs no Temporal: the goods of all are held.
        assert Order.objects.filter(status=Status.AWAITING_PAYMENT).count() == ORDERS + 1
        lasting_temporal.start()
        lasting_temporal.wait_ready()
        for order in orders:
            eventually(partial(run_status, order), within=PATIENCE, what="the run")
        assert runs_of(orders) == [1] * ORDERS
        kinds = [order.events.filter(kind="stock_reserved").count() for order in orders]
        assert kinds == [1] * ORDERS
    proof.note(orders=ORDERS)


def runs_of(orders: list[Order]) -> list[int]:
    """Return how many runs Temporal knows of each order."""

    async def count(temporal: Client) -> list[int]:
        queries = [f"WorkflowId = '{order_workflow_id(order.pk)}'" for order in orders]
        return [(await temporal.count_workflows(query)).count for query in queries]

    return client.call(count, timeout=60)
