"""Sends invitations by mail when they are made."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from holo.identity.events import MEMBER_INVITED
from holo.identity.tasks import mail_invitation

if TYPE_CHECKING:
    from holo.outbox.delivery import Delivery


def handlers() -> dict[str, "Callable[[Delivery], None]"]:
    """Return this module's outbox handlers by topic."""
    return {MEMBER_INVITED: _member_invited}


def _member_invited(delivery: "Delivery") -> None:
    mail_invitation.delay(str(delivery.payload["invitation_id"]))
