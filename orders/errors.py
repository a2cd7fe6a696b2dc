"""Refusals of the orders app."""

from holo.common.errors import DomainError


class OrderError(DomainError):
    """Base of this app's errors."""


class InvalidTransitionError(OrderError):
    """A move that the table of statuses does not have."""

    code = "orders.invalid_transition"
    status = 409
    meaning = "The order cannot go from its status to the wanted one; `allowed` lists where it can go."


class NotPayableError(OrderError):
    """The order does not wait for payment."""

    code = "orders.not_payable"
    status = 409
    meaning = "The order does not wait for payment; the answer carries the status it is in."


class PaymentOpenError(OrderError):
    """An attempt runs or has succeeded."""

    code = "orders.payment_open"
    status = 409
    meaning = "A payment attempt is open or has succeeded; the answer names it."


class PaymentDeadlinePassedError(OrderError):
    """Too late to pay."""

    code = "orders.payment_deadline_passed"
    status = 409
    stored = True
    meaning = "The payment deadline has passed by the database's clock."


class NotCancellableError(OrderError):
    """Past the point of no return, or ended."""

    code = "orders.not_cancellable"
    status = 409
    stored = True
    meaning = "The order has been handed over or has ended; the answer carries its status."


class NotParkedError(OrderError):
    """Nothing waits for a retry."""

    code = "orders.nothing_to_retry"
    status = 409
    meaning = "No step of the order waits for a retry; the answer carries its status."


class AmountMismatchError(OrderError):
    """The client expects another total."""

    code = "orders.amount_mismatch"
    status = 422
    meaning = "The expected amount differs from the sum of the lines; the answer carries both."


class OutOfStockError(OrderError):
    """More is wanted than there is."""

    code = "orders.out_of_stock"
    status = 409
    stored = True
    meaning = (
        "There is less stock than the order wants; `shortages` lists each SKU. Nothing was ordered or held."
        " To try again, use a new `Idempotency-Key`."
    )


class ClientRefTakenError(OrderError):
    """The reference names another order of the organisation."""

    code = "orders.client_ref_taken"
    status = 409
    meaning = "An order with this client_ref exists; the answer links to it where the caller may see it."


class BuyerLimitError(OrderError):
    """Unpaid orders of one buyer would hold too much."""

    code = "orders.buyer_limit"
    status = 409
    # Paying or cancelling makes room.
    retryable = True
    meaning = "Unpaid orders of this buyer would hold more pieces than allowed; the answer says how many do."


class UnsupportedCurrencyError(OrderError):
    """Prices in a currency that has no approval threshold."""

    code = "orders.unsupported_currency"
    status = 422
    meaning = "Only CNY is accepted for now."


class NotAwaitingApprovalError(OrderError):
    """There is nothing to decide."""

    code = "orders.not_awaiting_approval"
    status = 409
    meaning = "The order does not wait for a decision; the answer carries its status."


class HandoverRefusedError(OrderError):
    """The carrier will not take a parcel that has a label."""

    code = "orders.handover_refused"
    status = 409
    meaning = "The carrier refuses the parcel; an operator must look at it, then retry."


class StepNotAllowedError(OrderError):
    """The rows do not call for a step that somebody asked for."""

    code = "orders.step_not_allowed"
    status = 409
    meaning = "The order's state does not allow this step; the response lists the states that do."
