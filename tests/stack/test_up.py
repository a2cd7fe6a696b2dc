"""`manage.py up`, `down` and `reset` as real commands, on real servers without the product's processes."""

import os
import signal
import socket
import sqlite3
import time
from io import StringIO

import psycopg
import pytest

from holo.stack.env import read_file
from holo.stack.instance import Instance, start_time
from holo.stack.ports import LOOPBACK, ports_at
from holo.stack.temporal_server import DIRECT
from tests.stack.conftest import Checkout, eventually

READY = "retention is done"


def test_services_start_from_nothing_say_so_again_and_stop_on_interrupt(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = checkout.start("up", "--only-services")
    assert checkout.says(READY)
    values = read_file(checkout.run_dir / "env")
    assert (checkout.run_dir / "env").stat().st_mode & 0o777 == 0o600
    assert checkout.run_dir.stat().st_mode & 0o777 == 0o700
    with psycopg.connect(values["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("holo_app",)
    with DIRECT.open(f"{values['TEMPORAL_UI_URL']}/api/v1/namespaces/default") as answer:
        assert b'"2592000s"' in answer.read()
    with sqlite3.connect(checkout.run_dir / "temporal.db") as history:
        assert history.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    history.close()

    code, said = checkout.here("up")
    assert code == 0, said
    assert f"already running (pid {up.pid})" in said
    assert f"http://127.0.0.1:{ports_at(checkout.offset).temporal_ui}" in said
    code, said = checkout.here("up", demo=True, exit=True)
    assert code == 1
    assert "it was started without --demo" in said

    monkeypatch.setattr("sys.stdin", StringIO())
    code, said = checkout.here("reset")
    assert (code, said) == (2, f"this deletes {checkout.run_dir}; add --yes")
    assert up.poll() is None
    assert (checkout.run_dir / "postgres" / "PG_VERSION").exists()

    up.send_signal(signal.SIGINT)
    assert up.wait(60) == 0
    assert not checkout.leftovers()
    assert values["SECRET_KEY"] not in checkout.output.read_text()


def test_whole_product_answers_and_survives_a_stop_and_a_kill_until_a_reset(checkout: Checkout) -> None:
    services = checkout.start("up", "--only-services")
    assert checkout.says(READY)
    assert checkout.here("down") == (0, "stopped\n")
    assert services.wait(1) == 0
    assert not checkout.leftovers()
    assert checkout.here("down") == (0, "nothing runs here\n")

    up = checkout.start("up")
    assert checkout.says("  Admin  ", seconds=240), checkout.output.read_text()
    # Nobody has checked this store since the machine was started.
    assert checkout.says("reconcile is done", seconds=120), checkout.output.read_text()
    assert "0 found, 0 mended" in checkout.output.read_text()
    with DIRECT.open(f"http://{LOOPBACK}:{ports_at(checkout.offset).web}/healthz/live") as answer:
        assert answer.status == 200
    children = "\n".join(checkout.leftovers().values())
    assert "manage.py run_web" in children, children
    assert children.count("celery -A holo --quiet worker") >= 2, children
    doctor = checkout.run("doctor")
    assert doctor.returncode == 0, doctor.stdout
    key, old = read_file(checkout.run_dir / "env")["SECRET_KEY"], checkout.leftovers()
    up.kill()
    up.wait()

    # At once, while children and grandchildren of the killed one may still be ending.
    again = checkout.start("up", "--only-services")
    assert checkout.says(READY), checkout.output.read_text()
    assert read_file(checkout.run_dir / "env")["SECRET_KEY"] == key
    assert eventually(lambda: not old.keys() & checkout.leftovers().keys(), seconds=60), old
    assert checkout.here("reset", yes=True) == (0, f"deleted {checkout.run_dir}\n")
    assert not checkout.run_dir.exists()
    assert again.wait(1) == 0
    assert not checkout.leftovers()
    assert checkout.here("reset", yes=True) == (0, "nothing to delete\n")


def test_busy_port_is_one_line_with_its_owner(checkout: Checkout) -> None:
    port = ports_at(checkout.offset).valkey
    with socket.create_server((LOOPBACK, port)):
        done = checkout.run("up", "--only-services")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"port {port} (valkey) is busy: pid {os.getpid()} (" in done.stderr
    assert not (checkout.run_dir / "postgres").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://a:secretword@127.0.0.1:1/x"),
        ("REDIS_URL", "redis://:secretword@127.0.0.1:1/0"),
        ("TEMPORAL_ADDRESS", "127.0.0.1:1"),
    ],
)
def test_given_server_that_does_not_answer_is_named_within_three_seconds(
    name: str, value: str, checkout: Checkout, given: dict[str, str]
) -> None:
    given |= {"TEMPORAL_ADDRESS": "127.0.0.1:1", name: value}
    started = time.monotonic()
    code, said = checkout.here("up")
    assert time.monotonic() - started < 3
    assert code == 1
    assert f"{name} is set, but nothing usable answers there" in said
    assert "\n" not in said
    assert "secretword" not in said
    assert not (checkout.run_dir / "env").exists()


def test_demo_without_debug_is_refused(checkout: Checkout, given: dict[str, str]) -> None:
    given |= {"DEBUG": "0"}
    code, said = checkout.here("up", demo=True)
    assert code == 2
    assert "refused with DEBUG=0" in said
    assert checkout.here("up", exit=True)[0] == 2


def test_state_of_a_process_that_is_gone_does_not_count(checkout: Checkout) -> None:
    instance = Instance(checkout.run_dir)
    assert instance.take()
    instance.write(demo=False, urls={})
    assert instance.running() is not None
    assert not Instance(checkout.run_dir).take()
    state = checkout.run_dir / "up.json"
    state.write_text(state.read_text().replace(start_time(os.getpid()), "1"))
    assert instance.running() is None
    assert not instance.stop()
    instance.release()
