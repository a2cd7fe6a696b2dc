"""Servers and workers that go away in the middle of orders, and come back or do not: no order is lost."""

import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from holo.outbox.metrics import REGISTRY
from holo.stack.ports import free_port
from holo.stack.postgres import PostgresServer
from holo.stack.temporal_server import TemporalServer
from holo.stack.valkey import ValkeyServer
from orders.models import Order, SandboxCharge
from orders.states import Status
from tests.chaos.books import disagreements
from tests.conftest import TEMPLATE, use_database
from tests.live import ends, eventually, reaches, running_relay, worker_process
from tests.proof import Proof, rounds
from tests.servers import Servers, use_broker
from tests.stories import MAC, PHONE, Shop, build_shop

pytestmark = pytest.mark.prove
# In flight when the part goes away; the full figure is 200.
ORDERS = rounds(200)
PATIENCE = 120.0
# The rest of the line names the workflow, the activity and what it is about.
_FAILED = re.compile(r"activity failed (.*)")


@pytest.fixture(scope="module")
def own_postgres(
    servers: Servers, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[PostgresServer]:
    """A migrated PostgreSQL of the module's own, which other tests do without while it is away."""
    folder = servers.folder / f"own-{servers.number}"
    server = PostgresServer(folder / "postgres", port=free_port(), durable=False)
    shared = dict(connections.settings["default"])
    addresses = {name: os.environ[name] for name in ("DATABASE_URL", "MIGRATE_DATABASE_URL")}
    server.start()
    try:
        server.wait_ready()
        server.ensure_database(TEMPLATE)
        with django_db_blocker.unblock():
            use_database(server, TEMPLATE)
            call_command("migrate", verbosity=0)
            yield server
            connections.close_all()
    finally:
        connections.settings["default"].update(shared)
        os.environ.update(addresses)
        settings.MIGRATE_DATABASE_URL = addresses["MIGRATE_DATABASE_URL"]
        server.stop()


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A Valkey of the module's own."""
    server = ValkeyServer(tmp_path_factory.mktemp("own") / "valkey", port=free_port())
    server.start()
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()


@pytest.fixture
def shop(
    own_postgres: PostgresServer,
    own_valkey: ValkeyServer,
    temporal: TemporalServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shop]:
    """A shop on servers of its own with a relay running; workers are up to the test."""
    monkeypatch.setenv("REDIS_URL", own_valkey.url)
    monkeypatch.setattr(settings, "REDIS_URL", own_valkey.url)
    use_broker(own_valkey.url)
    with running_relay():
        yield build_shop(stock=10_000)


def paid_orders(shop: Shop, count: int) -> list[Order]:
    """Place orders, and pay them when all wait for it; some are being charged when this returns."""
    orders = [shop.place(PHONE) for _ in range(count)]
    for order in orders:
        reaches(order, Status.AWAITING_PAYMENT, within=PATIENCE)
    charges = SandboxCharge.objects.count()
    for order in orders:
        shop.pay(order, "tok_slow")
    eventually(lambda: SandboxCharge.objects.count() > charges, within=PATIENCE, what="charges under way")
    return orders


def all_completed(orders: list[Order]) -> None:
    """Wait until all are."""
    for order in orders:
        ends(order, Status.COMPLETED, within=PATIENCE)


def most_attempts(log: Path) -> int:
    """Return the largest number of attempts that any step took, as the worker's log tells.

    Temporal's own number also counts the tries that were told that the gateway is busy.
    """
    failed = Counter(_FAILED.findall(log.read_text(encoding="utf-8")))
    return 1 + max(failed.values(), default=0)


def terminate_connections(server: PostgresServer) -> int:
    """End every connection to the present database but this thread's; return how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), current_database()")
        own, database = cursor.fetchone() or (0, "")
    with psycopg.connect(server.superuser_dsn("postgres")) as superuser:
        ended = superuser.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
            [database, own],
        ).fetchone()
    return int(ended[0]) if ended else 0


def test_every_connection_terminated_costs_one_attempt_at_most(
    shop: Shop, own_postgres: PostgresServer, proof: Proof, tmp_path: Path
) -> None:
    before, log = shop.stock(), tmp_path / "worker.log"
    with worker_process(log=log):
        orders = paid_orders(shop, ORDERS)
        terminated = terminate_connections(own_postgres)
        all_completed(orders)
    assert terminated > 1
    assert disagreements(shop, before, *orders) == []
    attempts = most_attempts(log)
    assert attempts <= 2, log.read_text(encoding="utf-8")
    proof.note(orders=ORDERS, connections=terminated, most_attempts=attempts)


def test_postgresql_restarted_loses_no_order(
    shop: Shop, own_postgres: PostgresServer, proof: Proof, tmp_path: Path
) -> None:
    before, log = shop.stock(), tmp_path / "worker.log"
    with worker_process(log=log):
        orders = paid_orders(shop, ORDERS)
        connections.close_all()
        own_postgres.stop()
        own_postgres.start()
        own_postgres.wait_ready()
        all_completed(orders)
    assert disagreements(shop, before, *orders) == []
    proof.note(orders=ORDERS, most_attempts=most_attempts(log))


@pytest.mark.prove(only_in_full=True)
def test_one_of_two_workers_killed_the_other_finishes_all(shop: Shop, proof: Proof) -> None:
    before = shop.stock()
    with worker_process() as first, worker_process():
        orders = paid_orders(shop, ORDERS)
        first.send_signal(signal.SIGKILL)
        first.wait(60)
        all_completed(orders)
    assert disagreements(shop, before, *orders) == []
    proof.note(orders=ORDERS)


def test_orders_go_on_without_valkey_and_readiness_and_metrics_tell(
    shop: Shop, own_valkey: ValkeyServer, proof: Proof
) -> None:
    """What waits for it is the auditors' mail, which goes out when it is back."""
    refused = mails("holo_outbox_failed_total", verdict="transient")
    with worker_process():
        own_valkey.stop()
        try:
            waiting = shop.place(MAC)
            orders = [shop.place(PHONE) for _ in range(ORDERS)]
            reaches(waiting, Status.AWAITING_APPROVAL, within=PATIENCE)
            for order in orders:
                reaches(order, Status.AWAITING_PAYMENT, within=PATIENCE)
                shop.pay(order)
            all_completed(orders)
            ready = Client().get("/healthz/ready").json()
            assert (ready["status"], ready["failed"]) == ("degraded", ["redis"])
            eventually(
                lambda: mails("holo_outbox_failed_total", verdict="transient") > refused,
                what="the waiting mail in the metrics",
            )
            delivered = mails("holo_outbox_delivered_total")
        finally:
            own_valkey.start()
            own_valkey.wait_ready()
        eventually(lambda: mails("holo_outbox_delivered_total") > delivered, within=60, what="the mail")
    proof.note(orders=ORDERS)


def mails(metric: str, **labels: str) -> float:
    """Return a figure of the relay's metrics about mail to auditors."""
    return REGISTRY.get_sample_value(metric, {"topic": "approvals.approval_requested", **labels}) or 0.0
