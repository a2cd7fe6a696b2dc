"""`docs/add-a-domain.md`, followed to the letter in a copy of the product."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from holo.stack.temporal_server import TemporalServer
from tests.docs.documents import ROOT
from tests.live import worker_port

DOCUMENT = ROOT / "docs" / "add-a-domain.md"
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COPIED = ("holo", "inventory", "ledger", "orders", "workflows", "templates")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the product, with an interpreter where the document says it is."""
    # Bytecode goes along: each of the many processes below would compile every module again.
    ignored = shutil.ignore_patterns("reminders")
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("manage.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    python = tmp_path / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    return tmp_path


def shell(checkout: Path, script: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["sh", "-ec", script],
        cwd=checkout,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "holo.settings", "LOG_LEVEL": "ERROR"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(checkout: Path, script: str) -> str:
    process = shell(checkout, script)
    text, _ = process.communicate(timeout=90)
    assert process.returncode == 0, text
    return text


@contextmanager
def lasting(checkout: Path, script: str) -> Iterator[None]:
    """Run a block whose last line does not end by itself."""
    *lines, last = script.strip().splitlines()
    last = re.sub(r"WORKER_METRICS_PORT=\d+", f"WORKER_METRICS_PORT={worker_port()} exec env", last)
    process = shell(checkout, "\n".join([*lines, last]))
    try:
        yield
    finally:
        process.terminate()
        text, _ = process.communicate(timeout=120)
    assert "Traceback" not in text


def test_domain_is_added_as_the_document_says(
    checkout: Path, temporal: TemporalServer, fresh_database: str
) -> None:
    before = {path: path.stat().st_mtime_ns for path in checkout.rglob("*.py")}
    blocks = BLOCK.findall(DOCUMENT.read_text(encoding="utf-8"))
    shells = [text for language, text in blocks if language == "sh"]
    make_folder, serve, start = shells
    run(checkout, make_folder)
    for language, text in blocks:
        if language == "python":
            path = text.partition("\n")[0].removeprefix("# ")
            (checkout / path).write_text(text)
    told = run(checkout, "\n".join(line for line in serve.splitlines() if "run_worker" not in line))
    assert "ok       reminders" in told
    assert "workflow start reminder" in told
    with lasting(checkout, serve):
        text = run(checkout, start)
    assert "send_reminder" in text
    assert "sent         true" in text
    assert "ReminderWorkflow" in text
    changed = [path for path, at in before.items() if path.stat().st_mtime_ns != at]
    assert changed == []


@pytest.mark.pure
def test_code_of_the_document_is_in_the_style_of_the_product(tmp_path: Path) -> None:
    for number, (language, text) in enumerate(BLOCK.findall(DOCUMENT.read_text(encoding="utf-8"))):
        if language == "python":
            (tmp_path / f"block_{number}.py").write_text(text)
    for words in (("check", "--ignore", "I001"), ("format", "--check")):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--config", str(ROOT / "pyproject.toml"), str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
