"""`manage.py workflow` and `manage.py domains` as somebody at a terminal sees them."""

import io
import json
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from holo.stack.ports import free_port
from holo.stack.temporal_server import TemporalServer
from tests.live import eventually
from tests.workflows.pizza import EXAMPLE, OUT_OF_REACH, pizza_data
from tests.workflows.serving import serving
from workflows.hello.domain import DOMAIN as HELLO
from workflows.pizza.domain import DOMAIN as PIZZA
from workflows.pizza.models import Order
from workflows.runtime import client
from workflows.runtime.errors import TemporalUnavailableError
from workflows.runtime.inputs import place_of


@pytest.fixture
def workers(temporal: TemporalServer, fresh_database: str, settings: Settings) -> Iterator[None]:
    """Temporal, PostgreSQL, and a worker for each of the two domains."""
    settings.ENABLE_DOMAINS, settings.TASK_QUEUES = ["orders", "hello", "pizza"], {}
    client.close()
    with serving(HELLO), serving(PIZZA):
        yield
    client.close()


def run(*words: str, stdin: str | None = None) -> tuple[str, int, str]:
    """Run a command; return what it printed, its exit code, and its complaint or warning."""
    out, err, before = StringIO(), StringIO(), sys.stdin
    if stdin is not None:
        sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()))
    try:
        call_command(*words, stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue(), error.returncode, err.getvalue() + str(error)
    except SystemExit as end:
        return out.getvalue(), int(end.code or 0), err.getvalue()
    finally:
        sys.stdin = before
    return out.getvalue(), 0, err.getvalue()


def fresh_order(**changed: Any) -> str:
    return json.dumps(pizza_data(order_id=f"order-{uuid4().hex[:12]}", **changed))


def id_of(order: str) -> str:
    return f"pizza-{json.loads(order)['order_id']}"


# --- start -------------------------------------------------------------------------------------------


def test_shipped_example_prints_its_steps_and_the_receipt(workers: None) -> None:
    text, code, complaint = run("workflow", "start", "pizza", "--input", str(EXAMPLE))
    assert (code, complaint) == (0, "")
    lines = text.splitlines()
    assert lines[0] == "pizza-order-1001"
    names = [line.split()[3] for line in lines[1:] if " s  " in line]
    assert names == [
        "workflow",
        "calculate_bill",
        "charge_payment",
        "timer",
        "schedule_delivery",
        "record_outcome",
        "notify_customer",
        "workflow",
    ]
    for word in ("COMPLETED", "Bon appetit!", "40.00 CNY", "1 Rue de la Paix, 75002 Paris"):
        assert word in text
    again, code, _ = run("workflow", "start", "pizza", "--input", str(EXAMPLE))
    assert code == 0
    assert again.splitlines()[0] == "pizza-order-1001 has run already; this is what it did"
    assert again.splitlines()[1:] == lines[1:]


def test_any_domain_starts_from_stdin_and_answers_in_json(workers: None) -> None:
    text, code, _ = run("workflow", "start", "hello", "--input", "-", "--json", stdin='{"name": "you"}')
    assert code == 0
    told = json.loads(text)
    assert (told["status"], told["result"]) == ("completed", "Hello, you!")
    assert [step["name"] for step in told["steps"]] == ["workflow", "compose_greeting", "workflow"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"card": "tok_declined"}, "DECLINED"), ({"delivery_address": OUT_OF_REACH}, "UNDELIVERABLE")],
)
def test_order_that_does_not_come_about_is_a_receipt_too(
    workers: None, changed: dict[str, Any], status: str
) -> None:
    text, code, _ = run("workflow", "start", "pizza", "--input", "-", "--json", stdin=fresh_order(**changed))
    told = json.loads(text)
    assert (code, told["status"], told["result"]["status"]) == (0, "completed", status)
    assert ("refund_payment" in [step["name"] for step in told["steps"]]) == (status == "UNDELIVERABLE")


def test_run_is_left_listed_shown_signalled_and_cancelled(workers: None) -> None:
    orders = [fresh_order(baking_seconds=3600) for _ in range(2)]
    for order in orders:
        text, code, _ = run("workflow", "start", "pizza", "--input", "-", "--no-wait", "--json", stdin=order)
        assert (code, json.loads(text)) == (0, {"workflow_id": id_of(order), "started": True})
    first, second = map(id_of, orders)
    _, code, complaint = run("workflow", "start", "pizza", "--input", "-", "--timeout", "1", stdin=orders[0])
    assert (code, complaint) == (1, f"{first} still runs after 1 s; see `manage.py workflow show {first}`")
    assert run("workflow", "show", first)[0].endswith("still running\n")
    assert run("workflow", "signal", first, "cancl")[1:] == (
        2,
        "PizzaOrderWorkflow takes no signal cancl; there are: cancel, retry",
    )
    assert run("workflow", "signal", first, "cancel")[:2] == (f"sent cancel to {first}\n", 0)
    assert run("workflow", "cancel", second)[:2] == (f"asked {second} to cancel itself\n", 0)
    for order in orders:
        text, code, _ = run("workflow", "start", "pizza", "--input", "-", "--json", stdin=order)
        assert (code, json.loads(text)["result"]["status"]) == (0, "CANCELLED")
    _, code, complaint = run("workflow", "cancel", second)
    assert (code, complaint) == (1, f"Temporal knows no run of {second}, or it has ended")
    eventually(lambda: second in run("workflow", "list", "--domain", "pizza")[0], what="the listing")
    assert second not in run("workflow", "list", "--domain", "hello")[0]
    # Other tests leave failed runs in the same namespace.
    failed = run("workflow", "list", "--status", "failed", "--json")[0]
    assert not [workflow_id for workflow_id in (first, second) if workflow_id in failed]


def test_failed_workflow_exits_1_with_its_reason(workers: None) -> None:
    workflow_id = f"hello-{uuid4()}"
    client.start_workflow(
        workflow="GreetingWorkflow", workflow_id=workflow_id, task_queue="hello", input={"name": ""}
    )
    eventually(lambda: "(malformed_payload)" in run("workflow", "show", workflow_id)[0], what="the failure")
    _, code, complaint = run("workflow", "show", workflow_id)
    assert (code, complaint) == (1, f"{workflow_id} ended as failed")


def test_queue_without_a_worker_is_told_of(temporal: TemporalServer, settings: Settings) -> None:
    settings.TASK_QUEUES = {"hello": f"hello-{uuid4()}"}
    client.close()
    words = ("workflow", "start", "hello", "--input", "-", "--no-wait")
    text, code, complaint = run(*words, stdin='{"name": "x"}')
    client.terminate_workflow(workflow_id=text.strip(), reason="end of test")
    client.close()
    assert code == 0
    assert f"no worker serves the queue {settings.TASK_QUEUES['hello']}" in complaint
    assert "run_worker --domain hello" in complaint


# --- What does not fit -------------------------------------------------------------------------------


@pytest.mark.pure
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"order_id": "x",\n oops}', ":2:2: Expecting property name"),
        ("", ": the body must be a JSON object, not empty"),
        ("[]", ": the body must be a JSON object"),
        ('{"order_id": "a", "order_id": "b"}', "order_id"),
        ("{}", ":1:1: /order_id: Field required; and 3 more"),
        (
            json.dumps(pizza_data(items=[{"flavor": "x", "size": "XL", "quantity": 1}]), indent=1),
            ":7:12: /items/0/size: Input should be 'S', 'M' or 'L'",
        ),
        (json.dumps(pizza_data(discount=1), indent=1), ": /discount: Extra inputs are not permitted"),
    ],
)
def test_input_that_does_not_fit_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "order.json"
    file.write_text(text)
    _, code, complaint = run("workflow", "start", "pizza", "--input", str(file))
    assert code == 2
    assert complaint.startswith(str(file))
    assert says in complaint
    assert "\n" not in complaint


@pytest.mark.pure
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("start", "pizza", "--input", "/nowhere/x.json"), "/nowhere/x.json: No such file or directory"),
        (("start", "pizza", "--input", "/"), "/: Is a directory"),
        (("start", "pasta", "--input", "-"), "no workflow pasta to start by hand; there are: hello, pizza"),
        (("start", "orders", "--input", "-"), "the domain orders starts its workflows itself"),
        (("start", "pizza", "--input", "-", "--timeout", "0"), "--timeout is more than 0 seconds"),
        (("start", "pizza", "--input", "-", "--timeout", "nan"), "--timeout is more than 0 seconds"),
        (("list", "--limit", "0"), "--limit is 1 to 1000"),
        (("list", "--domain", "pasta"), "domain pasta is not enabled"),
    ],
)
def test_wrong_words_exit_2_with_what_is_allowed(words: tuple[str, ...], says: str) -> None:
    _, code, complaint = run("workflow", *words, stdin="{}")
    assert code == 2
    assert says in complaint


@pytest.mark.pure
@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (1, 1)),
        (("a",), (1, 7)),
        (("b", 1, "c"), (2, 17)),
        (("b", 5), (2, 6)),
        (("missing",), (1, 1)),
        (("a", "deeper"), (1, 7)),
    ],
)
def test_place_of_a_value_is_found(path: tuple[str | int, ...], place: tuple[int, int]) -> None:
    assert place_of('{"a": 1,\n"b": [{}, {"c": "}]"}]}', path) == place


def test_temporal_that_is_away_is_one_line(settings: Settings, fresh_database: str) -> None:
    settings.TEMPORAL_ADDRESS = f"127.0.0.1:{free_port()}"
    client.close()
    for words in (("start", "pizza", "--input", str(EXAMPLE)), ("list",), ("show", "x"), ("cancel", "x")):
        with pytest.raises(TemporalUnavailableError, match="no Temporal at"):
            run("workflow", *words)
    client.close()
    assert not Order.objects.exists()


# --- domains -----------------------------------------------------------------------------------------


@pytest.mark.pure
def test_domains_are_listed_with_their_queues(settings: Settings) -> None:
    settings.TASK_QUEUES = {"hello": "greetings"}
    rows = {row["name"]: row for row in json.loads(run("domains", "list", "--json")[0])}
    assert rows["hello"]["queue"] == "greetings"
    assert (rows["pizza"]["starts"], rows["pizza"]["app"], rows["orders"]["app"]) == (["pizza"], True, False)
    text, code, _ = run("domains", "list")
    assert code == 0
    assert "workflow start pizza" in text
    assert run("domains", "check")[:2] == (
        "ok       orders\nok       users\nok       hello\nok       pizza\n",
        0,
    )
