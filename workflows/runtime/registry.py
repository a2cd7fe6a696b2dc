"""The workflow domains of this installation, and which outbox topics start or wake their workflows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel

from holo.common.verify import Rule
from holo.domains import domain_package
from workflows.runtime.reconcile import DriftKind

# The payload of an outbox message: JSON with ids.
Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRoute:
    """Messages of `topic` start `workflow` under a business id.

    Already running or already finished counts as delivered. `skip` tells that the subject is finished, so
    that a message repeated after Temporal forgot the run does not start it again.
    """

    topic: str
    workflow: type
    workflow_id: Callable[[Payload], str]
    input: Callable[[Payload], object]
    skip: Callable[[Payload], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRoute:
    """Messages of `topic` wake a workflow. `workflow_id` returns None for messages of another domain.

    A workflow that is not there, or no longer there, counts as delivered: it reads the rows itself.
    """

    topic: str
    signal: str
    workflow_id: Callable[[Payload], str | None]
    payload: Callable[[Payload], object | None] | None = None


Route = StartRoute | SignalRoute


class StartRefusedError(Exception):
    """An input that fits its contract and cannot be started all the same; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A workflow that `manage.py workflow start` starts for a person, with an input given as JSON.

    `workflow_id` returns the business id of an input: the same input is the same run. `begin` commits what
    must be there before the run and returns the workflow's own input, so that names and addresses stay in
    rows; it may come twice, and raises StartRefusedError. `report` makes of the workflow's result, read as
    `result`, what the person is shown.
    """

    workflow: type
    input: type[BaseModel]
    workflow_id: Callable[[Any], str]
    begin: Callable[[Any], object] | None = None
    result: Any = Any
    report: Callable[[Any], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One business process: its queue, workflows, activities and what starts and wakes them."""

    name: str
    # The default; TASK_QUEUES may name another one.
    task_queue: str
    workflows: tuple[type, ...]
    activities: tuple[Callable[..., Any], ...]
    routes: tuple[Route, ...] = ()
    # By the name that is typed, usually that of the domain.
    starts: Mapping[str, Start] = field(default_factory=dict)
    # What `verify` and `reconcile` know of the domain beside the rows: how its runs and rows fit together.
    rules: tuple[Rule, ...] = ()
    drifts: tuple[DriftKind, ...] = ()


def enabled_domains(names: Iterable[str] | None = None) -> tuple[Domain, ...]:
    """Return the domains that ENABLE_DOMAINS names, or those of `names` among them, with their queues.

    A short name means `workflows.<name>.domain.DOMAIN`; a dotted path means that package's `domain.DOMAIN`.
    With `names` no other domain is imported. Raises ImproperlyConfigured with the entry at fault.
    """
    chosen = enabled_entries()
    if names is not None:
        chosen = tuple(dict.fromkeys(_entry(name, chosen) for name in names))
    domains = tuple(load_domain(entry) for entry in chosen)
    _refuse_twins(domains)
    return domains


def enabled_entries() -> tuple[str, ...]:
    """Return the entries of ENABLE_DOMAINS as they stand there."""
    return tuple(entry for entry in map(str.strip, settings.ENABLE_DOMAINS) if entry)


def queue_of(name: str, default: str) -> str:
    """Return the queue of a domain: that of TASK_QUEUES, else the domain's own."""
    return str(settings.TASK_QUEUES.get(name, default))


def load_domain(entry: str) -> Domain:
    """Import the domain of one entry; raises ImproperlyConfigured."""
    path = f"{domain_package(entry)}.domain"
    try:
        module = import_module(path)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            raise ImproperlyConfigured(f"domain {entry} cannot be imported: {error}") from error
        raise ImproperlyConfigured(f"ENABLE_DOMAINS names {entry}, but there is no module {path}") from error
    except Exception as error:
        # Whatever its modules raise: the code is somebody else's.
        text = f"{type(error).__name__}: {error}"
        raise ImproperlyConfigured(f"domain {entry} cannot be imported: {text}") from error
    domain = getattr(module, "DOMAIN", None)
    if not isinstance(domain, Domain):
        raise ImproperlyConfigured(
            f"ENABLE_DOMAINS names {entry}, but {path} defines no DOMAIN of type Domain"
        )
    return replace(domain, task_queue=queue_of(domain.name, domain.task_queue))


def _entry(name: str, entries: tuple[str, ...]) -> str:
    """Return the entry that a name means: as it stands there, by its last part, or by the domain's name."""
    for entry in entries:
        if name in (entry, entry.rpartition(".")[2]):
            return entry
    for entry in entries:
        # Only a package named otherwise than its domain needs to be looked into.
        if "." in entry and load_domain(entry).name == name:
            return entry
    enabled = ", ".join(entries) or "none"
    raise ImproperlyConfigured(f"domain {name} is not enabled; ENABLE_DOMAINS names: {enabled}")


def _refuse_twins(domains: tuple[Domain, ...]) -> None:
    for attribute, what in (("name", "name"), ("task_queue", "task queue")):
        values = [getattr(domain, attribute) for domain in domains]
        twins = sorted({value for value in values if values.count(value) > 1})
        if twins:
            raise ImproperlyConfigured(f"two enabled domains have the {what} {twins[0]}")
    starts = [name for domain in domains for name in domain.starts]
    twins = sorted({name for name in starts if starts.count(name) > 1})
    if twins:
        raise ImproperlyConfigured(f"two enabled domains have a start named {twins[0]}")
