"""What the domain needs of the world. Each call may come twice and has its effect once."""

from dataclasses import dataclass
from typing import Protocol

from workflows.pizza.contracts import Address, Bill, PizzaOrder, Receipt, Status


class OrderUnknownError(Exception):
    """There is no order of this id."""


class OrderDiffersError(Exception):
    """There is an order of this id already, and it is another one."""


class PizzaRepository(Protocol):
    """Keeps the orders."""

    def save_order(self, order: PizzaOrder) -> None:
        """Keep a new order; the same one again changes nothing. Raises OrderDiffersError."""
        ...

    def get_order(self, order_id: str) -> PizzaOrder:
        """Return an order. Raises OrderUnknownError."""
        ...

    def record_bill(self, order_id: str, bill: Bill) -> None:
        """Note what the order costs."""
        ...

    def record_outcome(self, order_id: str, status: Status, detail: str) -> None:
        """Note how the order ended; `detail` is for who looks after it."""
        ...

    def get_receipt(self, order_id: str) -> Receipt:
        """Return the receipt as of now. Raises OrderUnknownError."""
        ...


class PaymentGateway(Protocol):
    """Takes money; `key` makes a charge happen once, however often it is asked for."""

    def charge(self, *, key: str, card: str, bill: Bill) -> bool:
        """Charge the card; False if it is declined, or if the key has been refunded already."""
        ...

    def refund(self, *, key: str) -> None:
        """Pay back what was charged under the key; a key without a charge can never be charged again."""
        ...


class DeliveryService(Protocol):
    """Brings the pizza."""

    def schedule_delivery(self, *, key: str, address: Address) -> bool:
        """Take the delivery on; False if the address is outside its area."""
        ...


class NotificationService(Protocol):
    """Tells the customer."""

    def send(self, *, key: str, receipt: Receipt) -> None:
        """Send the receipt once for each key."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The adapters that the domain runs on."""

    repository: PizzaRepository
    payments: PaymentGateway
    delivery: DeliveryService
    notifications: NotificationService
