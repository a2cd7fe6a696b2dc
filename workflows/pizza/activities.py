"""Thin adapters between the workflow's contracts and the ports."""

from collections.abc import Callable
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from holo.common.outside_calls import Port
from workflows.pizza import usecases
from workflows.pizza.contracts import Activity, Bill, Charge, OrderRef, Outcome, PizzaOrder
from workflows.pizza.ports import OrderUnknownError, Ports

# The companies outside; the repository is our own.
PAYMENTS = Port("pizza_payments")
DELIVERY = Port("pizza_delivery")
NOTIFICATIONS = Port("pizza_notifications")


class PizzaActivities:
    """The steps of an order on the given ports; the keys are made of the order alone, never of a try."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    @activity.defn(name=Activity.CALCULATE_BILL, no_thread_cancel_exception=True)
    def calculate_bill(self, ref: OrderRef) -> Bill:
        """Price the order and note the bill."""
        bill = usecases.calculate_bill(self._order(ref.order_id))
        self._ports.repository.record_bill(ref.order_id, bill)
        return bill

    @activity.defn(name=Activity.CHARGE_PAYMENT, no_thread_cancel_exception=True)
    def charge_payment(self, charge: Charge) -> bool:
        """Charge the card once; False if it is declined."""
        order = self._order(charge.order_id)
        key = _key(charge.order_id)
        return PAYMENTS.call(
            lambda: _decided(self._ports.payments.charge(key=key, card=order.card, bill=charge.bill))
        )

    @activity.defn(name=Activity.REFUND_PAYMENT, no_thread_cancel_exception=True)
    def refund_payment(self, ref: OrderRef) -> None:
        """Pay back whatever was charged."""
        PAYMENTS.call(lambda: self._ports.payments.refund(key=_key(ref.order_id)))

    @activity.defn(name=Activity.SCHEDULE_DELIVERY, no_thread_cancel_exception=True)
    def schedule_delivery(self, ref: OrderRef) -> bool:
        """Hand the delivery over; False if the address is out of reach."""
        key, address = _key(ref.order_id), self._order(ref.order_id).delivery_address
        return DELIVERY.call(
            lambda: _decided(self._ports.delivery.schedule_delivery(key=key, address=address))
        )

    @activity.defn(name=Activity.RECORD_OUTCOME, no_thread_cancel_exception=True)
    def record_outcome(self, outcome: Outcome) -> None:
        """Note how the order ended."""
        self._ports.repository.record_outcome(outcome.order_id, outcome.status, outcome.detail)

    @activity.defn(name=Activity.NOTIFY_CUSTOMER, no_thread_cancel_exception=True)
    def notify_customer(self, ref: OrderRef) -> None:
        """Send the receipt."""
        receipt = self._ports.repository.get_receipt(ref.order_id)
        NOTIFICATIONS.call(lambda: self._ports.notifications.send(key=_key(ref.order_id), receipt=receipt))

    def all(self) -> tuple[Callable[..., Any], ...]:
        """Return every activity."""
        return (
            self.calculate_bill,
            self.charge_payment,
            self.refund_payment,
            self.schedule_delivery,
            self.record_outcome,
            self.notify_customer,
        )

    def _order(self, order_id: str) -> PizzaOrder:
        try:
            return self._ports.repository.get_order(order_id)
        except OrderUnknownError as error:
            raise ApplicationError(str(error), type="pizza.order_unknown", non_retryable=True) from error


def _decided(answer: object) -> bool:
    """Return yes or no; any other answer is none, and the step fails: what would it be taken for?"""
    if not isinstance(answer, bool):
        raise TypeError(f"the answer is of type {type(answer).__name__}, neither True nor False")
    return answer


def _key(order_id: str) -> str:
    return f"pizza-{order_id}"
