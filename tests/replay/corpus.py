"""The recorded histories, and their replay on the workflow as it is or as it would be."""

import ast
import asyncio
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner

from workflows.orders import workflow
from workflows.orders.domain import DOMAIN
from workflows.runtime.converter import DATA_CONVERTER
from workflows.runtime.registry import Domain
from workflows.runtime.worker import workflow_runner

HISTORIES = Path(__file__).parent / "histories"
# Besides one history for each branch: that of a parcel's own run.
PARCEL = "parcel"
SOURCE = Path(workflow.__file__).read_text(encoding="utf-8")
# What the instrumented workflow calls at the start of each block, and where it writes the line.
_ENTERED = "entered"


def recorded(domain: str = "") -> dict[str, WorkflowHistory]:
    """Return the histories by name: of orders, or those in the folder of another domain."""
    return {path.stem: _read(path) for path in sorted((HISTORIES / domain).glob("*.json"))}


def source_of(domain: Domain) -> str:
    """Return the code of a domain's workflows."""
    return Path(sys.modules[domain.workflows[0].__module__].__file__ or "").read_text(encoding="utf-8")


def _read(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(f"order-{path.stem}", path.read_text(encoding="utf-8"))


def failures_of(
    histories: Iterable[WorkflowHistory],
    *,
    module: ModuleType | None = None,
    first_only: bool = False,
    domain: Domain = DOMAIN,
) -> list[str]:
    """Replay on the product's workflows in the sandbox, or on those of `module`; return what failed."""
    workflows: tuple[Any, ...] = domain.workflows
    runner: WorkflowRunner = workflow_runner(domain, sandboxed=True)
    if module is not None:
        workflows = tuple(getattr(module, workflow.__name__) for workflow in domain.workflows)
        runner = UnsandboxedWorkflowRunner()
    replayer = Replayer(workflows=workflows, workflow_runner=runner, data_converter=DATA_CONVERTER)
    return asyncio.run(_replay(replayer, histories, first_only=first_only))


async def _replay(replayer: Replayer, histories: Iterable[WorkflowHistory], *, first_only: bool) -> list[str]:
    failures = []
    for history in histories:
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        if result.replay_failure is not None:
            failures.append(f"{history.workflow_id}: {result.replay_failure}")
            if first_only:
                break
    return failures


# --- The workflow as it would be -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """The workflow without one statement that takes a step: the `number`-th of `source`."""

    name: str
    source: str
    number: int

    @property
    def tree(self) -> ast.Module:
        """Return the workflow's code without the statement."""
        tree = ast.parse(self.source)
        victim = list(_steps(tree))[self.number]
        is_return = isinstance(victim, ast.Return)
        gone = ast.Return(value=ast.Name("step", ast.Load())) if is_return else ast.Pass()
        _Replace(victim, gone).visit(tree)
        return tree


def mutants(source: str = SOURCE) -> Iterator[Mutant]:
    """Leave out each statement that awaits a step, one at a time."""
    for number, statement in enumerate(_steps(ast.parse(source))):
        name = f"{statement.lineno}: {ast.unparse(statement)[:60]}"
        yield Mutant(name=name, source=source, number=number)


def _steps(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign | ast.Return) and _awaits_a_step(node):
            yield node


def _awaits_a_step(statement: ast.stmt) -> bool:
    """Tell whether a statement awaits something that a history shows; `workflow.wait` shows nothing."""
    awaited = [node.value for node in ast.walk(statement) if isinstance(node, ast.Await)]
    return any("workflow.wait(" not in ast.unparse(value) for value in awaited)


class _Replace(ast.NodeTransformer):
    def __init__(self, victim: ast.stmt, other: ast.stmt) -> None:
        self._victim, self._other = victim, other

    def visit(self, node: ast.AST) -> Any:
        """Put the other statement where the victim was."""
        return self._other if node is self._victim else super().visit(node)


def load(tree: ast.Module, *, name: str, **names: object) -> ModuleType:
    """Return a changed workflow as a module of its own."""
    module = ModuleType(f"workflows.orders.{name}")
    module.__dict__.update(names)
    sys.modules[module.__name__] = module
    exec(compile(ast.fix_missing_locations(tree), f"<{name}>", "exec"), module.__dict__)
    return module


def unentered_blocks(histories: Iterable[WorkflowHistory], *, domain: Domain = DOMAIN) -> list[str]:
    """Return the blocks of the workflow's code that no history enters, as `line: first statement`."""
    tree = ast.parse(source_of(domain))
    blocks = dict(_blocks(tree))
    entered: set[int] = set()
    module = load(tree, name="instrumented", **{_ENTERED: entered.add})
    assert failures_of(histories, module=module, domain=domain) == []
    return [f"{line}: {text}" for line, text in blocks.items() if line not in entered]


def _blocks(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Put a call at the start of each block inside a function, and name the blocks."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    seen: set[int] = set()
    for function in functions:
        if "query" in {getattr(decorator, "attr", "") for decorator in function.decorator_list}:
            continue
        for node in ast.walk(function):
            for name in ("body", "orelse"):
                block = getattr(node, name, None)
                if not isinstance(block, list) or not block or block[0].lineno in seen:
                    continue
                line = block[0].lineno
                seen.add(line)
                yield line, ast.unparse(block[-1]).partition("\n")[0]
                block.insert(0, ast.parse(f"{_ENTERED}({line})").body[0])
