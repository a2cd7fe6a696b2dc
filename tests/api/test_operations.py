"""Health and metrics of the web process."""

import time
from typing import Any

import pytest
from django.test import Client

from holo.common import health
from holo.common.health import Check, Finding, Unhealthy, run_checks
from holo.common.ids import uuid7
from holo.outbox.models import OutboxMessage
from holo.stack.ports import free_port
from holo.stack.temporal_server import TemporalServer
from holo.stack.valkey import ValkeyServer
from tests.api.people import Api
from tests.conftest import OwnerAccess

READY = "/healthz/ready"


def test_live_looks_at_nothing() -> None:
    """No database mark: a query would fail the test."""
    assert Client().get("/healthz/live").json() == {"status": "ok"}


@pytest.mark.django_db
def test_ready_when_every_part_answers(valkey: ValkeyServer, temporal: TemporalServer) -> None:
    response = Client().get(READY)
    body = response.json()
    assert (response.status_code, body["status"], body["failed"]) == (200, "ok", [])
    assert {"postgresql", "migrations", "redis", "temporal", "outbox"} <= set(body["checks"])
    assert body["checks"]["outbox"]["dead_letters"] == 0


@pytest.mark.django_db
def test_ready_names_the_parts_that_do_not_answer(settings: Any) -> None:
    settings.REDIS_URL = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
    settings.TEMPORAL_ADDRESS = f"127.0.0.1:{free_port()}"
    response = Client().get(READY)
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert sorted(response.json()["failed"]) == ["redis", "temporal"]
    assert b"hunter2" not in response.content


def test_ready_names_pending_migrations(owner: OwnerAccess) -> None:
    owner.execute(
        "DELETE FROM django_migrations WHERE id = (SELECT max(id) FROM django_migrations WHERE app = 'audit')"
    )
    response = Client().get(READY)
    assert response.status_code == 503
    assert "migrations" in response.json()["failed"]
    assert "audit" in response.json()["checks"]["migrations"]["reason"]


@pytest.mark.django_db
def test_check_that_hangs_is_left_behind_after_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang() -> dict[str, object]:
        time.sleep(3)
        return {}

    def fail() -> dict[str, object]:
        raise Unhealthy("told so")

    checks = {"slow": Check(name="slow", run=hang), "bad": Check(name="bad", run=fail, required=False)}
    monkeypatch.setattr(health, "_checks", checks)
    started = time.monotonic()
    slow, bad = run_checks()
    assert time.monotonic() - started < 2.5
    assert (slow.ok, bad.ok, bad.reason) == (False, False, "told so")


def test_finding_of_a_check_that_never_ran_is_a_failure() -> None:
    assert Finding(name="x", required=True).as_wire()["status"] == "failed"


def metric(text: str, name: str) -> float:
    """Return the value of an unlabelled metric."""
    return float(next(line for line in text.splitlines() if line.startswith(f"{name} ")).split()[1])


@pytest.mark.django_db
def test_metrics_tell_requests_and_backlog(operator: Api) -> None:
    before = OutboxMessage.objects.count()
    OutboxMessage.objects.create(topic="t", key="k", organization_id=uuid7())
    OutboxMessage.objects.create(
        topic="t", key="l", organization_id=uuid7(), dead_at="2026-01-01T00:00:00Z", attempts=9
    )
    operator.get("/api/v1/orders")
    text = Client().get("/metrics").content.decode()
    assert 'holo_http_requests_total{method="GET",route="api/v1/orders",status="200"}' in text
    assert metric(text, "holo_outbox_pending") == before + 1
    assert metric(text, "holo_outbox_dead_letters") == 1
    assert metric(text, "holo_outbox_lag_seconds") >= 0


@pytest.mark.django_db
def test_metrics_are_for_this_machine_only() -> None:
    assert Client().get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="203.0.113.7").get("/metrics").status_code == 404
    assert Client().get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 404


@pytest.mark.django_db
def test_metrics_with_a_token_are_for_who_sends_it(settings: Any) -> None:
    settings.METRICS_TOKEN = "t-1"
    remote = Client(REMOTE_ADDR="203.0.113.7")
    assert remote.get("/metrics", headers={"Authorization": "Bearer t-1"}).status_code == 200
    assert remote.get("/metrics", headers={"Authorization": "Bearer t-2"}).status_code == 404
    assert Client().get("/metrics").status_code == 404


@pytest.mark.django_db
def test_unknown_addresses_share_one_label() -> None:
    Client().get("/api/v1/some-unheard-of-path")
    assert "some-unheard-of-path" not in Client().get("/metrics").content.decode()
