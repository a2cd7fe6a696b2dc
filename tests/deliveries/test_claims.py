"""How many attempts run at once, whoever asks."""

import threading

from django.db import connections

from holo.approvals.events import APPROVAL_REQUESTED
from holo.common.db import unit_of_work
from holo.common.ids import uuid7
from holo.deliveries.kinds import Item, Recipient
from holo.deliveries.models import Delivery
from holo.deliveries.operations import add_deliveries
from holo.deliveries.services import Outcome, claim_delivery, record_attempt


def test_so_many_attempts_at_once_and_no_more(fresh_database: str) -> None:
    """What a slow server holds is bounded by rows, however many processes ask."""
    unit_of_work(
        lambda: add_deliveries(
            kind=APPROVAL_REQUESTED,
            organization_id=uuid7(),
            recipients=[Recipient(id=uuid7()), Recipient(id=uuid7())],
            data={},
        )
    )
    claimed: list[Item | None] = []
    barrier = threading.Barrier(8)

    def claim() -> None:
        barrier.wait()
        claimed.append(claim_delivery())
        connections.close_all()

    threads = [threading.Thread(target=claim) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (first,) = filter(None, claimed)
    assert claim_delivery() is None
    record_attempt(item=first, outcome=Outcome(state=Delivery.State.WITHDRAWN))
    assert claim_delivery() is not None, "the control"
