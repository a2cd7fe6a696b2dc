"""What workflow code may import and call, so that it stays deterministic and free of Django.

`manage.py domains check` and the tests of the architecture both ask here.
"""

import ast
from pathlib import Path

TYPES = {"asyncio", "collections.abc", "dataclasses", "datetime", "decimal", "enum", "typing", "uuid"}
PURE = {"workflows.runtime.saga", "workflows.runtime.policies", "workflows.runtime.approvals"}
ALLOWED_MODULES = {
    "workflow.py": TYPES | PURE | {"temporalio", "temporalio.exceptions"},
    "contracts.py": TYPES | PURE | {"pydantic"},
    "usecases.py": TYPES,
    "ports.py": TYPES,
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


def file_problems(path: Path, *, package: str, role: str | None = None) -> list[str]:
    """Return what is wrong with a file that plays a role, by default that of its name."""
    return problems(path.read_text(encoding="utf-8"), file=role or path.name, package=package)
