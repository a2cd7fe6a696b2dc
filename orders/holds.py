"""Holding an order's goods: what the order waits for then, and until when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_noop

from holo.approvals.operations import Reason, Subject, open_request
from holo.common.money import Money
from inventory.operations import Held, Shortage
from orders.models import Order
from orders.operations import event_statement
from orders.states import Status
from orders.steps import Next, Step
from orders.subject import SUBJECT_TYPE
from orders.terms import HOLD_MARGIN, approval_period, approval_threshold, payment_period


def reservation_key(order_id: UUID) -> str:
    """Return the key under which the result of the reservation is kept."""
    return f"{order_id}:reserve"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstWait:
    """What an order waits for once its goods are held: a decision or a payment, until `deadline`."""

    status: Status
    deadline: datetime
    threshold: Money

    @property
    def needs_approval(self) -> bool:
        """Whether a person must decide first."""
        return self.status == Status.AWAITING_APPROVAL

    @property
    def hold_expires_at(self) -> datetime:
        """Until when the goods are held."""
        return self.deadline + HOLD_MARGIN

    def step(self, payment_id: UUID | None = None) -> Step:
        """Return the step of the reservation; `payment_id` is the attempt that came with the order."""
        if self.needs_approval:
            return Step(next=Next.APPROVAL, status=self.status, deadline=self.deadline)
        if payment_id is not None:
            return Step(next=Next.CHARGE, status=self.status, payment_id=payment_id)
        return Step(next=Next.PAYMENT, status=self.status, deadline=self.deadline)


def first_wait(order: Order) -> FirstWait:
    """Return what the order, locked or new, waits for once its goods are held."""
    threshold = approval_threshold(order.currency)
    needs_approval = order.total_minor > threshold.minor
    return FirstWait(
        status=Status.AWAITING_APPROVAL if needs_approval else Status.AWAITING_PAYMENT,
        deadline=order.locked_at + (approval_period(order) if needs_approval else payment_period(order)),
        threshold=threshold,
    )


def begin_wait(order: Order, wait: FirstWait, held: Held) -> str:
    """Move the order to its first wait because its goods are held; return the SQL that writes it."""
    shown: dict[str, object] = {
        "reservation_id": str(held.reservation_id),
        "warehouses": sorted({line.warehouse_code for line in held.lines}),
        "approval_above": wait.threshold.as_wire(),
    }
    if wait.needs_approval:
        return event_statement(order, "stock_reserved", status=wait.status, data=shown)
    order.payment_deadline = wait.deadline
    return event_statement(
        order, "stock_reserved", status=wait.status, data=shown, changed=("payment_deadline",)
    )


def open_approval(order: Order, wait: FirstWait, *, version: int, digest: str) -> None:
    """Ask for a decision about the order's content as of `version`."""
    open_request(
        organization_id=order.organization_id,
        subject=Subject(type=SUBJECT_TYPE, id=order.pk, label=order.number, version=version, digest=digest),
        reasons=[
            Reason(rule=gettext_noop("order total"), measured=str(order.total), threshold=str(wait.threshold))
        ],
        contributors=[order.created_by_id],
        deadline=wait.deadline,
    )


def shown_shortages(
    shortages: Sequence[Shortage], skus: Mapping[UUID, str], *, tells: bool = True
) -> list[dict[str, object]]:
    """Return what is missing: each SKU with how many were wanted and, if it `tells`, how many there are."""
    return [
        {"sku": skus[short.product_id], "requested": short.requested}
        | ({"available": short.available} if tells else {})
        for short in shortages
    ]
