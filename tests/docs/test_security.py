"""The page about security: each promise has its row, and each row a test that is there or a reason."""

import ast
import re
from functools import cache

import pytest

from tests.docs.documents import ROOT, table_rows

pytestmark = pytest.mark.pure

PAGE = ROOT / "docs" / "security.md"
_NUMBERS = (*range(1, 14), *range(17, 23), *range(27, 36), *range(39, 54))
_IDS = [f"Z{number:02}" for number in _NUMBERS]
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_ANY_TEST = re.compile(r"tests/[\w/]*\.py|\btest_\w+")
# What a row without a test, or with a part that has none, begins its reason with; then the reason itself.
_REASON = re.compile(r"(?:Open|Does not apply|Not by a test): ?\S.{30,}|see docs/staff\.md")
_FILE = re.compile(r"`([\w./-]+)`")


def fault_of(row: list[str]) -> str | None:
    """Return what is wrong with a row of the table; None where nothing is."""
    if len(row) != 4 or not all(row):
        return "four cells, none of them empty"
    _id, _promise, where, shown = row
    found = _TEST.findall(shown)
    if not found and not _REASON.search(shown):
        return "neither a test nor a reason"
    for path, name in found:
        if name not in functions_of(path):
            return f"{path}::{name} does not exist"
    if _ANY_TEST.search(_TEST.sub("", shown)):
        return "a test that is not written as `tests/file.py::test_name`"
    if found and not any((ROOT / path).is_file() for path in _FILE.findall(where)):
        return "no file where it is kept"
    return None


@cache
def functions_of(path: str) -> frozenset[str]:
    """Return the tests of a file, without importing it; none where there is no such file."""
    if not (ROOT / path).is_file():
        return frozenset()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def test_every_id_has_one_row_in_order() -> None:
    assert [row[0] for row in table_rows(PAGE, first_cell="id")] == _IDS


@pytest.mark.parametrize("row", table_rows(PAGE, first_cell="id"), ids=lambda row: row[0])
def test_row_has_tests_that_exist_or_a_reason(row: list[str]) -> None:
    assert fault_of(row) is None


@pytest.mark.parametrize(
    ("shown", "fault"),
    [
        ("", "four cells"),
        ("sure", "neither"),
        ("Open: soon", "neither"),
        ("`tests/docs/test_security.py::test_that_is_not_there`", "does not exist"),
        ("`tests/docs/test_nowhere.py::test_row`", "does not exist"),
        ("`tests/docs/test_security.py::fault_of`", "does not exist"),
        ("Open: what is said here is long enough, but test_row is no address", "not written as"),
    ],
)
def test_control_a_row_that_shows_nothing_is_refused(shown: str, fault: str) -> None:
    assert fault in (fault_of(["Z99", "it is safe", "`manage.py`", shown]) or "")


def test_control_a_test_of_nothing_is_refused() -> None:
    shown = "`tests/docs/test_security.py::test_every_id_has_one_row_in_order`"
    assert fault_of(["Z99", "it is safe", "`manage.py`", shown]) is None
    assert fault_of(["Z99", "it is safe", "`nowhere.py`", shown]) == "no file where it is kept"
