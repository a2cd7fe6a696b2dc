"""The terms of an order: above which total a person decides, and how long each wait lasts."""

from datetime import timedelta

from django.conf import settings

from holo.common.money import Money, parse_amount
from orders.models import Order

# How much longer than the awaited deadline stock stays held, so that a late step never finds it gone.
HOLD_MARGIN = timedelta(minutes=10)


def approval_threshold(currency: str) -> Money:
    """Return the total above which a person must decide."""
    return parse_amount(settings.ORDER_APPROVAL_THRESHOLD, currency=currency)


def approval_period(order: Order) -> timedelta:
    """Return how long the order waits for a decision."""
    return _period(order, "approval_deadline_seconds", settings.ORDER_APPROVAL_DEADLINE)


def payment_period(order: Order) -> timedelta:
    """Return how long the order waits for payment."""
    return _period(order, "payment_deadline_seconds", settings.ORDER_PAYMENT_DEADLINE)


def _period(order: Order, switch: str, usual: timedelta) -> timedelta:
    """Return what the order's sandbox switch says, else the usual time."""
    seconds = order.sandbox.get(switch)
    return usual if seconds is None else timedelta(seconds=seconds)
