"""The judge of the scenarios: what must not pass does not."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from orders.demo.answers import Entry
from orders.demo.client import ApiClient
from orders.demo.order_run import Outcome, Stage, play
from orders.demo.scenarios import SCENARIOS
from tests.demo.scripted_api import Reply, scripted_api

pytestmark = pytest.mark.pure
ORDER = "/api/v1/orders/0198"
A1 = next(scenario for scenario in SCENARIOS if scenario.key == "A1")


class Listener:
    """Remembers what was told."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.actions: list[str] = []

    def tell_entry(self, entry: Entry, seconds: float) -> None:
        """Remember an entry of the timeline."""
        self.kinds.append(entry.kind)

    def tell_action(self, text: str, seconds: float) -> None:
        """Remember an action."""
        self.actions.append(text)


def order(status: str, version: int, **more: Any) -> Reply:
    """Return the answer of `GET /orders/{id}`."""
    total = {"amount": "500.00", "currency": "CNY"}
    return Reply(
        body={
            "id": "0198", "number": "SO-1", "status": status, "version": version, "total": total, **more
        }
    )  # fmt: skip


def timeline(*statuses: str) -> Reply:
    """Return a timeline that went through statuses."""
    rows = [
        {"kind": f"to_{status}", "from_status": before, "to_status": status, "by": "system", "data": {}}
        for before, status in zip(("", *statuses), statuses, strict=False)
    ]
    return Reply(body={"results": rows, "next": None})


def stock(on_hand: int, reserved: int = 0) -> Reply:
    """Return the stock of one shelf."""
    row = {"sku": "iPhone15", "warehouse": "SHA", "on_hand": on_hand, "reserved": reserved}
    return Reply(body={"results": [row], "next": None})


COMPLETED = {
    "payments": [{"state": "captured"}],
    "shipments": [
        {
            "warehouse": "SHA",
            "state": "handed_over",
            "tracking_number": "HX1",
            "lines": [{"sku": "iPhone15", "quantity": 1}],
        }
    ],
}


def played(
    *, stocks: Sequence[Reply], ended: Reply, waiting: Reply | None = None, pay: Reply | None = None
) -> tuple[Outcome, Listener]:
    """Play A1 against a script."""
    listener = Listener()
    placed = order("placed", 1).body
    replies: Mapping[str, Sequence[Reply]] = {
        "GET /api/v1/stock": stocks,
        "POST /api/v1/orders": [Reply(status=201, body=placed)],
        f"GET {ORDER}": [*[waiting or order("awaiting_payment", 2)] * 3, ended],
        f"GET {ORDER}/timeline": [
            timeline("placed", "awaiting_payment"),
            timeline("placed", "awaiting_payment", "fulfilling", ended.body["status"]),
        ],
        f"POST {ORDER}/pay": [pay or Reply(status=202)],
    }
    with scripted_api(replies) as api:
        client = ApiClient(base_url=api.url)
        stage = Stage(operator=client, approver=client, narrator=listener, run="t")
        return play(stage, A1), listener


def test_order_that_ends_as_it_must_is_good_and_told_step_by_step() -> None:
    outcome, listener = played(
        stocks=[stock(5), stock(5, 1), stock(4)], ended=order("completed", 9, **COMPLETED)
    )
    assert outcome.problems == ()
    assert outcome.path == A1.path
    assert outcome.stock == {"iPhone15": (5, 4)}
    assert listener.kinds == [f"to_{status}" for status in A1.path]
    assert listener.actions[0] == "POST /orders: iPhone15 → SO-1, ¥500.00"


@pytest.mark.parametrize("after", [stock(5), stock(3), stock(4, 1)], ids=["unsold", "sold twice", "held"])
def test_stock_that_differs_from_what_left_is_a_problem(after: Reply) -> None:
    outcome, _listener = played(
        stocks=[stock(5), stock(5, 1), after], ended=order("completed", 9, **COMPLETED)
    )
    assert [problem.what for problem in outcome.problems] == ["stock of iPhone15 in SHA"]


def test_nothing_reserved_while_it_waits_is_a_problem() -> None:
    outcome, _listener = played(stocks=[stock(5)], ended=order("completed", 9, **COMPLETED))
    (problem,) = outcome.problems
    assert (problem.expected, problem.actual) == ("1", "0")


def test_other_end_is_a_problem() -> None:
    ended = order("refunded", 9, status_reason="carrier_refused", payments=[{"state": "refunded"}])
    outcome, _listener = played(stocks=[stock(5), stock(5, 1), stock(5)], ended=ended)
    assert [problem.what for problem in outcome.problems] == [
        "path",
        "reason",
        "payments",
        "parcels that left",
        "pieces that left",
    ]


def test_order_that_needs_attention_fails_at_once() -> None:
    outcome, _listener = played(
        stocks=[stock(5)], waiting=order("needs_attention", 2), ended=order("completed", 9)
    )
    (problem,) = outcome.problems
    assert (problem.expected, problem.actual) == ("awaiting_payment", "needs_attention")


def test_refusal_of_the_api_is_a_problem_of_the_scenario() -> None:
    refusal = Reply(status=409, body={"code": "orders.not_payable", "detail": "no"})
    outcome, _listener = played(
        stocks=[stock(5), stock(5, 1)], pay=refusal, ended=order("completed", 9, **COMPLETED)
    )
    (problem,) = outcome.problems
    assert problem.actual == "HTTP 409 · orders.not_payable · no"
