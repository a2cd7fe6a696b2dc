"""`manage.py up`, `down` and `reset` as real commands, on real servers without the product's processes."""

import os
import signal
import socket
import sqlite3
import time

import psycopg
import pytest

from holo.stack.env import read_file
from holo.stack.instance import Instance, start_time
from holo.stack.ports import LOOPBACK, ports_at
from holo.stack.temporal_server import DIRECT
from tests.stack.conftest import Checkout, eventually

READY = "retention is done"


def test_services_start_from_nothing_and_stop_on_interrupt(checkout: Checkout) -> None:
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
    up.send_signal(signal.SIGINT)
    assert up.wait(20) == 0
    assert not checkout.leftovers()
    assert values["SECRET_KEY"] not in checkout.output.read_text()


def test_second_up_says_so_and_down_stops_the_first(checkout: Checkout) -> None:
    up = checkout.start("up", "--only-services")
    assert checkout.says(READY)
    second = checkout.run("up")
    assert second.returncode == 0, second.stderr
    assert f"already running (pid {up.pid})" in second.stdout
    assert f"http://127.0.0.1:{ports_at(checkout.offset).temporal_ui}" in second.stdout
    refused = checkout.run("up", "--demo", "--exit")
    assert refused.returncode == 1
    assert "it was started without --demo" in refused.stderr
    down = checkout.run("down")
    assert (down.returncode, down.stdout) == (0, "stopped\n")
    assert up.wait(1) == 0
    assert not checkout.leftovers()
    assert checkout.run("down").stdout == "nothing runs here\n"


def test_killed_up_leaves_no_child_and_the_next_one_starts_at_once(checkout: Checkout) -> None:
    first = checkout.start("up", "--only-services")
    assert checkout.says(READY)
    key = read_file(checkout.run_dir / "env")["SECRET_KEY"]
    first.kill()
    first.wait()
    second = checkout.start("up", "--only-services")
    assert checkout.says(READY), checkout.output.read_text()
    assert read_file(checkout.run_dir / "env")["SECRET_KEY"] == key
    second.kill()
    second.wait()
    assert eventually(lambda: not checkout.leftovers(), seconds=5)


def test_reset_deletes_the_data_of_a_running_stack_when_told_twice(checkout: Checkout) -> None:
    up = checkout.start("up", "--only-services")
    assert checkout.says(READY)
    refused = checkout.run("reset")
    assert refused.returncode == 2
    assert up.poll() is None
    assert (checkout.run_dir / "postgres" / "PG_VERSION").exists()
    assert checkout.run("reset", "--yes").returncode == 0
    assert not checkout.run_dir.exists()
    assert up.wait(1) == 0
    assert checkout.run("reset", "--yes").stdout == "nothing to delete\n"


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
    name: str, value: str, checkout: Checkout
) -> None:
    checkout.extra[name] = value
    started = time.monotonic()
    done = checkout.run("up")
    assert time.monotonic() - started < 3 + 2  # Django's own start comes on top
    assert done.returncode == 1
    assert f"{name} is set, but nothing usable answers there" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "secretword" not in done.stderr


def test_demo_without_debug_is_refused(checkout: Checkout) -> None:
    checkout.extra |= {"DEBUG": "0", "SECRET_KEY": "given"}
    done = checkout.run("up", "--demo")
    assert done.returncode == 2
    assert "refused with DEBUG=0" in done.stderr


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
