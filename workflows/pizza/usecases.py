"""The rules of the business, pure: no database, no clock, no Temporal."""

from workflows.pizza.contracts import Address, Bill, PizzaOrder, Receipt, Size, Status

CURRENCY = "CNY"
# In minor units.
PRICES = {Size.S: 1000, Size.M: 1500, Size.L: 2000}
VIP_PERCENT = 80

_MESSAGES = {
    Status.RECEIVED: "We are at it.",
    Status.NEEDS_ATTENTION: "Something went wrong; a person is looking at it.",
    Status.COMPLETED: "Bon appetit!",
    Status.DECLINED: "Your card was declined; nothing was charged.",
    Status.UNDELIVERABLE: "We do not deliver there; you have your money back.",
    Status.CANCELLED: "Cancelled; what was charged has been paid back.",
    Status.FAILED: "We could not do it; what was charged has been paid back.",
}


def calculate_bill(order: PizzaOrder) -> Bill:
    """Return the price by size and quantity; a VIP pays 80 %."""
    total = sum(PRICES[item.size] * item.quantity for item in order.items)
    if order.is_vip:
        total = total * VIP_PERCENT // 100
    return Bill(total_minor=total, currency=CURRENCY)


def make_receipt(order: PizzaOrder, *, status: Status, bill: Bill | None) -> Receipt:
    """Return what the customer is told."""
    delivered = status is Status.COMPLETED
    return Receipt(
        order_id=order.order_id,
        status=status,
        message=_MESSAGES[status],
        bill=bill,
        total=format_bill(bill) if bill else None,
        delivered_to=format_address(order.delivery_address) if delivered else None,
    )


def format_bill(bill: Bill) -> str:
    """Return the total in major units with its currency."""
    major, minor = divmod(bill.total_minor, 100)
    return f"{major}.{minor:02} {bill.currency}"


def format_address(address: Address) -> str:
    """Return an address in one line."""
    return f"{address.street}, {address.zip_code} {address.city}"
