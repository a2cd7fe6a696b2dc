"""The workflow domains of this installation, and which outbox topics start or wake their workflows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from holo.common.verify import Rule
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One business process: its queue, workflows, activities and what starts and wakes them."""

    name: str
    task_queue: str
    workflows: tuple[type, ...]
    activities: tuple[Callable[..., Any], ...]
    routes: tuple[Route, ...] = ()
    # What `verify` and `reconcile` know of the domain beside the rows: how its runs and rows fit together.
    rules: tuple[Rule, ...] = ()
    drifts: tuple[DriftKind, ...] = ()


def enabled_domains(names: Iterable[str] | None = None) -> tuple[Domain, ...]:
    """Return the domains that ENABLE_DOMAINS names, or those of `names` among them.

    A short name means `workflows.<name>.domain.DOMAIN`; a dotted path means that package's `domain.DOMAIN`.
    Raises ImproperlyConfigured with the entry at fault.
    """
    entries = [entry.strip() for entry in settings.ENABLE_DOMAINS if entry.strip()]
    loaded = {entry: _load(entry) for entry in entries}
    _refuse_twins(tuple(loaded.values()))
    if names is None:
        return tuple(loaded.values())
    known = {**loaded, **{domain.name: domain for domain in loaded.values()}}
    chosen: dict[str, Domain] = {}
    for name in names:
        if name not in known:
            enabled = ", ".join(entries) or "none"
            raise ImproperlyConfigured(f"domain {name} is not enabled; ENABLE_DOMAINS names: {enabled}")
        chosen[known[name].name] = known[name]
    return tuple(chosen.values())


def _load(entry: str) -> Domain:
    package = entry if "." in entry else f"workflows.{entry}"
    path = f"{package}.domain"
    try:
        module = import_module(path)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            raise ImproperlyConfigured(f"domain {entry} cannot be imported: {error}") from error
        raise ImproperlyConfigured(f"ENABLE_DOMAINS names {entry}, but there is no module {path}") from error
    except ImportError as error:
        raise ImproperlyConfigured(f"domain {entry} cannot be imported: {error}") from error
    domain = getattr(module, "DOMAIN", None)
    if not isinstance(domain, Domain):
        raise ImproperlyConfigured(
            f"ENABLE_DOMAINS names {entry}, but {path} defines no DOMAIN of type Domain"
        )
    return domain


def _refuse_twins(domains: tuple[Domain, ...]) -> None:
    for attribute in ("name", "task_queue"):
        values = [getattr(domain, attribute) for domain in domains]
        twins = sorted({value for value in values if values.count(value) > 1})
        if twins:
            raise ImproperlyConfigured(f"two enabled domains have the {attribute} {twins[0]}")
