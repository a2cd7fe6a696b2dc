"""Makes deliveries of outbox messages whose topic is a kind of delivery."""

from collections.abc import Callable

from holo.deliveries.kinds import list_kinds
from holo.deliveries.services import plan_deliveries
from holo.deliveries.tasks import send_next_delivery
from holo.outbox.delivery import Delivery as Message


def handlers() -> dict[str, Callable[[Message], None]]:
    """Return the handler of each kind that is planned from messages, by topic."""
    return {kind.name: _plan for kind in list_kinds() if kind.recipients is not None}


def _plan(message: Message) -> None:
    if plan_deliveries(message=message):
        # Without it the next sweep would send them, some seconds later.
        send_next_delivery.delay()
