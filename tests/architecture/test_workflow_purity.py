"""Workflow code stays deterministic and free of Django: what it may import and call."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TYPES = {"asyncio", "collections.abc", "dataclasses", "datetime", "decimal", "enum", "typing", "uuid"}
PURE = {"workflows.runtime.saga", "workflows.runtime.policies", "workflows.runtime.approvals"}
ALLOWED_MODULES = {
    "workflow.py": TYPES | PURE | {"temporalio", "temporalio.exceptions"},
    "contracts.py": TYPES | PURE | {"pydantic"},
    "saga.py": TYPES | PURE | {"temporalio", "temporalio.exceptions"},
    "policies.py": TYPES | {"temporalio.common", "temporalio.workflow"},
}
# From modules that are mostly impure, only these names.
ALLOWED_NAMES = {"uuid": {"UUID"}, "temporalio": {"workflow"}}
FORBIDDEN_CALLS = {
    "asyncio.wait": "use workflow.wait",
    "asyncio.as_completed": "use workflow.as_completed",
    "asyncio.to_thread": "runs outside the workflow's loop",
    "asyncio.run": "runs outside the workflow's loop",
    "asyncio.timeout_at": "reads a clock",
    "datetime.now": "use workflow.now",
    "datetime.utcnow": "use workflow.now",
    "datetime.today": "use workflow.now",
    "date.today": "use workflow.now",
    "open": "reads the world",
    "print": "use workflow.logger",
    "input": "reads the world",
    "eval": "hides what runs",
    "exec": "hides what runs",
    "__import__": "hides what runs",
    "hash": "differs between processes",
    "id": "differs between processes",
    "set": "its order differs between processes; use a tuple or dict",
    "frozenset": "its order differs between processes; use a tuple or dict",
}


def problems(source: str, *, file: str, package: str) -> list[str]:
    """Return what is wrong with the code of one file of a workflow package, as `line: problem`."""
    allowed = ALLOWED_MODULES[file] | {f"{package}.contracts"}
    found = []
    for node in ast.walk(ast.parse(source)):
        for problem in (*_imports(node, allowed), *_calls(node), *_excepts(node)):
            found.append(f"{getattr(node, 'lineno', 0)}: {problem}")
    return found


def _imports(node: ast.AST, allowed: set[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [
            f"imports {name.name}"
            for name in node.names
            if name.name not in allowed or name.name in ALLOWED_NAMES
        ]
    if isinstance(node, ast.ImportFrom):
        module = node.module or ""
        if module not in allowed:
            return [f"imports from {module}"]
        names = ALLOWED_NAMES.get(module)
        return [
            f"imports {name.name} from {module}"
            for name in node.names
            if names is not None and name.name not in names
        ]
    return []


def _calls(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Set | ast.SetComp):
        return [f"makes a set: {FORBIDDEN_CALLS['set']}"]
    if not isinstance(node, ast.Call):
        return []
    name = ast.unparse(node.func)
    # `datetime.datetime.now` and `datetime.now` alike.
    short = ".".join(name.split(".")[-2:])
    return [f"calls {name}: {FORBIDDEN_CALLS[short]}"] if short in FORBIDDEN_CALLS else []


def _excepts(node: ast.AST) -> list[str]:
    """A handler that swallows everything keeps a workflow from being evicted."""
    if not isinstance(node, ast.ExceptHandler):
        return []
    if node.type is None or ast.unparse(node.type) in ("BaseException", "Exception"):
        return ["catches everything"]
    return []


def _workflow_files() -> list[Path]:
    domains = [folder for folder in (ROOT / "workflows").iterdir() if (folder / "domain.py").is_file()]
    files = [folder / name for folder in domains for name in ("workflow.py", "contracts.py")]
    return [*files, ROOT / "workflows/runtime/saga.py", ROOT / "workflows/runtime/policies.py"]


@pytest.mark.pure
@pytest.mark.parametrize("path", _workflow_files(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_workflow_code_is_deterministic(path: Path) -> None:
    package = ".".join(path.parent.relative_to(ROOT).parts)
    assert problems(path.read_text(), file=path.name, package=package) == []


@pytest.mark.pure
@pytest.mark.parametrize(
    "source",
    [
        "import django",
        "from django.conf import settings",
        "from orders.models import Order",
        "from workflows.orders.activities import reserve",
        "import os",
        "import random",
        "import time",
        "import uuid",
        "from uuid import uuid4",
        "from temporalio import activity",
        "from temporalio.client import Client",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime\ndatetime.now()",
        "import asyncio\nasyncio.wait([])",
        "import asyncio\nasyncio.as_completed([])",
        "open('x')",
        "for x in {1, 2}: pass",
        "for x in set(y): pass",
        "try:\n    pass\nexcept:\n    pass",
        "try:\n    pass\nexcept BaseException:\n    pass",
    ],
)
def test_impure_code_is_found(source: str) -> None:
    assert problems(source, file="workflow.py", package="workflows.orders") != []


@pytest.mark.pure
def test_pure_code_passes() -> None:
    source = (
        "import asyncio\n"
        "from uuid import UUID\n"
        "from temporalio import workflow\n"
        "from workflows.orders.contracts import OrderRef\n"
        "from workflows.runtime.saga import Saga\n"
        "async def run(a):\n"
        "    try:\n"
        "        await asyncio.gather(a, workflow.wait([a]))\n"
        "    except asyncio.CancelledError:\n"
        "        return workflow.now()\n"
    )
    assert problems(source, file="workflow.py", package="workflows.orders") == []
