"""What the steps of an order answer: which kind of step comes next, read from the rows."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Next(StrEnum):
    """What an order does next. APPROVAL, PAYMENT and ATTENTION are waits for people.

    SHIPPING goes on until all labels exist, HANDOVER until all parcels have left.
    """

    APPROVAL = "approval"
    PAYMENT = "payment"
    CHARGE = "charge"
    SHIPPING = "shipping"
    HANDOVER = "handover"
    UNWIND = "unwind"
    ATTENTION = "attention"
    RETRY = "retry"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The answer of one step.

    `deadline` is until when a wait lasts: it has passed already where the step cannot tell that nothing has
    happened since, so that the waiting process asks at once. `payment_id` is what to charge, `shipment_ids`
    what to send, `status` the order's status after the step.
    """

    next: Next
    status: str
    deadline: datetime | None = None
    payment_id: UUID | None = None
    shipment_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A step that failed for good: its name, how often it was tried, the last error."""

    step: str
    attempts: int
    error_code: str
    message: str
