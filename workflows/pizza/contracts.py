"""What crosses the borders of the domain.

`PizzaOrder` and `Receipt` are for people and rows. What the workflow carries is the rest: ids, amounts and
states, so that no name and no address enters a history.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1, max_length=100)]
OrderId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class Contract(BaseModel):
    """Base of all contracts: frozen, and an unknown field is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Size(StrEnum):
    """The sizes that there are."""

    S = "S"
    M = "M"
    L = "L"


class Address(Contract):
    """Where to deliver."""

    street: Text
    city: Text
    zip_code: Annotated[str, Field(pattern=r"^[0-9A-Za-z -]{3,10}$")]


class PizzaItem(Contract):
    """So many pizzas of one kind."""

    flavor: Text
    size: Size
    quantity: Annotated[int, Field(gt=0, le=100, strict=True)]


class PizzaOrder(Contract):
    """What a customer wants; `card` is what the payment gateway knows the card by."""

    order_id: OrderId
    customer_name: Text
    items: Annotated[tuple[PizzaItem, ...], Field(min_length=1, max_length=50)]
    delivery_address: Address
    is_vip: bool = False
    card: Text = "tok_ok"
    baking_seconds: Annotated[int, Field(ge=0, le=3600, strict=True)] = 2


class Bill(Contract):
    """What an order costs, in minor units (fen, cents) of its currency."""

    total_minor: Annotated[int, Field(gt=0, strict=True)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Status(StrEnum):
    """How an order stands; from `COMPLETED` on it has ended."""

    RECEIVED = "RECEIVED"
    NEEDS_ATTENTION = "NEEDS_ATTENTION"
    COMPLETED = "COMPLETED"
    DECLINED = "DECLINED"
    UNDELIVERABLE = "UNDELIVERABLE"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


class OrderRef(Contract):
    """One order: the workflow's input."""

    order_id: OrderId
    baking_seconds: int = 0


class Charge(Contract):
    """What to charge for an order."""

    order_id: OrderId
    bill: Bill


class Outcome(Contract):
    """How an order ended, or that a step of it waits for a person: `detail` says which."""

    order_id: OrderId
    status: Status
    detail: str = ""


class Receipt(Contract):
    """What the customer gets in the end."""

    order_id: OrderId
    status: Status
    message: str
    bill: Bill | None
    total: str | None
    delivered_to: str | None


class Activity:
    """Names of the activities."""

    CALCULATE_BILL = "calculate_bill"
    CHARGE_PAYMENT = "charge_payment"
    REFUND_PAYMENT = "refund_payment"
    SCHEDULE_DELIVERY = "schedule_delivery"
    RECORD_OUTCOME = "record_outcome"
    NOTIFY_CUSTOMER = "notify_customer"


def pizza_workflow_id(order_id: str) -> str:
    """Return the workflow id of an order."""
    return f"pizza-{order_id}"
