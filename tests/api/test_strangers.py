"""What callers without a session or a key may ask for, and how often."""

import json
import threading
from typing import Any

import pytest
import yaml
from django.conf import settings as configured
from django.test import Client

from holo.common import health
from holo.common.health import Check
from holo.common.rates import Rate
from holo.common.throttles import listen_again
from holo.stack.valkey import ValkeyServer
from tests.logins import log_in
from tests.stories import Shop, build_shop

FILE = configured.BASE_DIR / "docs" / "openapi.yaml"
YAML_TYPE, JSON_TYPE = "application/vnd.oai.openapi", "application/vnd.oai.openapi+json"
REMOTE = "203.0.113.7"

# Every kind of page that nobody has to log in for, and how it answers.
COUNTED = {
    "/api/schema": 200,
    "/api/docs": 200,
    "/api/errors": 200,
    "/api/nothing": 404,
    "/api/v1/nothing": 404,
    "/nothing": 404,
    "/": 302,
    "/admin/": 302,
    "/admin/login/": 200,
    "/invitations/none": 404,
    "/metrics": 404,
}
FREE = {"/healthz/live": 200, "/healthz/ready": 200, "/static/holo/logo.svg": 200}


@pytest.fixture
def two_a_minute(valkey: ValkeyServer, settings: Any) -> None:
    """A limit that the third request meets; each test has an address of its own."""
    settings.RATES = {**settings.RATES, "address": Rate(quota=1, seconds=60, burst=2)}
    listen_again()


def stranger(number: int) -> Client:
    """Return a client with an address that no other test has."""
    return Client(REMOTE_ADDR=f"198.51.{number // 250}.{number % 250}")


@pytest.mark.django_db
@pytest.mark.usefixtures("two_a_minute")
@pytest.mark.parametrize(("number", "path"), list(enumerate(COUNTED, start=1)))
def test_page_for_everybody_is_limited_by_address(number: int, path: str) -> None:
    client = stranger(number)
    answers = [client.get(path) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [COUNTED[path], COUNTED[path], 429]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60
    is_api = path.startswith("/api/")
    assert (
        answers[2].headers["Content-Type"].startswith("application/problem+json" if is_api else "text/html")
    )
    assert stranger(number + 100).get(path).status_code == COUNTED[path]


@pytest.mark.django_db
@pytest.mark.usefixtures("two_a_minute")
@pytest.mark.parametrize(("number", "path"), list(enumerate(FREE, start=300)))
def test_health_and_static_files_are_not(number: int, path: str) -> None:
    client = stranger(number)
    assert [client.head(path).status_code for _ in range(5)] == [FREE[path]] * 5


@pytest.mark.usefixtures("two_a_minute", "fresh_database")
def test_person_who_is_logged_in_is_not() -> None:
    shop: Shop = build_shop()
    client = stranger(400)
    log_in(client, shop.seller)
    assert [client.get("/admin/").status_code for _ in range(5)] == [200] * 5


@pytest.mark.django_db
@pytest.mark.usefixtures("two_a_minute")
def test_scraper_of_this_machine_is_not() -> None:
    assert [Client().get("/metrics").status_code for _ in range(5)] == [200] * 5


# --- The schema ----------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["", "*/*", YAML_TYPE, "application/yaml"])
def test_schema_is_the_file(accept: str) -> None:
    answer = Client().get("/api/schema", headers={"Accept": accept} if accept else {})
    assert answer.content == FILE.read_bytes()


@pytest.mark.parametrize("accept", [JSON_TYPE, "application/json"])
def test_schema_in_json_says_the_same(accept: str) -> None:
    answer = Client().get("/api/schema", headers={"Accept": accept})
    assert answer.headers["Content-Type"] == accept
    assert json.loads(answer.content) == yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert Client().get("/api/schema?format=json").content == answer.content


def test_client_that_has_the_schema_gets_no_second_copy() -> None:
    tags = set()
    for accept in (YAML_TYPE, JSON_TYPE):
        first = Client().get("/api/schema", headers={"Accept": accept})
        again = Client().get(
            "/api/schema", headers={"Accept": accept, "If-None-Match": first.headers["ETag"]}
        )
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
        assert "Accept" in first.headers["Vary"]
        tags.add(first.headers["ETag"])
    assert len(tags) == 2


# --- Health --------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_ready_tells_strangers_no_versions_and_no_reasons(settings: Any) -> None:
    told = Client(REMOTE_ADDR=REMOTE).get("/healthz/ready")
    assert set(told.json()) == {"status", "failed"}
    behind_a_proxy = Client().get("/healthz/ready", headers={"X-Forwarded-For": REMOTE})
    assert set(behind_a_proxy.json()) == {"status", "failed"}
    version = Client().get("/healthz/ready").json()["checks"]["postgresql"]["version"]
    assert version.encode() not in told.content
    settings.METRICS_TOKEN = "t-1"
    assert "checks" not in Client().get("/healthz/ready").json()
    with_token = Client(REMOTE_ADDR=REMOTE).get("/healthz/ready", headers={"Authorization": "Bearer t-1"})
    assert with_token.json()["checks"]["postgresql"]["version"] == version


@pytest.mark.django_db
def test_strangers_who_ask_together_are_answered_by_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    monkeypatch.setattr(health, "_recent", health._Recent())
    monkeypatch.setattr(health, "_RECENT_SECONDS", 60.0)
    check = Check(name="counted", run=lambda: looks.append(1) or {})  # type: ignore[func-returns-value]
    monkeypatch.setattr(health, "_checks", {"counted": check})
    threads = [
        threading.Thread(target=lambda: Client(REMOTE_ADDR=REMOTE).get("/healthz/ready")) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looks) == 1
    assert [Client().get("/healthz/ready").status_code for _ in range(2)] == [200, 200]
    assert len(looks) == 3


def test_while_one_stranger_waits_for_a_part_that_hangs_others_get_the_last_findings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[threading.Event] = []
    looking = threading.Event()

    def look() -> dict[str, object]:
        if looks:
            looking.set()
            assert looks[0].wait(60)
        return {}

    monkeypatch.setattr(health, "_recent", health._Recent())
    monkeypatch.setattr(health, "_RECENT_SECONDS", 0.0)
    monkeypatch.setattr(health, "TIMEOUT", 60.0)
    monkeypatch.setattr(health, "_STALE_SECONDS", 60.0)
    monkeypatch.setattr(health, "_checks", {"hangs": Check(name="hangs", run=look)})
    assert Client(REMOTE_ADDR=REMOTE).get("/healthz/ready").status_code == 200
    looks.append(threading.Event())
    first = threading.Thread(target=lambda: Client(REMOTE_ADDR=REMOTE).get("/healthz/ready"))
    first.start()
    assert looking.wait(60)
    try:
        assert Client(REMOTE_ADDR=REMOTE).get("/healthz/ready").status_code == 200
        assert first.is_alive()
    finally:
        looks[0].set()
        first.join()
