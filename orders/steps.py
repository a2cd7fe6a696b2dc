"""What the steps of an order answer: which kind of step comes next, read from the rows."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Next(StrEnum):
    """What an order does next. APPROVAL, PAYMENT and ATTENTION are waits for people."""

    APPROVAL = "approval"
    PAYMENT = "payment"
    CHARGE = "charge"
    SHIPPING = "shipping"
    HANDOVER = "handover"
    COMPLETION = "completion"
    UNWIND = "unwind"
    ATTENTION = "attention"
    RETRY = "retry"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The answer of one step.

    `deadline` is until when a wait lasts; `payment_id` what to charge; `shipment_ids` what to send;
    `status` the order's status after the step.
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
