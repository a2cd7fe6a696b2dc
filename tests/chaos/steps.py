"""The steps of an order and where each can be interrupted, read from the code itself."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from holo.common.ids import uuid7
from orders import services
from workflows.orders.activities import ACTIVITIES, _calls, advance_order
from workflows.orders.contracts import StepTaken

BEFORE_COMMIT, AFTER_COMMIT = "before_commit", "after_commit"
BEGUN, BEFORE_REPORT = "begun", "before_report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """A point of an activity on one branch; the crash matrix is a list of these."""

    branch: str
    activity: str
    point: str

    def __str__(self) -> str:
        return f"{self.branch}: {self.activity} at {self.point}"


def activity_name(activity: Callable[..., Any]) -> str:
    """Return the name under which Temporal knows an activity."""
    definition: Any = getattr(activity, "__temporal_activity_definition")
    return str(definition.name)


def services_of(activity: Callable[..., Any]) -> list[str]:
    """Return the services that an activity calls, in order, from its source.

    What it calls only after an error, such as a partner that is busy, is on no branch that is played here;
    that has tests of its own (`tests/workflows/test_outside_limits.py`).

    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(activity)))
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    after_errors = {inner for handler in handlers for inner in ast.walk(handler)}
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and node not in after_errors]
    found = [
        call for call in calls if isinstance(call, ast.Attribute) and ast.unparse(call.value) == "services"
    ]
    names = [call.attr for call in sorted(found, key=lambda call: (call.lineno, call.col_offset))]
    if activity is advance_order:
        return [name for step in _steps_at_once() for name in services_of(step)]
    assert names, f"{activity} calls no service"
    assert all(hasattr(services, name) for name in names)
    return names


def _steps_at_once() -> Iterator[Callable[..., Any]]:
    """Yield the activities whose steps one activity takes after the other."""
    by_name = {activity_name(activity): activity for activity in ACTIVITIES}
    for following in ("charge", "shipping", "handover"):
        step = StepTaken(next=following, status="", payment_id=uuid7(), shipment_ids=(uuid7(),))
        yield from (by_name[name] for name, _call in _calls(step))


SERVICES = {activity_name(activity): services_of(activity) for activity in ACTIVITIES}


def points_of(activity: str) -> Iterator[str]:
    """Yield where a kill during an activity makes a difference: around each commit, before the report."""
    for service in SERVICES[activity]:
        yield f"{service}:{BEFORE_COMMIT}"
        yield f"{service}:{AFTER_COMMIT}"
    yield f"{activity}:{BEFORE_REPORT}"
