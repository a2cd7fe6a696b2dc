"""Changes of people's e-mail addresses: whoever had the account and whoever has it now are told."""

from collections.abc import Sequence

from holo.audit.operations import record_audit
from holo.common.actor import Actor, OrganizationId
from holo.common.db import require_transaction
from holo.identity.events import announce_address
from holo.identity.models import AddressChange, User


def note_address_change(
    *, actor: Actor, person: User, before: str, tell: Sequence[str] = ("before", "after")
) -> None:
    """Write that `person` had the address `before`, and tell both addresses by mail.

    For every way to change an address, in its transaction. Nothing happens where only the case differs.
    """
    require_transaction()
    if before.lower() == person.email.lower():
        return
    change = AddressChange.objects.create(user=person, before=before, after=person.email)
    record_audit(
        actor=actor,
        action="identity.address_changed",
        subject_type="identity.user",
        subject_id=person.pk,
    )
    announce_address(change, OrganizationId(actor.organization_id), tell=tell)
