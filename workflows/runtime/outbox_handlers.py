"""Delivers outbox messages to Temporal: a topic starts or wakes what the enabled domains say."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from holo.outbox.delivery import Delivery, Handler
from holo.outbox.errors import PermanentDeliveryError
from workflows.runtime import client
from workflows.runtime.errors import CallRefusedError, WorkflowNotFoundError
from workflows.runtime.registry import Domain, Payload, Route, SignalRoute, StartRoute, enabled_domains

T = TypeVar("T")


def handlers() -> dict[str, Handler]:
    """Return the handler of every topic that an enabled domain has a route for."""
    by_topic: dict[str, list[tuple[Domain, Route]]] = {}
    for domain in enabled_domains():
        for route in domain.routes:
            by_topic.setdefault(route.topic, []).append((domain, route))
    return {topic: partial(_deliver, tuple(routes)) for topic, routes in by_topic.items()}


def _deliver(routes: tuple[tuple[Domain, Route], ...], message: Delivery) -> None:
    for domain, route in routes:
        try:
            if isinstance(route, StartRoute):
                _start(domain, route, message.payload)
            else:
                _signal(route, message.payload)
        except CallRefusedError as error:
            raise PermanentDeliveryError(f"{domain.name}: {error.message}") from error


def _start(domain: Domain, route: StartRoute, payload: Payload) -> None:
    if route.skip is not None and _read(route.skip, payload):
        return
    client.start_workflow(
        workflow=route.workflow,
        workflow_id=_read(route.workflow_id, payload),
        task_queue=domain.task_queue,
        input=_read(route.input, payload),
    )


def _signal(route: SignalRoute, payload: Payload) -> None:
    workflow_id = _read(route.workflow_id, payload)
    if workflow_id is None:
        return
    argument = None if route.payload is None else _read(route.payload, payload)
    try:
        client.signal_workflow(workflow_id=workflow_id, signal=route.signal, payload=argument)
    except WorkflowNotFoundError:
        # Not started yet, or ended: the workflow reads the rows itself, a signal is only a hint.
        return


def _read(read: Callable[[Payload], T], payload: Payload) -> T:
    """Apply a route's function; a payload that does not fit will not fit the next time either."""
    try:
        return read(payload)
    except (LookupError, TypeError, ValueError) as error:
        raise PermanentDeliveryError(f"the payload does not fit the route: {type(error).__name__}") from error
