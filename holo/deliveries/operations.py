"""Adds deliveries inside the transaction of their cause, and forgets addresses."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Lower, Now

from holo.common.clock import database_now
from holo.common.context import request_id
from holo.common.db import require_transaction
from holo.common.ids import uuid7
from holo.deliveries.kinds import Recipient, find_kind
from holo.deliveries.models import Delivery

State = Delivery.State


def add_deliveries(
    *,
    kind: str,
    organization_id: UUID,
    recipients: Sequence[Recipient],
    data: Mapping[str, object],
    source: str = "",
    available_at: datetime | None = None,
) -> int:
    """Add one row for each recipient; return how many there are. They are sent soon after the commit.

    `data` is JSON with ids, no secrets and no personal data. A `source` that was used before adds nothing for
    the same recipients; for each source at most one recipient is an address. `available_at` is the earliest
    time of the first attempt.
    """
    require_transaction()
    assert find_kind(kind) is not None, kind
    source = source or str(uuid7())
    first_attempt = available_at or database_now()
    rows = [
        Delivery(
            organization_id=organization_id,
            kind=kind,
            source=source,
            recipient_id=recipient.id,
            address=recipient.address,
            data=dict(data),
            request_id=request_id(),
            available_at=first_attempt,
        )
        for recipient in recipients
    ]
    return len(Delivery.objects.bulk_create(rows, ignore_conflicts=True))


def forget_recipient(*, person_id: UUID, addresses: Collection[str]) -> None:
    """Remove the addresses of a person from all rows, those given and those kept for the person.

    What was still to be sent to one of these is no longer needed. Rows that name the person by id alone stay.
    """
    require_transaction()
    known = Delivery.objects.exclude(address="").alias(lowered=Lower("address"))
    lowered = {address.lower() for address in addresses}
    found = known.filter(Q(recipient_id=person_id) | Q(lowered__in=lowered))
    ids = list(found.values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=ids, state=State.WAITING).update(
        state=State.WITHDRAWN, ended_at=Now(), claimed_until=None
    )
    Delivery.objects.filter(pk__in=ids).update(address="")
