"""The main job as a newcomer sees it: everything starts, real orders travel, everything stops."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.stack.conftest import SERVER_VARIABLES, free_offset


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment without this test run's servers, with ports and a folder of its own."""
    foreign = {*SERVER_VARIABLES, "DJANGO_SETTINGS_MODULE", "SECRET_KEY", "DEBUG", "DEMO"}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return {**kept, "HOLO_RUN_DIR": str(tmp_path / "run"), "PORT_OFFSET": str(free_offset())}


def test_demo_ends_well_from_an_empty_folder(environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--demo", "--exit"],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=400)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    assert process.returncode == 0, output[-5000:]
    for name in ("A1", "A2", "B1", "B2", "C", "D1", "D2"):
        verdict = [line for line in output.splitlines() if line.startswith(f"{name} ") and "SO-" in line]
        assert verdict, f"no line for {name}"
        assert "good" in verdict[0]
