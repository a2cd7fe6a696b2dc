"""Tells by mail that a key or token was made or revoked, so that nobody has one without knowing."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from holo.apiauth.events import KEY_CREATED, KEY_REVOKED
from holo.apiauth.tasks import mail_about_key

if TYPE_CHECKING:
    from holo.outbox.delivery import Delivery


def handlers() -> dict[str, "Callable[[Delivery], None]"]:
    """Return this module's outbox handlers by topic."""
    return {KEY_CREATED: _key_changed, KEY_REVOKED: _key_changed}


def _key_changed(delivery: "Delivery") -> None:
    mail_about_key.delay(delivery.topic, str(delivery.payload["key_id"]), delivery.payload["actor_id"])
