"""`manage.py run_web`: its address, its files, its end."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.web_process import ROOT, web_process

ENVIRONMENT = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.web_settings", "LOG_LEVEL": "WARNING"}
pytestmark = pytest.mark.pure


def run_web(*options: str, files: int = 4096) -> "subprocess.CompletedProcess[str]":
    """Run the command with a hard limit of open files, until it ends by itself."""
    words = " ".join((sys.executable, "manage.py", "run_web", *options))
    return subprocess.run(
        ["sh", "-c", f"ulimit -n {files} && exec {words}"],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("files", "warning"),
    [
        (4096, ""),
        pytest.param(
            1024, "only 274 connections at the same time: the limit of open files is too low", id="few"
        ),
    ],
)
def test_address_that_is_taken_is_one_line_and_few_files_are_told(files: int, warning: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run_web("--bind", bind, files=files)
    assert ended.returncode == 1
    *before, last = ended.stderr.splitlines()
    assert last.endswith(f"cannot listen on {bind}: Address already in use")
    assert [warning in line for line in before] == [True] * bool(warning)


def test_limit_of_open_files_is_raised_to_what_connections_need(tmp_path: Path) -> None:
    command = ("sh", "-c", f'ulimit -S -n 300 && exec {sys.executable} manage.py run_web "$@"', "run_web")
    with web_process(tmp_path / "web.log", "--connections", "200", command=command) as running:
        limits = Path(f"/proc/{running.process.pid}/limits").read_text()
    assert re.search(r"^Max open files +800 ", limits, re.MULTILINE), limits


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_well(tmp_path: Path, sign: signal.Signals) -> None:
    with web_process(tmp_path / "web.log") as running, running.connect() as idle:
        assert running.is_alive()
        running.process.send_signal(sign)
        assert idle.recv(1) == b""
        assert running.process.wait(60) == 0
    assert "Traceback" not in running.log.read_text()
