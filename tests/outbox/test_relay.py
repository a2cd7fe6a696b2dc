"""The relay against a real PostgreSQL: order, leases, retries, dead letters, wake-up, lost connections."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from kombu.exceptions import OperationalError as BrokerError
from pytest_django import Settings

from holo.common.errors import BusyError
from holo.outbox import claims
from holo.outbox.delivery import Delivery, Verdict, deliver, load_handlers
from holo.outbox.errors import PermanentDeliveryError, TransientDeliveryError
from holo.outbox.models import OutboxMessage
from holo.outbox.operations import enqueue
from holo.outbox.pauses import Pauses, backoff
from holo.outbox.relay import Relay
from holo.outbox.selectors import count_dead_letters, count_pending, get_backlog
from tests.outbox.conftest import ORGANIZATION, PATIENCE, Recorder, RunRelay, plant

BASE = Path(__file__).resolve().parent.parent.parent


def _until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_messages_of_one_key_arrive_in_order(run_relay: RunRelay) -> None:
    with transaction.atomic():
        for number in range(60):
            enqueue(
                topic="t.happened", key=f"k{number % 3}", organization_id=ORGANIZATION, payload={"n": number}
            )
    recorder = Recorder()
    run_relay({"t.happened": recorder})
    taken = recorder.wait_for(60)
    for key in ("k0", "k1", "k2"):
        numbers = [message.payload["n"] for message in taken if message.key == key]
        assert numbers == sorted(numbers)
        assert len(numbers) == 20
    _until(lambda: count_pending() == 0)


def test_slow_key_does_not_hold_up_the_others(run_relay: RunRelay) -> None:
    gate = threading.Event()

    def effect(message: Delivery) -> None:
        if message.key == "slow":
            assert gate.wait(PATIENCE)

    recorder = Recorder(effect)
    plant(key="slow")
    plant(key="slow")
    plant(key="fast")
    run_relay({"t.happened": recorder})
    assert [message.key for message in recorder.wait_for(1)] == ["fast"]
    gate.set()
    assert [message.key for message in recorder.wait_for(3)][1:] == ["slow", "slow"]


def test_two_relays_deliver_each_message_once(run_relay: RunRelay) -> None:
    recorder = Recorder()
    for _ in range(2):
        run_relay({"t.happened": recorder}, threads=4)
    with transaction.atomic():
        for number in range(200):
            enqueue(
                topic="t.happened", key=f"k{number % 40}", organization_id=ORGANIZATION, payload={"n": number}
            )
    _until(lambda: count_pending() == 0)
    ids = [message.id for message in recorder.taken]
    assert len(ids) == len(set(ids)) == 200


def test_notify_wakes_the_relay_before_the_poll(run_relay: RunRelay) -> None:
    recorder = Recorder()
    run_relay({"t.happened": recorder})
    plant()
    recorder.wait_for(1)
    waits = []
    for number in range(2, 12):
        started = time.monotonic()
        plant()
        recorder.wait_for(number)
        waits.append(time.monotonic() - started)
    # A poll alone would take half a second on average.
    assert sorted(waits)[5] < 0.2


def test_message_without_notify_is_found_by_the_poll(run_relay: RunRelay) -> None:
    recorder = Recorder()
    run_relay({"t.happened": recorder})
    OutboxMessage.objects.create(topic="t.happened", key="k", organization_id=ORGANIZATION, payload={})
    recorder.wait_for(1)


def test_killed_relay_leaves_its_message_to_another_after_the_lease(run_relay: RunRelay) -> None:
    number = plant()
    lease = timedelta(seconds=1)
    # What a relay does before it is killed: claim, and nothing more.
    lost = claims.claim(limit=10, lease=lease)
    assert [claim.message.id for claim in lost] == [number]
    assert claims.claim(limit=10, lease=lease) == []
    recorder = Recorder()
    started = time.monotonic()
    run_relay({"t.happened": recorder})
    assert recorder.wait_for(1)[0].id == number
    assert time.monotonic() - started > 0.5


def test_late_failure_of_a_lost_claim_does_not_touch_the_new_one(fresh_database: str) -> None:
    plant()
    (late,) = claims.claim(limit=1, lease=timedelta(seconds=0))
    (current,) = claims.claim(limit=1)
    claims.put_back(late, error="late", wait=timedelta(0), counts=True)
    claims.bury(late, error="late")
    claims.release([late])
    message = OutboxMessage.objects.get()
    assert (message.claimed_until, message.attempts, message.dead_at) == (current.until, 0, None)


def test_transient_failure_is_retried_and_does_not_count(run_relay: RunRelay) -> None:
    failures = iter(range(2))

    def effect(message: Delivery) -> None:
        if next(failures, None) is not None:
            raise TransientDeliveryError("away")

    recorder = Recorder(effect)
    plant()
    run_relay({"t.happened": recorder})
    recorder.wait_for(1)
    _until(lambda: OutboxMessage.objects.filter(delivered_at__isnull=False).exists())
    assert OutboxMessage.objects.get().attempts == 0


def test_outage_of_one_topic_does_not_hold_up_another(run_relay: RunRelay) -> None:
    away = threading.Event()

    def effect(message: Delivery) -> None:
        if not away.is_set():
            raise TransientDeliveryError("away")

    broken, sound = Recorder(effect), Recorder()
    for number in range(50):
        plant(topic="t.broken", key=f"b{number}")
    run_relay({"t.broken": broken, "t.sound": sound}, threads=2)
    plant(topic="t.sound", key="s")
    sound.wait_for(1)
    away.set()
    broken.wait_for(50)


def test_permanent_failure_is_a_dead_letter_at_once_and_holds_back_its_key(run_relay: RunRelay) -> None:
    def effect(message: Delivery) -> None:
        if message.payload.get("bad"):
            raise PermanentDeliveryError("never")

    recorder = Recorder(effect)
    bad = plant(bad=True)
    later = plant()
    other = plant(key="other")
    run_relay({"t.happened": recorder})
    assert [message.id for message in recorder.wait_for(1)] == [other]
    _until(lambda: count_dead_letters() == 1)
    dead = OutboxMessage.objects.get(pk=bad)
    assert (dead.attempts, dead.last_error) == (1, "PermanentDeliveryError: never")
    assert OutboxMessage.objects.get(pk=later).delivered_at is None
    assert claims.claim(limit=10) == []
    backlog = get_backlog()
    assert (backlog.pending, backlog.dead) == (1, 1)
    assert backlog.lag_seconds > 0


def test_topic_without_a_handler_is_a_dead_letter(run_relay: RunRelay) -> None:
    plant(topic="t.unheard")
    run_relay({})
    _until(lambda: count_dead_letters() == 1)
    assert "t.unheard" in OutboxMessage.objects.get().last_error


def test_tenth_failure_makes_a_dead_letter(run_relay: RunRelay) -> None:
    def effect(message: Delivery) -> None:
        raise RuntimeError("bug")

    recorder = Recorder(effect)
    first, second = plant(key="a"), plant(key="b")
    OutboxMessage.objects.filter(pk=first).update(attempts=9)
    run_relay({"t.happened": recorder})
    _until(lambda: count_dead_letters() == 1)
    assert OutboxMessage.objects.get(pk=first).attempts == 10
    message = OutboxMessage.objects.get(pk=second)
    assert message.dead_at is None
    _until(lambda: OutboxMessage.objects.get(pk=second).attempts >= 2)


def test_relay_survives_its_lost_connections(run_relay: RunRelay) -> None:
    recorder = Recorder()
    run_relay({"t.happened": recorder})
    plant()
    recorder.wait_for(1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] >= 1
    plant()
    recorder.wait_for(2)
    _until(lambda: count_pending() == 0)


def test_stop_finishes_the_delivery_in_hand_and_gives_back_the_others(run_relay: RunRelay) -> None:
    begun, gate = threading.Event(), threading.Event()

    def effect(message: Delivery) -> None:
        begun.set()
        assert gate.wait(PATIENCE)

    recorder = Recorder(effect)
    first = plant(key="a")
    plant(key="b")
    relay = run_relay({"t.happened": recorder}, threads=1)
    assert begun.wait(PATIENCE)
    _until(lambda: OutboxMessage.objects.filter(claimed_until__isnull=False).count() == 2)
    relay.stop()
    threading.Timer(0.1, gate.set).start()
    _until(lambda: OutboxMessage.objects.filter(claimed_until__isnull=False).count() == 0)
    assert [message.id for message in recorder.taken] == [first]
    assert list(OutboxMessage.objects.filter(delivered_at=None).values_list("key", flat=True)) == ["b"]


def test_no_transaction_is_open_during_a_delivery(run_relay: RunRelay) -> None:
    states: list[list[str]] = []

    def effect(message: Delivery) -> None:
        with psycopg.connect(**connection.get_connection_params()) as own:
            rows = own.execute(
                "SELECT state FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
            ).fetchall()
        states.append([row[0] for row in rows])

    recorder = Recorder(effect)
    plant()
    run_relay({"t.happened": recorder})
    recorder.wait_for(1)
    assert states == [[]]


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (TransientDeliveryError("x"), Verdict.TRANSIENT),
        (ConnectionRefusedError("x"), Verdict.TRANSIENT),
        (TimeoutError("x"), Verdict.TRANSIENT),
        (OperationalError("x"), Verdict.TRANSIENT),
        (BrokerError("x"), Verdict.TRANSIENT),
        (BusyError("x"), Verdict.TRANSIENT),
        (PermanentDeliveryError("x"), Verdict.PERMANENT),
        (KeyError("x"), Verdict.FAILED),
    ],
)
@pytest.mark.pure
def test_error_of_a_handler_decides_what_becomes_of_the_message(error: Exception, verdict: Verdict) -> None:
    def fail(message: Delivery) -> None:
        raise error

    assert deliver(_delivery(), {"t.happened": (fail,)}).verdict is verdict


@pytest.mark.pure
def test_all_handlers_of_a_topic_are_asked_and_hope_outweighs_refusal() -> None:
    asked: list[str] = []

    def refuse(message: Delivery) -> None:
        asked.append("refuse")
        raise PermanentDeliveryError("x")

    def away(message: Delivery) -> None:
        asked.append("away")
        raise TransientDeliveryError("y")

    outcome = deliver(_delivery(), {"t.happened": (refuse, away)})
    assert (outcome.verdict, asked) == (Verdict.TRANSIENT, ["refuse", "away"])
    assert deliver(_delivery(), {"t.happened": (refuse,)}).verdict is Verdict.PERMANENT


@pytest.mark.pure
def test_handlers_of_several_sources_are_joined_by_topic() -> None:
    path = f"{__name__}.sample_handlers"
    assert {topic: len(handlers) for topic, handlers in load_handlers([path, path]).items()} == {"t.x": 2}


def sample_handlers() -> dict[str, Any]:
    """Return handlers as a module of the product does."""
    return {"t.x": lambda message: None}


@pytest.mark.pure
def test_backoff_doubles_up_to_its_cap_with_jitter() -> None:
    for tries, ceiling in ((1, 0.2), (3, 0.8), (9, 30.0), (500, 30.0)):
        wait = backoff(tries).total_seconds()
        assert ceiling / 2 <= wait <= ceiling


@pytest.mark.pure
def test_topic_rests_after_three_failures_and_is_probed_singly() -> None:
    now = 0.0
    pauses = Pauses(clock=lambda: now)
    for _ in range(2):
        pauses.failed("t")
    assert (pauses.resting(), pauses.probed()) == ([], [])
    pauses.failed("t")
    assert (pauses.resting(), pauses.probed()) == (["t"], [])
    now = 1.0
    assert (pauses.resting(), pauses.probed()) == ([], ["t"])
    pauses.begin_probe("t")
    assert (pauses.resting(), pauses.probed()) == (["t"], [])
    pauses.succeeded("t")
    assert (pauses.resting(), pauses.probed()) == ([], [])


def test_command_stops_on_sigterm_and_serves_metrics(fresh_database: str) -> None:
    from urllib.request import urlopen

    from holo.stack.ports import free_port

    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_relay", "--threads", "2"],
        cwd=BASE,
        env={**os.environ, "RELAY_METRICS_PORT": str(port), "DJANGO_SETTINGS_MODULE": "tests.settings"}
        | {"ENABLE_DOMAINS": "tests.workflows.sample_domain"},
        stderr=subprocess.PIPE,
    )
    try:
        plant(topic="t.unheard")
        _until(lambda: count_dead_letters() == 1)
        text = urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        assert 'holo_outbox_failed_total{topic="t.unheard",verdict="permanent"} 1.0' in text
        assert "holo_outbox_lag_seconds" in text
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        _, stderr = process.communicate()
    assert b"Traceback" not in stderr


def _delivery() -> Delivery:
    return Delivery(
        id=1, topic="t.happened", key="k", payload={}, organization_id=ORGANIZATION, request_id="r"
    )


def test_deliveries_that_hang_are_left_behind_and_named(fresh_database: str, settings: Settings) -> None:
    """All of them together hold the relay up no longer than one."""
    settings.STOP_SECONDS = 5
    released, begun = threading.Event(), threading.Barrier(4)

    def hang(message: Delivery) -> None:
        begun.wait(PATIENCE)
        released.wait(PATIENCE)

    numbers = [plant(key=f"k{number}") for number in range(3)]
    relay = Relay(handlers={"t.happened": (hang,)}, threads=3)
    thread = threading.Thread(target=relay.run)
    thread.start()
    begun.wait(PATIENCE)
    began = time.monotonic()
    relay.stop()
    thread.join(PATIENCE)
    assert time.monotonic() - began < 5
    assert sorted(relay.in_hand()) == [f"message {number} (t.happened)" for number in numbers]
    released.set()
    _until(lambda: relay.in_hand() == [])
