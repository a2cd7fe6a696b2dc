"""What crosses between the order workflow and its activities: ids and steps, no rows, no personal data."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

Next = Literal[
    "approval",
    "payment",
    "charge",
    "shipping",
    "handover",
    "unwind",
    "attention",
    "retry",
    "done",
]


class Contract(BaseModel):
    """Base of all contracts: frozen, readable from objects with the same attributes."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class OrderRef(Contract):
    """One order: input of the workflow and of its steps."""

    order_id: UUID


class OrderStart(OrderRef):
    """Input of an order's workflow.

    `first` is the step after its placement; None: ask the rows. `at_once` tells that steps which need no
    waiting are taken in one activity; runs that an earlier version started do not.
    """

    first: "StepTaken | None" = None
    at_once: bool = False


class PaymentRef(Contract):
    """One payment attempt."""

    payment_id: UUID


class ShipmentRef(Contract):
    """One shipment: input of its workflow and steps."""

    shipment_id: UUID


class StepTaken(Contract):
    """What a step answers: which kind of step comes next, read from the rows."""

    next: Next
    status: str
    deadline: datetime | None = None
    payment_id: UUID | None = None
    shipment_ids: tuple[UUID, ...] = ()


class OrderAtStep(OrderRef):
    """An order that takes its steps one after the other, from `step` on."""

    step: StepTaken


class Advanced(Contract):
    """How far an order got: the step that comes next, its parcels, and which step failed, if one did."""

    step: StepTaken
    shipment_ids: tuple[UUID, ...] = ()
    failed: str = ""


class FailedStep(Contract):
    """A step that failed for good."""

    step: str
    attempts: int
    error_code: str
    message: str


class Parked(Contract):
    """An order with the steps that wait for an operator; `forward` if they were not to undo it."""

    order_id: UUID
    failures: tuple[FailedStep, ...]
    forward: bool = False


class OrderResult(Contract):
    """How an order ended."""

    status: str


class Activity:
    """Names of the activities: those of the services they call."""

    RESERVE_STOCK = "reserve_order_stock"
    SETTLE_APPROVAL = "settle_approval"
    SETTLE_PAYMENT = "settle_payment"
    ADVANCE_ORDER = "advance_order"
    CHARGE_PAYMENT = "charge_payment"
    CREATE_LABEL = "create_label"
    FAIL_SHIPMENT = "fail_shipment"
    HAND_OVER_SHIPMENT = "hand_over_shipment"
    CANCEL_ORDER = "cancel_order"
    VOID_LABEL = "void_label"
    REFUND_PAYMENT = "refund_payment"
    RELEASE_STOCK = "release_order_stock"
    CLOSE_ORDER = "close_order"
    PARK_ORDER = "park_order"
    SETTLE_RETRY = "settle_retry"


def order_workflow_id(order_id: UUID | str) -> str:
    """Return the workflow id of an order."""
    return f"order-{order_id}"


def shipment_workflow_id(shipment_id: UUID | str) -> str:
    """Return the workflow id of a shipment."""
    return f"shipment-{shipment_id}"
