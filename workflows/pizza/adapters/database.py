"""The ports on rows. Each change is one statement, so none needs a transaction around it."""

from workflows.pizza import usecases
from workflows.pizza.adapters.sandbox import accepts_card, reaches
from workflows.pizza.contracts import Address, Bill, PizzaOrder, Receipt, Status
from workflows.pizza.models import Charge, Delivery, Message, Order
from workflows.pizza.ports import OrderDiffersError, OrderUnknownError, Ports


class DatabaseRepository:
    """Orders as rows of `Order`."""

    def save_order(self, order: PizzaOrder) -> None:
        """Insert the row, or find it as it is."""
        document = order.model_dump(mode="json")
        Order.objects.bulk_create([Order(order_id=order.order_id, document=document)], ignore_conflicts=True)
        if _row(order.order_id).document != document:
            raise OrderDiffersError(f"order {order.order_id} exists with other content")

    def get_order(self, order_id: str) -> PizzaOrder:
        """Read the row."""
        return PizzaOrder.model_validate(_row(order_id).document)

    def record_bill(self, order_id: str, bill: Bill) -> None:
        """Write the bill into the row."""
        Order.objects.filter(pk=order_id).update(total_minor=bill.total_minor, currency=bill.currency)

    def record_outcome(self, order_id: str, status: Status, detail: str) -> None:
        """Write the outcome into the row."""
        Order.objects.filter(pk=order_id).update(status=status.value, detail=detail[:200])

    def get_receipt(self, order_id: str) -> Receipt:
        """Make the receipt from the row."""
        row = _row(order_id)
        bill = None
        if row.total_minor is not None:
            bill = Bill(total_minor=row.total_minor, currency=row.currency)
        order = PizzaOrder.model_validate(row.document)
        return usecases.make_receipt(order, status=Status(row.status), bill=bill)


class DatabasePayments:
    """The books of the payment company, one row for each key."""

    def charge(self, *, key: str, card: str, bill: Bill) -> bool:
        """Insert the charge unless the key is taken; the row that is there answers."""
        state = Charge.State.CAPTURED if accepts_card(card) else Charge.State.DECLINED
        charge = Charge(key=key, amount_minor=bill.total_minor, currency=bill.currency, state=state)
        Charge.objects.bulk_create([charge], ignore_conflicts=True)
        return Charge.objects.get(pk=key).state == Charge.State.CAPTURED

    def refund(self, *, key: str) -> None:
        """Pay back what was captured; a row for a key without a charge keeps a late one from happening."""
        void = Charge(key=key, amount_minor=0, state=Charge.State.VOID)
        Charge.objects.bulk_create([void], ignore_conflicts=True)
        Charge.objects.filter(pk=key, state=Charge.State.CAPTURED).update(state=Charge.State.REFUNDED)


class DatabaseDelivery:
    """The courier's books, one row for each key."""

    def schedule_delivery(self, *, key: str, address: Address) -> bool:
        """Insert the delivery if it is in reach."""
        if reaches(address):
            row = Delivery(key=key, address=usecases.format_address(address))
            Delivery.objects.bulk_create([row], ignore_conflicts=True)
        return reaches(address)


class DatabaseNotifications:
    """What was sent, one row for each key."""

    def send(self, *, key: str, receipt: Receipt) -> None:
        """Insert the message."""
        Message.objects.bulk_create([Message(key=key, text=receipt.message)], ignore_conflicts=True)


def database_ports() -> Ports:
    """Return the ports on this process's database."""
    return Ports(
        repository=DatabaseRepository(),
        payments=DatabasePayments(),
        delivery=DatabaseDelivery(),
        notifications=DatabaseNotifications(),
    )


def _row(order_id: str) -> Order:
    row = Order.objects.filter(pk=order_id).first()
    if row is None:
        raise OrderUnknownError(f"there is no order {order_id}")
    return row
