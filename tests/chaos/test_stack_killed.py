"""The whole stack killed at once, servers included, with orders in every wait; what was promised is kept."""

import json
import os
import signal
import time
import urllib.request
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from holo.identity.demo import DEMO_APPROVER, DEMO_OPERATOR
from holo.stack.env import read_file
from holo.stack.ports import LOOPBACK, ports_at
from holo.stack.temporal_server import DIRECT
from tests.live import eventually
from tests.proof import Proof, rounds
from tests.stack.conftest import Checkout, checkout

__all__ = ["checkout"]
# Waiting for payment when everything is killed. A worker with the sandbox on ends 17 of them a second.
ORDERS = rounds(100)
CHEAP, DEAR = "iPhone15", "MacPro"
# Seconds: long enough to place the orders, short enough to wait for.
DEADLINE = 12 + ORDERS // 8
# After `up` has everything running; the record says how long it took.
LIMIT = 60.0


@dataclass(frozen=True, slots=True)
class Shopper:
    """Somebody with a key, at the stack's own web process."""

    base: str
    key: str

    def call(self, path: str, body: object | None = None) -> tuple[int, Any]:
        """Send GET, or POST with a body; return status and JSON."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.base}{path}", data=data, headers=headers)
        with DIRECT.open(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())

    def place(self, sku: str, **sandbox: int) -> str:
        """Place an order; return its id."""
        status, order = self.call("/orders", {"items": [sku], "sandbox": sandbox})
        assert status == 201
        return str(order["id"])

    def status(self, order_id: str) -> str:
        """Return an order's status."""
        return str(self.call(f"/orders/{order_id}")[1]["status"])


@pytest.fixture
def stack(checkout: Checkout) -> Checkout:
    """The whole product with demo data, running."""
    checkout.extra["DEMO"] = "1"
    start(checkout)
    done = checkout.run("seed_demo")
    assert done.returncode == 0, done.stderr
    return checkout


def start(stack: Checkout) -> None:
    """Run `up` until everything answers."""
    stack.start("up")
    assert stack.says("  Admin  ", seconds=240), stack.output.read_text()


def shopper(stack: Checkout, email: str, *scopes: str) -> Shopper:
    """Return a person of the demo with a key."""
    done = stack.run("api_key", "create", "--user", email, "--scopes", *scopes)
    assert done.returncode == 0, done.stderr
    return Shopper(f"http://{LOOPBACK}:{ports_at(stack.offset).web}/api/v1", done.stdout.strip())


def kill(stack: Checkout, *, only: str = "", sign: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to every process of the stack whose command line holds `only`."""
    for pid, command in stack.leftovers().items():
        if only in command:
            os.kill(pid, sign)


def rows(stack: Checkout, sql: str) -> list[tuple[Any, ...]]:
    """Ask the stack's database."""
    with psycopg.connect(read_file(stack.run_dir / "env")["DATABASE_URL"]) as connection:
        return connection.execute(sql.encode()).fetchall()


@pytest.mark.prove
def test_stack_killed_deadlines_and_decisions_are_kept(stack: Checkout, proof: Proof) -> None:
    """Deadlines that pass while it is down end their orders at once; a decision answered 202 is applied."""
    operator = shopper(stack, DEMO_OPERATOR, "orders:read", "orders:write")
    approver = shopper(stack, DEMO_APPROVER, "orders:read", "orders:audit")
    decided = operator.place(DEAR)
    unpaid = [operator.place(CHEAP, payment_deadline_seconds=DEADLINE) for _ in range(ORDERS)]
    eventually(
        lambda: operator.status(decided) == "awaiting_approval", within=30, what="the order to decide about"
    )
    eventually(lambda: operator.status(unpaid[-1]) == "awaiting_payment", within=30, what="the last order")
    last_deadline = time.monotonic() + DEADLINE
    # Nobody is left to act on the decision before everything dies.
    kill(stack, only="run_relay", sign=signal.SIGSTOP)
    kill(stack, only="run_worker", sign=signal.SIGSTOP)
    answered, _ = approver.call(f"/orders/{decided}/audit", {"action": "APPROVE"})
    assert answered == 202
    kill(stack)
    eventually(lambda: not stack.leftovers(), within=60, what="the death of everything")
    time.sleep(max(0.0, last_deadline - time.monotonic()))
    start(stack)
    ready = time.monotonic()
    eventually(
        lambda: rows(stack, "SELECT count(*) FROM orders_order WHERE status = 'cancelled'") == [(ORDERS,)],
        within=LIMIT,
        what="the end of the unpaid orders",
    )
    held = "SELECT DISTINCT owner_id::text FROM inventory_reservation WHERE state = 'held'"
    assert rows(stack, held) == [(decided,)]
    cancelled_after = time.monotonic() - ready
    eventually(
        lambda: operator.status(decided) == "awaiting_payment", within=LIMIT, what="the decision applied"
    )
    assert rows(stack, "SELECT count(*) FROM approvals_approvaldecision") == [(1,)]
    proof.note(orders=ORDERS, decisions=1, seconds_until_cancelled=round(cancelled_after, 1))
