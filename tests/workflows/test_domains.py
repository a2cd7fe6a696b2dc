"""A domain is a plug-in: a folder and a setting bring it in, and nothing of the others comes along."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from pytest_django import Settings

from holo.domains import domain_apps, domain_queues, domain_urls
from holo.outbox.delivery import Delivery, Verdict, deliver, load_handlers
from holo.stack.temporal_server import TemporalServer
from tests.live import worker_process
from workflows.hello.contracts import Greeting
from workflows.hello.workflow import GreetingWorkflow
from workflows.pizza.contracts import OrderRef, Outcome, PizzaOrder, Status
from workflows.pizza.domain import DOMAIN as PIZZA
from workflows.pizza.workflow import PizzaOrderWorkflow
from workflows.runtime import client
from workflows.runtime.check import check_domains
from workflows.runtime.registry import Domain, enabled_domains

BASE = Path(__file__).resolve().parent.parent.parent
PATIENCE = timedelta(seconds=60)
SERVE_AND_TELL = """
import asyncio, json, sys
import django
django.setup()
from django.conf import settings
from holo.outbox.delivery import load_handlers
from workflows.hello.contracts import Greeting
from workflows.runtime import client
from workflows.runtime.registry import enabled_domains
from workflows.runtime.worker import run_workers

def greet():
    client.start_workflow(
        workflow="GreetingWorkflow", workflow_id=sys.argv[1], task_queue=settings.TASK_QUEUES["hello"],
        input=Greeting(name="you"),
    )
    from datetime import timedelta
    return client.workflow_result(workflow_id=sys.argv[1], result_type=str, timeout=timedelta(seconds=30))

async def main():
    stop = asyncio.Event()
    domains = enabled_domains(json.loads(sys.argv[2]))
    serving = asyncio.create_task(run_workers(domains, stop=stop))
    text = await asyncio.to_thread(greet)
    polled = {
        name: await asyncio.to_thread(client.has_workers, task_queue=queue)
        for name, queue in settings.TASK_QUEUES.items()
    }
    stop.set()
    await serving
    modules = sorted(name for name in sys.modules if name.startswith("workflows."))
    names = [one.name for one in domains]
    print(json.dumps({"text": text, "polled": polled, "modules": modules, "names": names}))

asyncio.run(main())
"""


@pytest.fixture
def queues(temporal: TemporalServer, settings: Settings) -> Iterator[dict[str, str]]:
    """Queues that no other test has served."""
    mark = uuid4().hex[:8]
    settings.TASK_QUEUES = {name: f"{name}-{mark}" for name in ("orders", "hello", "pizza")}
    client.close()
    yield settings.TASK_QUEUES
    client.close()


def setting(queues: dict[str, str]) -> str:
    return ",".join(f"{name}={queue}" for name, queue in queues.items())


# --- What a worker of one domain has to do with the others -------------------------------------------


@pytest.mark.parametrize(
    ("enabled", "chosen"), [("hello", None), ("orders,hello,pizza", ["hello"])], ids=["enabled", "chosen"]
)
def test_worker_of_one_domain_never_imports_or_polls_another(
    fresh_database: str, queues: dict[str, str], enabled: str, chosen: list[str] | None
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVE_AND_TELL, f"hello-{uuid4()}", json.dumps(chosen)],
        cwd=BASE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        | {"ENABLE_DOMAINS": enabled, "TASK_QUEUES": setting(queues), "WORKER_METRICS_PORT": "0"}
        | {"WORKER_METRICS_PORT": str(_port())},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["text"] == "Hello, you!"
    assert told["names"] == ["hello"]
    assert told["polled"] == {"orders": False, "hello": True, "pizza": False}
    assert "workflows.hello.workflow" in told["modules"]
    others = ("workflows.orders", "workflows.pizza.domain", "workflows.pizza.workflow")
    assert [name for name in told["modules"] if name.startswith(others)] == []


def _port() -> int:
    from tests.live import worker_port

    return worker_port()


def test_killed_worker_of_one_domain_leaves_the_other_working(
    fresh_database: str, queues: dict[str, str]
) -> None:
    order = PizzaOrder.model_validate(json.loads((BASE / "workflows/pizza/example.json").read_text()))
    begin = PIZZA.starts["pizza"].begin
    assert begin is not None
    begin(order)
    environment = {"TASK_QUEUES": setting(queues), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    pizza_id = f"pizza-{uuid4()}"
    with worker_process(environment, domain="hello"):
        with worker_process(environment, domain="pizza") as victim:
            assert _greeted(queues["hello"]) == "Hello, you!"
            client.start_workflow(
                workflow=PizzaOrderWorkflow,
                workflow_id=pizza_id,
                task_queue=queues["pizza"],
                input=OrderRef(order_id=order.order_id, baking_seconds=1),
            )
            victim.kill()
            victim.wait(60)
        assert _greeted(queues["hello"]) == "Hello, you!"
        with worker_process(environment, domain="pizza"):
            outcome = client.workflow_result(workflow_id=pizza_id, result_type=Outcome, timeout=PATIENCE)
    assert outcome.status is Status.COMPLETED


def _greeted(queue: str) -> str:
    workflow_id = f"hello-{uuid4()}"
    client.start_workflow(
        workflow=GreetingWorkflow, workflow_id=workflow_id, task_queue=queue, input=Greeting(name="you")
    )
    return client.workflow_result(workflow_id=workflow_id, result_type=str, timeout=PATIENCE)


def test_message_that_no_enabled_domain_takes_is_kept_as_a_dead_letter(settings: Settings) -> None:
    """Not delivered to nobody: the relay buries it with the reason, and the admin sends it again."""
    settings.ENABLE_DOMAINS = ["hello"]
    message = Delivery(
        id=1, topic="orders.order_placed", key="k", payload={}, organization_id=UUID(int=0), request_id=""
    )
    outcome = deliver(message, load_handlers())
    assert outcome.verdict is Verdict.PERMANENT
    assert "orders.order_placed" in outcome.error
    assert "ENABLE_DOMAINS" in outcome.error
    settings.ENABLE_DOMAINS = ["orders", "hello"]
    assert "orders.order_placed" in load_handlers()


# --- What the setting brings in ----------------------------------------------------------------------


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path in which a test makes packages."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0].startswith("plugged")]:
        del sys.modules[name]


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"__init__": '"""A domain."""\n', **files}.items():
        (folder / f"{name}.py").write_text(dedent(text))


ROWS = """
    from django.db import models

    class Thing(models.Model):
        name = models.CharField(max_length=10)
"""
APPS = """
    from django.apps import AppConfig

    class PluggedConfig(AppConfig):
        name = "plugged.flowers"
        label = "flowers"
        default_auto_field = "django.db.models.BigAutoField"
"""
URLS = """
    from django.http import HttpResponse
    from django.urls import path

    urlpatterns = [path("flowers", lambda request: HttpResponse("roses"), name="flowers")]
"""
TELL = """
import json, sys, django
django.setup()
from django.apps import apps
from django.test import Client
answer = Client().get("/api/v1/flowers", HTTP_HOST="localhost")
print(json.dumps([apps.is_installed("plugged.flowers"), answer.status_code, "plugged.weeds" in sys.modules]))
"""


@pytest.mark.parametrize(("enabled", "told"), [(True, [True, 200, False]), (False, [False, 404, False])])
def test_enabled_package_brings_its_rows_and_addresses(packages: Path, enabled: bool, told: object) -> None:
    write(packages / "plugged")
    write(packages / "plugged/flowers", apps=APPS, models=ROWS, urls=URLS)
    write(packages / "plugged/weeds", apps="raise RuntimeError", urls="raise RuntimeError")
    done = subprocess.run(
        [sys.executable, "-c", TELL],
        cwd=BASE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(packages)}
        | {"ENABLE_DOMAINS": "plugged.flowers" if enabled else "hello", "LOG_LEVEL": "CRITICAL"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == told


@pytest.mark.pure
def test_only_what_lies_in_a_package_is_looked_for() -> None:
    assert domain_apps(["orders", "hello", "pizza", "", "nowhere"]) == ["workflows.pizza"]
    assert domain_urls(["orders", "hello", "nowhere", "no.where"]) == []
    assert domain_queues(["orders", "pizza"]) == {"orders": "orders", "pizza": "pizza"}


@pytest.mark.pure
@pytest.mark.parametrize(
    ("entries", "queues", "message"),
    [
        (["hello", "workflows.hello"], {}, "two enabled domains have the name hello"),
        (["hello", "pizza"], {"hello": "pizza"}, "two enabled domains have the task queue pizza"),
        (["hello", "helo"], {}, "ENABLE_DOMAINS names helo, but there is no module workflows.helo.domain"),
    ],
)
def test_twins_and_unknown_domains_are_refused(
    settings: Settings, entries: list[str], queues: dict[str, str], message: str
) -> None:
    settings.ENABLE_DOMAINS, settings.TASK_QUEUES = entries, queues
    with pytest.raises(ImproperlyConfigured, match=message):
        enabled_domains()
    assert message in [problem.text for problem in check_domains(entries)]
    with pytest.raises((CommandError, SystemExit)):
        call_command("domains", "check", "--json")


@pytest.mark.pure
def test_setting_names_another_queue(settings: Settings) -> None:
    settings.ENABLE_DOMAINS, settings.TASK_QUEUES = ["hello"], {"hello": "greetings"}
    (domain,) = enabled_domains()
    assert domain == replace(domain, task_queue="greetings")


@pytest.mark.pure
def test_queue_of_a_domain_that_is_not_there_is_told(settings: Settings) -> None:
    """A slip in its name would leave the domain on its own queue without a word."""
    settings.ENABLE_DOMAINS, settings.TASK_QUEUES = ["hello"], {"hello": "a", "helo": "b"}
    assert [(problem.where, problem.text) for problem in check_domains(["hello"])] == [
        ("TASK_QUEUES", "no enabled domain is named helo")
    ]


# --- What `domains check` finds ----------------------------------------------------------------------

GOOD_WORKFLOW = """
    from temporalio import workflow

    with workflow.unsafe.imports_passed_through():
        from plugged.bad.contracts import Activity
        from workflows.runtime.policies import LOCAL_STEP

    @workflow.defn
    class BadWorkflow:
        @workflow.run
        async def run(self) -> None:
            await workflow.execute_local_activity(Activity.STEP, **LOCAL_STEP)
"""
CONTRACTS = """
    class Activity:
        STEP = "step"
"""
DOMAIN = """
    from temporalio import activity
    from plugged.bad.workflow import BadWorkflow
    from workflows.runtime.registry import Domain, SignalRoute

    @activity.defn(name="step")
    def step() -> None:
        pass

    DOMAIN = Domain(name="bad", task_queue="bad", workflows=(BadWorkflow,), activities=(step,))
"""
ROUTE = 'routes=(SignalRoute(topic="t", signal="nope", workflow_id=str),)'


@pytest.mark.pure
@pytest.mark.parametrize(
    ("file", "old", "new", "where", "text"),
    [
        ("workflow", "from temporalio import workflow", "import time", "domain.py", "cannot be imported"),
        ("domain", 'name="step"', 'name="other"', "workflow.py:12", "calls the activity step"),
        ("workflow", "Activity.STEP", "'stop'", "workflow.py:12", "calls the activity stop"),
        ("workflow", "Activity.STEP", "Activity.STOP", "workflow.py:12", "calls the activity Activity.STOP"),
        (
            "workflow",
            "    @workflow.defn",
            "    import random\n    @workflow.defn",
            "workflow.py:8",
            "random",
        ),
        ("contracts", "class", "import os\n    class", "contracts.py:2", "imports os"),
        ("domain", '    @activity.defn(name="step")\n', "", "domain.py", "step has no @activity.defn"),
        ("domain", "activities=(step,)", f"activities=(step,), {ROUTE}", "t", "takes the signal nope"),
    ],
)
def test_broken_domain_is_told_of_with_its_place(
    packages: Path, settings: Settings, file: str, old: str, new: str, where: str, text: str
) -> None:
    files = {"workflow": GOOD_WORKFLOW, "contracts": CONTRACTS, "domain": DOMAIN}
    write(packages / "plugged")
    write(packages / "plugged/bad", **files)
    assert list(check_domains(["plugged.bad"])) == []
    for name in [name for name in sys.modules if name.startswith("plugged.bad")]:
        del sys.modules[name]
    assert old in files[file]
    write(packages / "plugged/bad", **{**files, file: files[file].replace(old, new, 1)})
    found = list(check_domains(["plugged.bad"]))
    assert any(text in problem.text for problem in found), found
    if "imported" not in text:
        assert where in [problem.where for problem in found], found
    settings.ENABLE_DOMAINS = ["plugged.bad"]
    with pytest.raises(SystemExit) as raised:
        call_command("domains", "check")
    assert raised.value.code == 3


@pytest.mark.pure
def test_shipped_domains_are_sound() -> None:
    assert list(check_domains(["orders", "hello", "pizza"])) == []
    assert isinstance(PIZZA, Domain)
