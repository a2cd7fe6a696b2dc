"""The ports in memory, for tests: what one process sees while it lives."""

from dataclasses import dataclass, field

from workflows.pizza import usecases
from workflows.pizza.adapters.sandbox import accepts_card, reaches
from workflows.pizza.contracts import Address, Bill, PizzaOrder, Receipt, Status
from workflows.pizza.ports import OrderDiffersError, OrderUnknownError, Ports


@dataclass(slots=True)
class MemoryRepository:
    """Orders in dictionaries."""

    orders: dict[str, PizzaOrder] = field(default_factory=dict)
    bills: dict[str, Bill] = field(default_factory=dict)
    outcomes: dict[str, tuple[Status, str]] = field(default_factory=dict)

    def save_order(self, order: PizzaOrder) -> None:
        """Keep the order."""
        if self.orders.setdefault(order.order_id, order) != order:
            raise OrderDiffersError(f"order {order.order_id} exists with other content")

    def get_order(self, order_id: str) -> PizzaOrder:
        """Return the order."""
        try:
            return self.orders[order_id]
        except KeyError:
            raise OrderUnknownError(f"there is no order {order_id}") from None

    def record_bill(self, order_id: str, bill: Bill) -> None:
        """Keep the bill."""
        self.bills[order_id] = bill

    def record_outcome(self, order_id: str, status: Status, detail: str) -> None:
        """Keep the outcome."""
        self.outcomes[order_id] = (status, detail)

    def get_receipt(self, order_id: str) -> Receipt:
        """Make the receipt."""
        status, _ = self.outcomes.get(order_id, (Status.RECEIVED, ""))
        return usecases.make_receipt(self.get_order(order_id), status=status, bill=self.bills.get(order_id))


@dataclass(slots=True)
class MemoryPayments:
    """Charges by key: captured, declined, refunded or void."""

    states: dict[str, str] = field(default_factory=dict)
    captures: int = 0

    def charge(self, *, key: str, card: str, bill: Bill) -> bool:
        """Capture once."""
        if key not in self.states:
            self.states[key] = "captured" if accepts_card(card) else "declined"
            self.captures += accepts_card(card)
        return self.states[key] == "captured"

    def refund(self, *, key: str) -> None:
        """Refund what was captured; void a key that was not used."""
        state = self.states.setdefault(key, "void")
        if state == "captured":
            self.states[key] = "refunded"


@dataclass(slots=True)
class MemoryDelivery:
    """Deliveries by key."""

    taken: dict[str, Address] = field(default_factory=dict)

    def schedule_delivery(self, *, key: str, address: Address) -> bool:
        """Take it if it is in reach."""
        if reaches(address):
            self.taken[key] = address
        return reaches(address)


@dataclass(slots=True)
class MemoryNotifications:
    """What was sent, by key."""

    sent: dict[str, Receipt] = field(default_factory=dict)

    def send(self, *, key: str, receipt: Receipt) -> None:
        """Send once."""
        self.sent.setdefault(key, receipt)


def memory_ports() -> Ports:
    """Return ports that share nothing with any others."""
    return Ports(
        repository=MemoryRepository(),
        payments=MemoryPayments(),
        delivery=MemoryDelivery(),
        notifications=MemoryNotifications(),
    )
