"""Valkey and Temporal as single servers: they keep what they promised to keep."""

import subprocess
from pathlib import Path

import pytest
import redis

from holo.stack.errors import StackError
from holo.stack.ports import free_port
from holo.stack.temporal_cli import require_temporal
from holo.stack.temporal_server import TemporalServer, namespace_answers
from holo.stack.valkey import ValkeyServer, find_valkey


def test_valkey_keeps_its_data_over_a_restart(tmp_path: Path) -> None:
    for attempt in range(2):
        server = ValkeyServer(tmp_path / "valkey", port=free_port())
        server.start()
        try:
            server.wait_ready()
            with redis.Redis.from_url(server.url) as client:
                assert client.get("kept") == (b"yes" if attempt else None)
                client.set("kept", "yes")
        finally:
            server.stop()


def test_temporal_waits_for_the_disk_unless_told_otherwise(tmp_path: Path) -> None:
    server = TemporalServer(
        Path("temporal"), port=1, ui_port=2, log=tmp_path / "log", db_file=tmp_path / "temporal.db"
    )
    argv = server.launch().argv
    assert "synchronous=full" in argv
    assert "journal_mode=wal" in argv
    assert argv[argv.index("--ip") + 1] == "127.0.0.1"
    assert "system.enableActivityEagerExecution=true" in argv


def test_temporal_serves_the_namespace_that_was_asked_for(tmp_path: Path) -> None:
    server = TemporalServer(
        require_temporal().path, port=free_port(), ui_port=free_port(), log=tmp_path / "log", namespace="shop"
    )
    server.start()
    try:
        server.wait_ready()
        done = subprocess.run(server.retention_command(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert namespace_answers(server.ui_url, "shop")
        assert not namespace_answers(server.ui_url, "other")
    finally:
        server.stop()


def test_server_that_ends_at_once_says_why(tmp_path: Path) -> None:
    server = TemporalServer(
        require_temporal().path, port=free_port(), ui_port=free_port(), log=tmp_path / "log", db_file=tmp_path
    )
    server.start()
    with pytest.raises(StackError, match="temporal ended at once: "):
        server.wait_ready()
    server.stop()
    server.stop()
    assert not namespace_answers(server.ui_url, "default")


def test_missing_valkey_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holo.stack.valkey.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(StackError, match="install valkey-server or redis-server, or set REDIS_URL"):
        find_valkey()
