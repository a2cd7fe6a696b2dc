"""The one door to the payment gateway and the carrier: what they answer or raise is checked here.

They are software of others. An answer may be of any type, contradict what was asked, carry texts that no
column takes; an error may be of any class and have a card number in its text.
"""

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, wraps
from threading import current_thread, main_thread
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from holo.common.characters import escaped, without_unfit
from holo.common.logs import redacted, without_addresses, without_secrets
from holo.common.money import Money
from holo.common.outside_calls import CallTimedOutError, Port
from orders.ports import (
    Carrier,
    CarrierRefusedError,
    Charge,
    ChargeState,
    Label,
    OutsideUnavailableError,
    Parcel,
    PaymentGateway,
)

T = TypeVar("T")
P = ParamSpec("P")

GATEWAY_PORT = Port("payment_gateway")
CARRIER_PORT = Port("carrier")
# As long as the columns that keep them.
LONGEST_REFERENCE, LONGEST_DECLINE_CODE, _LONGEST_REASON = 100, 50, 300
# So much of a text is looked at: enough to find what has to be taken out of the part that is kept.
_LONGEST_READ = 10_000
_LONGEST_NAME, _LONGEST_SHOWN = 80, 40
_KNOWN = frozenset({"authorised", "captured", "declined", "voided", "refunded"})
# What a charge can have become that the gateway said it captured.
_ONCE_CAPTURED = frozenset({"captured", "refunded"})
# An authorisation may have ended before it was captured.
_AFTER_CAPTURE = frozenset({"captured", "declined", "voided", "refunded"})


class OddAnswerError(Exception):
    """An answer that is none: of another type, an unknown state, another amount, or against what was said."""

    code = "orders.odd_answer"


class OutsideFailedError(Exception):
    """An adapter raised what its port does not name."""

    code = "orders.adapter_failed"


class _Partner:
    """Somebody outside, within the limits of a port; without one, unlimited."""

    def __init__(self, port: Port | None) -> None:
        self.port = port

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Take a place for the calls of one step, before anything is written. Raises PortBusyError."""
        with self.port.turn() if self.port else nullcontext():
            yield


S = TypeVar("S", bound=_Partner)


def _limited(call: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Run a call, with the look at its answer, within the port's limits."""

    @wraps(call)
    def within_limits(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self.port is None:
            return call(self, *args, **kwargs)
        try:
            return self.port.call(lambda: call(self, *args, **kwargs))
        except CallTimedOutError as error:
            raise OutsideUnavailableError(str(error)) from None

    return within_limits


class CheckedGateway(_Partner):
    """A payment gateway whose answers can be believed and whose calls end.

    Each call raises OutsideUnavailableError, OddAnswerError or OutsideFailedError; PortBusyError outside a
    turn.
    """

    def __init__(self, gateway: PaymentGateway, port: Port | None = None) -> None:
        super().__init__(port)
        self._gateway = gateway

    @_limited
    def lookup(self, charge: Charge) -> ChargeState | None:
        """Return what is known of the charge, or None."""

        def check(answer: object) -> ChargeState | None:
            if answer is None and charge.captured:
                raise OddAnswerError("the gateway says that it knows nothing of a charge that it captured")
            allowed = _ONCE_CAPTURED if charge.captured else _KNOWN
            return None if answer is None else _charge_state("lookup", answer, charge, allowed)

        return _asked("lookup", lambda: self._gateway.lookup(key=charge.key), check)

    @_limited
    def authorise(self, charge: Charge) -> ChargeState:
        """Reserve the amount: `authorised` or `declined`; how the charge stands if it was sent before."""
        return _asked(
            "authorise",
            lambda: self._gateway.authorise(key=charge.key, token=charge.token, amount=charge.amount),
            lambda answer: _charge_state("authorise", answer, charge, _KNOWN),
        )

    @_limited
    def capture(self, charge: Charge) -> ChargeState:
        """Take the authorised amount, unless the authorisation has ended meanwhile."""
        return _asked(
            "capture",
            lambda: self._gateway.capture(key=charge.key),
            lambda answer: _charge_state("capture", answer, charge, _AFTER_CAPTURE),
        )

    @_limited
    def void(self, charge: Charge) -> ChargeState:
        """Give an authorisation up: `voided`."""
        return _asked(
            "void",
            lambda: self._gateway.void(key=charge.key),
            lambda answer: _charge_state("void", answer, charge, {"voided"}),
        )

    @_limited
    def refund(self, charge: Charge) -> ChargeState:
        """Pay a capture back in full: `refunded`."""
        return _asked(
            "refund",
            lambda: self._gateway.refund(key=charge.key),
            lambda answer: _charge_state("refund", answer, charge, {"refunded"}),
        )


class CheckedCarrier(_Partner):
    """A carrier whose answers can be believed and whose calls end.

    Each call raises as those of CheckedGateway, or CarrierRefusedError.
    """

    def __init__(self, carrier: Carrier, port: Port | None = None) -> None:
        super().__init__(port)
        self._carrier = carrier

    @_limited
    def create_label(self, parcel: Parcel) -> Label:
        """Make the label."""
        return _asked("create_label", lambda: self._carrier.create_label(parcel), _label, CarrierRefusedError)

    @_limited
    def void_label(self, *, key: str) -> None:
        """Make the label worthless; nothing happens if there is none."""
        _asked(
            "void_label",
            lambda: self._carrier.void_label(key=key),
            lambda answer: _nothing("void_label", answer),
            CarrierRefusedError,
        )

    @_limited
    def hand_over(self, parcel: Parcel) -> None:
        """Give the parcel away: the point after which it travels."""
        _asked(
            "hand_over",
            lambda: self._carrier.hand_over(parcel),
            lambda answer: _nothing("hand_over", answer),
            CarrierRefusedError,
        )


@cache
def payment_gateway() -> CheckedGateway:
    """Return the adapter that `PAYMENT_GATEWAY` names, behind the checks and within the limits.

    Raises as the calls of CheckedGateway where the adapter cannot be made; the next call tries again.
    """
    return CheckedGateway(_made(settings.PAYMENT_GATEWAY, GATEWAY_PORT), GATEWAY_PORT)


@cache
def carrier() -> CheckedCarrier:
    """Return the adapter that `CARRIER` names, like `payment_gateway`."""
    return CheckedCarrier(_made(settings.CARRIER, CARRIER_PORT), CARRIER_PORT)


def _made(path: str, port: Port) -> Any:
    """Make an adapter, which may connect, hang or fail as in any other call."""
    name = path.rpartition(".")[2]
    try:
        return port.call(lambda: _asked(name, lambda: import_string(path)(), lambda adapter: adapter))
    except CallTimedOutError as error:
        raise OutsideUnavailableError(str(error)) from None


# --- What they say ----------------------------------------------------------------------------------


def _charge_state(name: str, answer: object, charge: Charge, allowed: Collection[str]) -> ChargeState:
    if not isinstance(answer, ChargeState):
        raise OddAnswerError(f"{name} answered {_shown(answer)} instead of the state of a charge")
    # Each field is read once: a class of somebody else's may say something else the second time.
    said, amount = answer.state, answer.amount
    # What a class derived from str compares as need not be what it is.
    state = str.__str__(said) if isinstance(said, str) else ""
    if state not in allowed:
        raise OddAnswerError(
            f"{name} answered the state {_shown(said)}; expected: {', '.join(sorted(allowed))}"
        )
    if type(amount) is not Money or amount != charge.amount:
        raise OddAnswerError(f"{name} answered {_money(amount)} for a charge of {_money(charge.amount)}")
    return ChargeState(
        state=state,  # type: ignore[arg-type]  # it is one of those that are allowed
        amount=charge.amount,
        reference=_known_text(answer.reference, LONGEST_REFERENCE, _reference),
        decline_code=_known_text(answer.decline_code, LONGEST_DECLINE_CODE),
    )


def _label(answer: object) -> Label:
    if not isinstance(answer, Label):
        raise OddAnswerError(f"create_label answered {_shown(answer)} instead of a label")
    # A carrier has no card numbers. Its own numbers are often 13 to 15 digits, of which a tenth would pass.
    label = Label(
        reference=_known_text(answer.reference, LONGEST_REFERENCE, without_secrets),
        tracking_number=_known_text(answer.tracking_number, LONGEST_REFERENCE, without_secrets),
    )
    if not label.reference and not label.tracking_number:
        raise OddAnswerError("create_label answered a label with neither a reference nor a tracking number")
    return label


def _nothing(name: str, answer: object) -> None:
    """Accept no value but None: any other one may say that the call was not carried out."""
    if answer is not None:
        raise OddAnswerError(f"{name} answered {_shown(answer)} instead of nothing")


def _known_text(value: object, longest: int, redact: Callable[[str], str] = redacted) -> str:
    """Return a text or a number as it may be kept; any other value is no reference, and counts as none."""
    if isinstance(value, bool) or not isinstance(value, str | int | UUID):
        return ""
    return _text(value, longest, redact)


def _reference(text: str) -> str:
    """Return a gateway's reference without secrets; digits alone stay, though one number in ten looks like a
    card's: by it the charge is found in the gateway's own books.
    """
    return text if text.strip().isdecimal() else redacted(text)


def _text(value: object, longest: int, redact: Callable[[str], str] = redacted) -> str:
    """Return a text as it may be kept: one line, without secrets and what cannot be seen, cut."""
    try:
        text = " ".join(redact(str(value)[:_LONGEST_READ]).split())
    except Exception:  # noqa: BLE001 - a text of somebody else's class may fail in any way
        return ""
    return without_unfit(text).strip()[:longest]


def _shown(value: object) -> str:
    """Return an answer for the message about it: the text itself, each character visible; else the type."""
    if not isinstance(value, str):
        return _class_name(value)
    return f"“{escaped(redacted(str.__str__(value)[:_LONGEST_READ]))[:_LONGEST_SHOWN]}”"


def _money(value: object) -> str:
    if isinstance(value, Money):
        return f"{_text(value.minor, 40)} minor units of {_text(value.currency, 10)}"
    return _class_name(value)


def _class_name(value: object) -> str:
    """Return the name of an object's class; a metaclass of somebody else's is not asked for it."""
    return _text(type.__dict__["__name__"].__get__(type(value)), _LONGEST_NAME)


# --- What they raise --------------------------------------------------------------------------------


def _asked(name: str, call: Callable[[], object], check: Callable[[Any], T], *refusals: type[Exception]) -> T:
    """Return the checked answer; of what is raised only the port's own errors go on, and no text as it came.

    The look at an answer may fail in any way too: its class is the adapter's.
    """
    try:
        return check(call())
    except BaseException as error:
        if type(error) is KeyboardInterrupt and current_thread() is main_thread():
            raise
        raise _passed_on(name, error, (OddAnswerError, OutsideUnavailableError, *refusals)) from None


def _passed_on(name: str, error: BaseException, kinds: tuple[type[Exception], ...]) -> Exception:
    """Return what is raised instead of an adapter's error.

    Nothing but its class and its text is asked of it: any other attribute may be the adapter's own code,
    which fails again, with a text that nobody has looked at.
    """
    for kind in kinds:
        if issubclass(type(error), kind):
            return kind(without_addresses(_text(error, _LONGEST_REASON)))
    text = f"{name} failed: {_class_name(error)}: {without_addresses(_text(error, _LONGEST_REASON))}"
    # Its frames, for the log; but neither its own text nor those of its causes.
    return OutsideFailedError(text).with_traceback(sys.exc_info()[2])
