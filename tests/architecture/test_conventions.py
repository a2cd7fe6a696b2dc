"""The conventions of the code base that a machine can check."""

import ast
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.pure

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("holo", "inventory", "ledger", "orders", "workflows")
MAX_MODULE, MAX_FUNCTION, MAX_NESTING = 400, 60, 4
# Where a transaction may be opened: the unit of work, savepoints, and the sandbox's own books.
OPENERS = {
    "holo/common/db.py",
    "holo/idempotency/commands.py",
    "holo/stack/fences.py",  # by the owner, who migrates: no moment without a policy
    "holo/stack/grants.py",  # nor one with too many rights
    "orders/sandbox/carrier.py",
    "orders/sandbox/gateway.py",
    "orders/services/placing.py",  # a savepoint around the unique client reference
}


@cache
def modules() -> list[tuple[str, ast.Module, int]]:
    """Return every module of the product with its path, its tree and its number of lines."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                text = path.read_text(encoding="utf-8")
                found.append((path.relative_to(ROOT).as_posix(), ast.parse(text), len(text.splitlines())))
    return found


def calls_of(tree: ast.Module, name: str) -> list[int]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called == name:
                found.append(node.lineno)
    return found


def test_rows_are_locked_in_locks_modules_only() -> None:
    found = [
        f"{path}:{line}"
        for path, tree, _ in modules()
        for line in calls_of(tree, "select_for_update")
        if not path.endswith("/locks.py")
    ]
    assert found == []


def test_transactions_are_opened_by_the_unit_of_work_only() -> None:
    found = [
        f"{path}:{line}"
        for path, tree, _ in modules()
        for line in calls_of(tree, "atomic")
        if path not in OPENERS
    ]
    assert found == []


def test_every_module_says_what_it_owns() -> None:
    silent = [path for path, tree, lines in modules() if lines and not ast.get_docstring(tree)]
    assert silent == []


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils.py", "helpers.py", "misc.py", "common.py"}
    assert [path for path, _, _ in modules() if Path(path).name in drawers] == []


def test_modules_and_functions_stay_readable() -> None:
    long_modules = [path for path, _, lines in modules() if lines > MAX_MODULE]
    long_functions = [
        f"{path}:{node.name}"
        for path, tree, _ in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= MAX_FUNCTION
    ]
    assert (long_modules, long_functions) == ([], [])


def test_services_call_no_services() -> None:
    """A service composes operations; two commands in one call would be two commits."""
    found = []
    for path, tree, _ in modules():
        if not (path.endswith("/services.py") or "/services/" in path) or path.endswith("__init__.py"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and ".services" in node.module:
                found.append(f"{path}:{node.lineno}")
    assert found == []


def test_public_functions_of_services_are_documented_commands() -> None:
    wrong = []
    for path, tree, _ in modules():
        if not (path.endswith("/services.py") or "/services/" in path):
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                decorators = {getattr(decorator, "id", "") for decorator in node.decorator_list}
                # `command` lies beside audit and outbox, so these two use what it is made of.
                is_command = "command" in decorators or calls_of(ast.Module([node], []), "unit_of_work")
                if not is_command or not ast.get_docstring(node):
                    wrong.append(f"{path}:{node.name}")
    assert wrong == []
