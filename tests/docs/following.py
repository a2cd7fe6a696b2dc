"""Follows a document literally in a copy of the checkout: writes its files, applies its changes, runs it."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.docs.documents import ROOT, Block, blocks

# Bytecode and what mypy knows go along: the copy need not find out again what this checkout knows.
_LEFT_OUT = (".git", ".venv", ".run", ".env", ".pytest_cache", ".coverage*", "node_modules")
# What this process was told about its servers and settings is not for the copy.
_OWN = (
    "DATABASE_URL",
    "REDIS_URL",
    "TEMPORAL_",
    "DJANGO_SETTINGS_MODULE",
    "ENABLE_DOMAINS",
    "COV_CORE",
    "PYTEST_XDIST",
)
_LONGEST = 300.0


def copy_of_checkout(place: Path) -> Path:
    """Copy the files of this checkout, with its packages at hand."""
    shutil.copytree(ROOT, place, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
    (place / ".venv").symlink_to(ROOT / ".venv")
    return place


def follow(document: Path, place: Path) -> list[str]:
    """Do what the document says, block by block; return what its commands printed."""
    return [printed for block in blocks(document) for printed in _do(block, place)]


def _do(block: Block, place: Path) -> list[str]:
    if block.title:
        path = place / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    elif block.language == "diff":
        _change(block.text, place)
    elif block.language == "sh":
        return [_run(line, place) for line in block.text.replace("\\\n", " ").splitlines()]
    return []


def _change(text: str, place: Path) -> None:
    """Apply a diff without line numbers: what each hunk begins with must stand in the file exactly once."""
    for part in text.split("--- a/")[1:]:
        name, *hunks = part.split("@@\n")
        path = place / name.splitlines()[0]
        for hunk in hunks:
            lines = [(line[:1], line[1:]) for line in hunk.splitlines(keepends=True)]
            before = "".join(rest for sign, rest in lines if sign != "+")
            after = "".join(rest for sign, rest in lines if sign != "-")
            found = path.read_text(encoding="utf-8")
            assert found.count(before) == 1, f"{path.name} has {found.count(before)} of:\n{before}"
            path.write_text(found.replace(before, after), encoding="utf-8")


def _run(line: str, place: Path) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    # Pytest names the tests that passed.
    kept["PYTEST_ADDOPTS"] = "-rA"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=place,
        env=kept,
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout
