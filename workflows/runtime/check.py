"""What can be wrong with a domain before it runs: imports, queues, activities, signals, impure code."""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _
from temporalio.exceptions import TemporalError

from workflows.runtime.client import workflow_name
from workflows.runtime.purity import file_problems
from workflows.runtime.registry import Domain, SignalRoute, StartRoute, enabled_domains, load_domain

# Beside the workflows themselves; each is looked at where it exists.
_PURE_FILES = ("contracts.py", "usecases.py", "ports.py")
_CALLS = ("execute_activity", "execute_local_activity", "start_activity", "start_local_activity")
# The class in `contracts.py` that names the activities.
_NAMES = "Activity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: in which entry of ENABLE_DOMAINS, and where in its code, if anywhere."""

    domain: str
    where: str
    text: str


def check_domains(entries: Iterable[str]) -> Iterator[Problem]:
    """Yield what is wrong with the domains of these entries, and with all of them together."""
    loaded = True
    for entry in entries:
        try:
            domain = load_domain(entry)
        except ImproperlyConfigured as error:
            loaded = False
            yield Problem(domain=entry, where="", text=str(error))
        else:
            yield from _check(entry, domain)
    if loaded:
        try:
            names = {domain.name for domain in enabled_domains()}
        except ImproperlyConfigured as error:
            yield Problem(domain="", where="ENABLE_DOMAINS", text=str(error))
        else:
            for name in sorted(set(settings.TASK_QUEUES) - names):
                yield Problem(domain="", where="TASK_QUEUES", text=_("no enabled domain is named %s") % name)


def activity_names(domain: Domain) -> tuple[str, ...]:
    """Return the names of a domain's activities; raises TypeError for one that is none."""
    return tuple(_activity_name(function) for function in domain.activities)


def _activity_name(function: Any) -> str:
    definition = getattr(function, "__temporal_activity_definition", None)
    if definition is None:
        raise TypeError(f"{getattr(function, '__qualname__', function)} has no @activity.defn")
    return str(definition.name)


def _check(entry: str, domain: Domain) -> Iterator[Problem]:
    try:
        implemented = activity_names(domain)
        workflows = {workflow_name(workflow): workflow for workflow in domain.workflows}
    except (TypeError, TemporalError) as error:
        yield Problem(domain=entry, where="domain.py", text=str(error))
        return
    for name in sorted({name for name in implemented if implemented.count(name) > 1}):
        yield Problem(domain=entry, where="domain.py", text=_("two activities are named %s") % name)
    yield from _routes(entry, domain)
    for module in sorted({workflow.__module__ for workflow in workflows.values()}):
        yield from _code(entry, module, frozenset(implemented))


def _routes(entry: str, domain: Domain) -> Iterator[Problem]:
    """What a message or a person starts or wakes must be there."""
    signals = {name for workflow in domain.workflows for name in signal_names(workflow)}
    begun = [(f"starts[{name!r}]", start.workflow) for name, start in domain.starts.items()]
    for route in domain.routes:
        if isinstance(route, StartRoute):
            begun.append((route.topic, route.workflow))
        if isinstance(route, SignalRoute) and route.signal not in signals:
            text = _("no workflow takes the signal %(signal)s") % {"signal": route.signal}
            yield Problem(domain=entry, where=route.topic, text=text)
    for where, workflow in begun:
        if workflow not in domain.workflows:
            text = _("%(workflow)s is none of the domain's workflows") % {"workflow": workflow.__name__}
            yield Problem(domain=entry, where=where, text=text)


def signal_names(workflow: type) -> tuple[str, ...]:
    """Return the signals that a workflow takes."""
    definition: Any = getattr(workflow, "__temporal_workflow_definition", None)
    return tuple(name for name in getattr(definition, "signals", {}) if name)


def _code(entry: str, module: str, implemented: frozenset[str]) -> Iterator[Problem]:
    """Look at the source of a workflow and of what it may import from its own package."""
    source = Path(sys.modules[module].__file__ or "")
    package = module.rpartition(".")[0]
    files = [(source, "workflow.py"), *((source.with_name(name), name) for name in _PURE_FILES)]
    for path, role in files:
        if path.is_file():
            for found in file_problems(path, package=package, role=role):
                line, _colon, text = found.partition(": ")
                yield Problem(domain=entry, where=f"{path.name}:{line}", text=text)
    for number, name in _called(source, _named(source.with_name("contracts.py"))):
        if name not in implemented:
            text = _("calls the activity %(name)s, which the domain does not have") % {"name": name}
            yield Problem(domain=entry, where=f"{source.name}:{number}", text=text)


def _named(contracts: Path) -> dict[str, str]:
    """Return the names that the class `Activity` gives, by attribute."""
    if not contracts.is_file():
        return {}
    tree = ast.parse(contracts.read_text(encoding="utf-8"))
    return {
        target.id: str(statement.value.value)
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == _NAMES
        for statement in node.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def _called(source: Path, names: dict[str, str]) -> Iterator[tuple[int, str]]:
    """Yield the activities that a workflow names: by `Activity.NAME` anywhere, or by a text in a call."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == _NAMES:
            yield node.lineno, names.get(node.attr, f"{_NAMES}.{node.attr}")
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in _CALLS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value
