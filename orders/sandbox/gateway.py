"""The sandbox payment gateway."""

import time

from django.db import transaction
from django.db.models import F

from holo.common.money import Money
from orders.ports import ChargeState, OutsideUnavailableError
from orders.sandbox.faults import show_fault
from orders.sandbox.models import SandboxCharge

# Seconds that `tok_slow` takes to answer.
SLOW_ANSWER = 2.0
TOKENS = ("tok_ok", "tok_declined", "tok_timeout", "tok_slow")


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
        with transaction.atomic(durable=True):
            charge, _created = SandboxCharge.objects.get_or_create(
                key=key,
                defaults={
                    "token": token,
                    "amount_minor": amount.minor,
                    "currency": amount.currency,
                    "state": state,
                },
            )
        return _state(charge)

    def capture(self, *, key: str) -> ChargeState:
        """Book the capture once; then answer, late or not at all, as the token says."""
        show_fault(key=key, operation="capture")
        captured = SandboxCharge.objects.filter(pk=key, state="authorised").update(
            state="captured", captures=F("captures") + 1
        )
        charge = SandboxCharge.objects.get(pk=key)
        if captured and charge.token == "tok_timeout":
            raise OutsideUnavailableError("the gateway did not answer in time")
        if captured and charge.token == "tok_slow":
            time.sleep(SLOW_ANSWER)
        return _state(charge)

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
    return ChargeState(
        state=charge.state,  # type: ignore[arg-type]  # the column holds only what this module writes
        reference=f"sbx_{charge.key}",
        decline_code="card_declined" if charge.state == "declined" else "",
    )
