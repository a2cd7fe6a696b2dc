"""Settings, production's compose file, `.env.example` and docs/configuration.md have one set of variables."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import pytest

from holo.stack.env import read_file
from tests.docs.documents import ROOT, table_rows

pytestmark = pytest.mark.pure

EXAMPLE = ROOT / ".env.example"
DOCUMENT = ROOT / "docs" / "configuration.md"
COMPOSE = ROOT / "compose.production.yml"
# What the defaults in the settings are computed from, as without any variable set.
_UNSET = {"PORT_OFFSET": 0, "DEBUG": False, "BASE_DIR": Path(), "str": str, "_MOST_CALLS": 3}


def defaults_in_settings() -> dict[str, str]:
    """Return each variable that the settings read, with its default as one would type it."""
    tree = ast.parse((ROOT / "holo" / "settings.py").read_text(encoding="utf-8"))
    found = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "env":
            name = ast.literal_eval(node.args[0])
            (default,) = [keyword.value for keyword in node.keywords if keyword.arg == "default"]
            found[name] = _typed(eval(compile(ast.Expression(default), "settings", "eval"), dict(_UNSET)))
    return found


def _typed(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return ",".join(value) if isinstance(value, list | dict) else str(value)


def defaults_in_compose() -> dict[str, str]:
    """Return the variables that compose.production.yml alone reads; what it requires has no default."""
    found = re.findall(r"\$\{(\w+):(?:-|\?[^}]*)([^}]*)\}", COMPOSE.read_text(encoding="utf-8"))
    return {name: default for name, default in found if name not in defaults_in_settings()}


def test_compose_file_has_the_defaults_of_the_settings() -> None:
    known = defaults_in_settings()
    found = re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE.read_text(encoding="utf-8"))
    assert found
    assert {name: default for name, default in found if known[name] != default} == {}


def defaults_in_example() -> dict[str, str]:
    """Return the variables that .env.example shows."""
    found = re.findall(r"^#([A-Z_]+)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(found) == len(dict(found)), "a variable stands there twice"
    return dict(found)


def test_example_shows_every_variable_with_its_default() -> None:
    assert defaults_in_example() == {**defaults_in_settings(), **defaults_in_compose()}


def test_document_shows_every_variable_with_its_default() -> None:
    rows = table_rows(DOCUMENT, first_cell="variable")
    shown = {name.strip("`"): default.strip("`") for name, default, _meaning in rows}
    assert len(rows) == len(shown)
    assert shown == defaults_in_example()


def test_example_says_what_each_variable_is_for() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for before, line in pairwise(lines):
        if re.match(r"#[A-Z_]+=", line):
            assert re.match(r"# [^-]", before), line


def test_copied_example_changes_nothing() -> None:
    assert read_file(EXAMPLE) == {}
