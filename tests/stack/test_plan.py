"""What `up` would start: embedded servers unless given, and the order of the parts."""

from pathlib import Path

import pytest

from holo.stack.part import Part
from holo.stack.plan import Options, Stack
from holo.stack.ports import ports_at

pytestmark = pytest.mark.pure


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `.run`."""
    monkeypatch.setenv("HOLO_RUN_DIR", str(tmp_path))
    return tmp_path


def parts_of(stack: Stack) -> dict[str, Part]:
    return {part.name: part for part in stack.parts()}


def test_nothing_given_embeds_all_three_servers(given: dict[str, str]) -> None:
    given["PORT_OFFSET"] = "100"
    stack = Stack(Options(), temporal_cli=Path("temporal"))
    ports = ports_at(100)
    assert stack.listening() == {
        "postgres": ports.postgres,
        "valkey": ports.valkey,
        "temporal": ports.temporal,
        "temporal web ui": ports.temporal_ui,
        "web": ports.web,
        "relay metrics": ports.relay_metrics,
        "worker metrics": ports.worker_metrics,
    }
    parts = parts_of(stack)
    assert parts["migrate"].after == ("postgres",)
    assert parts["web"].after == ("migrate",)
    for name in ("relay", "worker", "celery", "beat"):
        assert set(parts[name].after) == {"migrate", "web", "temporal", "valkey"}
    assert stack.urls()["Admin"] == f"http://127.0.0.1:{ports.web}/admin/"


def test_given_servers_are_not_started(given: dict[str, str]) -> None:
    given |= {"DATABASE_URL": "postgres://x", "REDIS_URL": "redis://x", "TEMPORAL_ADDRESS": "x:7233"}
    stack = Stack(Options(), temporal_cli=None)
    assert list(parts_of(stack)) == ["migrate", "web", "relay", "worker", "celery", "beat"]
    assert set(stack.listening()) == {"web", "relay metrics", "worker metrics"}
    assert not {"DATABASE_URL", "REDIS_URL", "TEMPORAL_ADDRESS"} & set(stack.values())
    launch = parts_of(stack)["web"].launch()
    assert launch.env["DATABASE_URL"] == "postgres://x"
    assert "Temporal" not in stack.urls()


def test_demo_comes_after_everything_and_its_data_before_the_workers(given: dict[str, str]) -> None:
    given |= {"DATABASE_URL": "postgres://x"}
    stack = Stack(Options(demo=True), temporal_cli=Path("temporal"))
    parts = parts_of(stack)
    *others, last = parts
    assert last == "demo"
    assert set(parts["demo"].after) == set(others)
    assert parts["demo"].foreground
    assert "seed" in parts["worker"].after
    assert parts["worker"].launch().env["DEMO"] == "1"


def test_only_services_starts_no_process_of_the_product(given: dict[str, str]) -> None:
    stack = Stack(Options(only_services=True), temporal_cli=Path("temporal"))
    assert list(parts_of(stack)) == ["temporal", "valkey", "postgres", "retention"]
    assert list(stack.urls()) == ["Temporal"]


def test_store_is_checked_once_after_the_machine_was_started_anew(
    folder: Path, given: dict[str, str]
) -> None:
    def planned() -> dict[str, Part]:
        return parts_of(Stack(Options(), temporal_cli=Path("temporal")))

    assert "reconcile" not in planned(), "a new store has lost nothing"
    assert "synchronous=normal" in planned()["temporal"].launch().argv
    (folder / "temporal.db").touch()
    assert "reconcile" not in planned()
    (folder / "temporal.boot").write_text("another start")
    check = planned()["reconcile"]
    assert set(check.after) == {"relay", "worker"}
    assert "reconcile" in planned(), "one that did not end well is due again"
    assert check.on_ready is not None
    check.on_ready()
    assert "reconcile" not in planned()
    (folder / "temporal.boot").unlink()
    assert "reconcile" in planned(), "an older store may have been through anything"


def test_store_that_nobody_checks_is_synchronised_in_full(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Stack(Options(only_services=True), temporal_cli=Path("temporal"))
    assert "synchronous=full" in parts_of(services)["temporal"].launch().argv
    monkeypatch.setattr("holo.stack.boot.boot_id", lambda: None)
    elsewhere = parts_of(Stack(Options(), temporal_cli=Path("temporal")))
    assert "synchronous=full" in elsewhere["temporal"].launch().argv
    assert "reconcile" not in elsewhere


def test_no_command_line_carries_a_password(given: dict[str, str]) -> None:
    given |= {"DATABASE_URL": "postgres://a:secretword@h/x", "SECRET_KEY": "secretword"}
    for part in Stack(Options(demo=True), temporal_cli=Path("temporal")).parts():
        assert not any("secretword" in word for word in part.launch().argv), part.name
