"""How a scene is prepared: what to send, and what holds something while it is sent."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from django.test import Client

from orders.models import Order
from tests.bad_inputs.cases.rows import Sent
from tests.bad_inputs.surface import Endpoint, endpoints
from tests.bad_inputs.world import (
    World,
)

ENDPOINTS = {str(endpoint): endpoint for endpoint in endpoints()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What to send: the good request for an order, with these changes; by a browser, where there is one."""

    order: Order | None = None
    sent: Sent = field(default_factory=lambda: Sent(label="good"))
    client: Client | None = None


Maker = Callable[[World, Endpoint], Ready]
MAKERS: dict[str, Callable[[World, Endpoint], AbstractContextManager[Ready]]] = {}


def scene(name: str) -> Callable[[Maker], Maker]:
    """Register what prepares a scene."""

    def register(maker: Maker) -> Maker:
        @contextmanager
        def ready(world: World, endpoint: Endpoint) -> Iterator[Ready]:
            yield maker(world, endpoint)

        MAKERS[name] = ready
        return maker

    return register


def around(
    name: str,
) -> Callable[[Callable[[World, Endpoint], Iterator[Ready]]], Callable[..., Iterator[Ready]]]:
    """Register what prepares a scene and holds something while the request is sent."""

    def register(maker: Callable[[World, Endpoint], Iterator[Ready]]) -> Callable[..., Iterator[Ready]]:
        MAKERS[name] = contextmanager(maker)
        return maker

    return register


def with_key(text: str) -> Ready:
    """Send with this credential."""
    return Ready(sent=Sent(label="key", headers={"Authorization": f"Bearer {text}"}))
