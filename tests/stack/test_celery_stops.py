"""Celery, told to stop, ends in its time whatever its tasks do, and gives their messages back."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from holo.stack.ports import free_port
from holo.stack.valkey import ValkeyServer
from tests.stack.conftest import ROOT, eventually

CELERY = [sys.executable, "-W", "ignore", "-m", "celery", "-A", "tests.stack.tasks", "worker"]
CELERY += ["--loglevel", "INFO", "--concurrency", "1", "--without-gossip", "--without-mingle"]
SEND = "from tests.stack.tasks import hang; hang.delay(stubborn={stubborn})"
SECONDS = 6


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A broker of the test's own."""
    server = ValkeyServer(tmp_path / "valkey", port=free_port())
    server.start()
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("stubborn", [False, True])
def test_task_that_hangs_does_not_keep_celery_from_stopping(
    broker: ValkeyServer, tmp_path: Path, stubborn: bool
) -> None:
    environment = {**os.environ, "REDIS_URL": broker.url, "STOP_SECONDS": str(SECONDS)}
    log = tmp_path / "celery.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(CELERY, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        send = [sys.executable, "-c", SEND.format(stubborn=stubborn)]
        subprocess.run(send, cwd=ROOT, env=environment, check=True, timeout=60)
        assert eventually(lambda: "hangs" in log.read_text()), log.read_text()
        began = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        code = worker.wait(60)
    finally:
        worker.kill()
        worker.wait()
    assert time.monotonic() - began < SECONDS + 10
    assert "ends the tasks in hand: tests.stack.tasks.hang" in log.read_text()
    if stubborn:
        assert code == 1
        assert f"not stopped within {SECONDS} s; left in hand: tests.stack" in log.read_text()
    else:
        with redis.Redis.from_url(broker.url) as client:
            assert client.llen("celery") == 1
