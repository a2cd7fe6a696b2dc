"""A gateway and a carrier that answer every kind of nonsense, on the sandbox's books.

A case is named by the charge's token (`odd:refund:pending`) or the parcel's mode: at that operation the
sandbox does what it is asked for, and the answer is nonsense all the same. `heal()` ends the nonsense.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from temporalio.exceptions import ApplicationError

from holo.common.money import Money
from holo.common.verify import invariants
from orders.ports import ChargeState, Label, Parcel
from orders.sandbox.carrier import SandboxCarrier
from orders.sandbox.gateway import SandboxGateway
from orders.sandbox.models import SandboxCharge
from tests.planting import plant

# The rule about the gateway's books asks the setting once, when it is loaded: now, while it is the sandbox.
invariants()
CARD = "4242 4242 4242 4242"
SECRET = "sk_live_0123456789abcdef"


def _raises(error: BaseException) -> Callable[[Any], Any]:
    def answer(real: Any) -> Any:
        raise error

    return answer


class _Unread(ChargeState):
    """A state that its class reads only when it is looked at, and then cannot."""

    def __init__(self, real: ChargeState) -> None:
        """Keep nothing."""

    def __getattribute__(self, name: str) -> Any:
        raise ValueError(f"card {CARD} with {SECRET}")


def _changed(**changes: Any) -> Callable[[Any], Any]:
    return lambda real: replace(real, **changes)


# What any call may answer or raise.
ANY: dict[str, Callable[[Any], Any]] = {
    "none": lambda real: None,
    "dict": lambda real: {"state": "captured"},
    "text": lambda real: "captured",
    "number": lambda real: 200,
    "value_error": _raises(ValueError(f"card {CARD} with {SECRET}")),
    "key_error": _raises(KeyError("state")),
    "exit": _raises(SystemExit(3)),
    "os_error": _raises(ConnectionResetError("reset by peer")),
    "application_error": _raises(ApplicationError("retry me for ever", non_retryable=False)),
    "recursion": _raises(RecursionError("maximum recursion depth exceeded")),
}
# What a gateway may say of a charge.
STATES: dict[str, Callable[[Any], Any]] = {
    "pending": _changed(state="pending"),
    "capitals": _changed(state="CAPTURED"),
    "no_state": _changed(state=None),
    "list_state": _changed(state=["captured"]),
    "other_amount": lambda real: replace(real, amount=replace(real.amount, minor=real.amount.minor + 1)),
    "other_currency": lambda real: replace(real, amount=replace(real.amount, currency="EUR")),
    "no_amount": _changed(amount=None),
    "unread": _Unread,
    "float_amount": _changed(amount=12.34),
    "nan_amount": lambda real: replace(real, amount=Money(minor=float("nan"), currency="CNY")),  # type: ignore[arg-type]
}
# References that no column would take as they are; the order goes on with them cleaned and cut.
TEXTS: dict[str, Callable[[Any], Any]] = {
    "long_reference": _changed(reference="r" * 123),
    "no_reference": _changed(reference=None),
    "nul_reference": _changed(reference="re\x00f\u202e"),
    "number_reference": _changed(reference=17),
    "dict_reference": _changed(reference={"id": "ch_1"}),
    "endless_reference": _changed(reference="token" * 100_000),
}
LABELS: dict[str, Callable[[Any], Any]] = {
    "nul_tracking": _changed(tracking_number="HX\x00 12"),
    "long_tracking": _changed(tracking_number="9" * 300),
    "no_tracking": _changed(tracking_number=None),
    "list_tracking": _changed(tracking_number=["HX1"]),
}
EMPTY_LABEL: dict[str, Callable[[Any], Any]] = {
    "empty_label": lambda real: Label(reference="", tracking_number="\x00"),
    "false_label": _changed(reference=False, tracking_number={}),
}
ALL = {**ANY, **STATES, **TEXTS, **LABELS, **EMPTY_LABEL}

# Operations that a case may name together.
OPERATIONS = {
    "any": ("lookup", "authorise", "capture", "void", "refund"),
    "unwind": ("lookup", "void", "refund"),
}
_healed = False


def heal(*, healed: bool = True) -> None:
    """End the nonsense, or begin it again."""
    global _healed
    _healed = healed


def _answered(case: str, operation: str, real: Any) -> Any:
    """Return what the case answers to this operation, after the sandbox has done it."""
    _odd, _, rest = case.partition("odd:")
    wanted, _, name = rest.partition(":")
    odd = operation in OPERATIONS.get(wanted, (wanted,))
    return ALL[name](real) if odd and not _healed else real


class OddGateway(SandboxGateway):
    """The sandbox's gateway with odd answers."""

    def lookup(self, *, key: str) -> ChargeState | None:
        """Answer a look-up."""
        return self._odd("lookup", key, super().lookup(key=key))

    def authorise(self, *, key: str, token: str, amount: Money) -> ChargeState:
        """Authorise as if the token were good, and keep it."""
        real = super().authorise(key=key, token="tok_ok", amount=amount)
        plant(SandboxCharge.objects.filter(pk=key), token=token)
        return self._odd("authorise", key, real)

    def capture(self, *, key: str) -> ChargeState:
        """Capture."""
        return self._odd("capture", key, super().capture(key=key))

    def void(self, *, key: str) -> ChargeState:
        """Void."""
        return self._odd("void", key, super().void(key=key))

    def refund(self, *, key: str) -> ChargeState:
        """Refund."""
        return self._odd("refund", key, super().refund(key=key))

    def _odd(self, operation: str, key: str, real: ChargeState | None) -> ChargeState:
        case = SandboxCharge.objects.filter(pk=key).values_list("token", flat=True).first() or ""
        answer: ChargeState = _answered(case, operation, real)
        return answer


class OddCarrier(SandboxCarrier):
    """The sandbox's carrier with odd answers."""

    def create_label(self, parcel: Parcel) -> Label:
        """Make a label."""
        return _answered(parcel.mode, "create_label", super().create_label(parcel))  # type: ignore[no-any-return]

    def hand_over(self, parcel: Parcel) -> None:
        """Take the parcel."""
        super().hand_over(parcel)
        return _answered(parcel.mode, "hand_over", None)  # type: ignore[no-any-return]
