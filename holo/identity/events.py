"""Outbox topics of the app, and the key that keeps messages about one subject in order."""

from collections.abc import Sequence

from holo.common.actor import OrganizationId
from holo.identity.models import AddressChange, UserChange
from holo.outbox.operations import enqueue

MEMBER_INVITED = "identity.member_invited"
ADDRESS_CHANGED = "identity.address_changed"
USER_CHANGE_REQUESTED = "identity.user_change_requested"
USER_CHANGE_CANCEL_REQUESTED = "identity.user_change_cancel_requested"


def announce_change(topic: str, change: UserChange) -> None:
    """Enqueue a message about a change of a user; it carries its ids only."""
    enqueue(
        topic=topic,
        key=f"user-change-{change.pk}",
        organization_id=change.organization_id,
        payload={"change_id": str(change.pk), "workflow_id": change.workflow_id},
    )


def announce_address(change: AddressChange, organization_id: OrganizationId, *, tell: Sequence[str]) -> None:
    """Enqueue a message about another address of a person; `tell` names the fields with who is to be told."""
    enqueue(
        topic=ADDRESS_CHANGED,
        key=f"address-change-{change.pk}",
        organization_id=organization_id,
        payload={"change_id": str(change.pk), "tell": list(tell)},
    )
