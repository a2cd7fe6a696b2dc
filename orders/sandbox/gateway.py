"""The sandbox payment gateway."""

import time

from django.db import connection
from django.db.models import F

from holo.common.money import Money
from orders.ports import ChargeState, OutsideUnavailableError
from orders.sandbox.faults import show_fault
from orders.sandbox.models import SandboxCharge

# Seconds that `tok_slow` takes to answer.
SLOW_ANSWER = 2.0
TOKENS = ("tok_ok", "tok_declined", "tok_timeout", "tok_slow")
# One round trip for each change: this stands for a company far away, and ought to cost as little as one.
_BOOK = """
INSERT INTO orders_sandboxcharge (key, token, amount_minor, currency, state, captures, refunds, created_at)
VALUES (%s, %s, %s, %s, %s, 0, 0, now()) ON CONFLICT (key) DO NOTHING
RETURNING key, state, amount_minor, currency
"""
_CAPTURE = """
UPDATE orders_sandboxcharge SET state = 'captured', captures = captures + 1
WHERE key = %s AND state = 'authorised' RETURNING token, key, state, amount_minor, currency
"""


class SandboxGateway:
    """Keeps its books in `SandboxCharge`, one row per key, each change in a transaction of its own.

    `tok_ok` is captured, `tok_declined` declined, `tok_slow` captured after two seconds; with `tok_timeout`
    the capture happens and its answer is lost.
    """

    def lookup(self, *, key: str) -> ChargeState | None:
        """Return the row of `key`."""
        show_fault(key=key, operation="lookup")
        charge = SandboxCharge.objects.filter(pk=key).first()
        return None if charge is None else _state(charge)

    def authorise(self, *, key: str, token: str, amount: Money) -> ChargeState:
        """Book an authorisation, or a refusal for `tok_declined` and unknown tokens."""
        show_fault(key=key, operation="authorise")
        state = "authorised" if token in TOKENS and token != "tok_declined" else "declined"
        with connection.cursor() as cursor:
            cursor.execute(_BOOK, [key, token, amount.minor, amount.currency, state])
            row = cursor.fetchone()
        return _answer(*row) if row else _state(SandboxCharge.objects.get(pk=key))

    def capture(self, *, key: str) -> ChargeState:
        """Book the capture once; then answer, late or not at all, as the token says."""
        show_fault(key=key, operation="capture")
        with connection.cursor() as cursor:
            cursor.execute(_CAPTURE, [key])
            row = cursor.fetchone()
        if row is None:
            return _state(SandboxCharge.objects.get(pk=key))
        if row[0] == "tok_timeout":
            raise OutsideUnavailableError("the gateway did not answer in time")
        if row[0] == "tok_slow":
            time.sleep(SLOW_ANSWER)
        return _answer(*row[1:])

    def void(self, *, key: str) -> ChargeState:
        """Give an authorisation up, once."""
        show_fault(key=key, operation="void")
        SandboxCharge.objects.filter(pk=key, state="authorised").update(state="voided")
        return _state(SandboxCharge.objects.get(pk=key))

    def refund(self, *, key: str) -> ChargeState:
        """Pay back once, in full."""
        show_fault(key=key, operation="refund")
        SandboxCharge.objects.filter(pk=key, state="captured").update(
            state="refunded", refunds=F("refunds") + 1
        )
        return _state(SandboxCharge.objects.get(pk=key))


def _state(charge: SandboxCharge) -> ChargeState:
    return _answer(charge.key, charge.state, charge.amount_minor, charge.currency)


def _answer(key: str, state: str, minor: int, currency: str) -> ChargeState:
    return ChargeState(
        state=state,  # type: ignore[arg-type]  # the column holds only what this module writes
        amount=Money(minor=minor, currency=currency),
        reference=f"sbx_{key}",
        decline_code="card_declined" if state == "declined" else "",
    )
