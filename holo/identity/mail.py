"""Sends mail about invitations and changed addresses when they are made."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from holo.identity.events import ADDRESS_CHANGED, MEMBER_INVITED
from holo.identity.tasks import mail_address_change, mail_invitation

if TYPE_CHECKING:
    from holo.outbox.delivery import Delivery


def handlers() -> dict[str, "Callable[[Delivery], None]"]:
    """Return this module's outbox handlers by topic."""
    return {MEMBER_INVITED: _member_invited, ADDRESS_CHANGED: _address_changed}


def _member_invited(delivery: "Delivery") -> None:
    mail_invitation.delay(str(delivery.payload["invitation_id"]))


def _address_changed(delivery: "Delivery") -> None:
    # One task for each, so that a refused address keeps the other one from nothing.
    for told in delivery.payload["tell"]:
        mail_address_change.delay(str(delivery.payload["change_id"]), str(told))
