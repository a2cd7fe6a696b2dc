"""Waiting for the API and a worker."""

from urllib.parse import urlsplit

import pytest
from pytest_django.fixtures import Settings

from orders.demo import readiness
from orders.demo.client import ApiClient
from tests.demo.scripted_api import Reply, scripted_api

pytestmark = pytest.mark.pure
NOT_YET, READY = Reply(status=503), Reply()


def test_api_that_comes_up_is_waited_for_and_told() -> None:
    said: list[str] = []
    with scripted_api({"GET /healthz/ready": [NOT_YET, NOT_YET, READY]}) as api:
        assert readiness.wait_for_api(ApiClient(base_url=api.url), said.append)
    assert [line.split(" the API")[0] for line in said] == ["waiting for", f"the API at {api.url} is ready"]


def test_api_that_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "API_SECONDS", 0.0)
    said: list[str] = []
    with scripted_api({"GET /healthz/ready": [NOT_YET]}) as api:
        assert not readiness.wait_for_api(ApiClient(base_url=api.url), said.append)
    assert len(said) == 1


@pytest.mark.parametrize(
    ("series", "ready"),
    [
        ('holo_worker_running{domain="orders"} 1.0', True),
        ('holo_worker_running{domain="orders"} 0.0', False),
        ('holo_worker_running{domain="others"} 1.0', False),
    ],
)
def test_worker_is_ready_when_it_says_that_it_runs_orders(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, series: str, ready: bool
) -> None:
    monkeypatch.setattr(readiness, "WORKER_SECONDS", 0.0)
    with scripted_api({"GET /metrics": [Reply(text=f"# HELP …\n{series}\n")]}) as api:
        settings.WORKER_METRICS_PORT = urlsplit(api.url).port
        client = ApiClient(base_url="http://127.0.0.1:1")
        assert readiness.wait_for_worker(client, lambda text: None) is ready


def test_worker_behind_an_api_elsewhere_is_not_asked() -> None:
    said: list[str] = []
    assert readiness.wait_for_worker(ApiClient(base_url="https://holo.example.com"), said.append)
    assert said == []
