"""What the product needs of a payment gateway and of a carrier. Adapters are named by settings.

An adapter answers in these types, and raises no errors but the two here. `orders/outside.py` refuses any
other answer or error. `tests/orders/adapter_contract.py` tries an adapter against these rules.

An adapter is made without arguments, at its first use; that may fail like any other call. Where two steps
are the first at once, two may be made, and one of them is let go.

An adapter sets time limits of its own, on connecting (a few seconds) and on each answer, below
OUTSIDE_SECONDS together, and raises OutsideUnavailableError then. A call of one that does not is left to
itself when the time of its step is up, and keeps its place at the port until it ends.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from holo.common.errors import OutageError
from holo.common.money import Money


class OutsideUnavailableError(OutageError):
    """The other side did not answer, or its answer was lost: what it did is not known. Try again."""


class CarrierRefusedError(Exception):
    """The carrier will not take this parcel, however often it is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One charge: `key` makes it happen once at the gateway; `submitted_before` if it may have happened.

    `captured` tells that the gateway has said so: from then on it must know the key.
    """

    key: str
    token: str
    amount: Money
    submitted_before: bool
    captured: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeState:
    """What the gateway says of a key, and of how much money it says it.

    `reference` is the gateway's own number of the charge, by which people find it there; never a card number.
    """

    state: Literal["authorised", "captured", "declined", "voided", "refunded"]
    amount: Money
    reference: str
    decline_code: str = ""


class PaymentGateway(Protocol):
    """A card processor. Every call is idempotent by `key` and may raise OutsideUnavailableError."""

    def lookup(self, *, key: str) -> ChargeState | None:
        """Return what is known of `key`, or None."""
        ...

    def authorise(self, *, key: str, token: str, amount: Money) -> ChargeState:
        """Reserve the amount: `authorised` or `declined`."""
        ...

    def capture(self, *, key: str) -> ChargeState:
        """Take the authorised amount."""
        ...

    def void(self, *, key: str) -> ChargeState:
        """Give an authorisation up."""
        ...

    def refund(self, *, key: str) -> ChargeState:
        """Pay a capture back in full."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One parcel for the carrier; `key` makes each call happen once there."""

    key: str
    warehouse: str
    ship_to: dict[str, str] | None
    mode: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A shipping label."""

    reference: str
    tracking_number: str


class Carrier(Protocol):
    """A parcel service. Every call is idempotent by the parcel's key.

    May raise OutsideUnavailableError; CarrierRefusedError where it refuses for good.
    """

    def create_label(self, parcel: Parcel) -> Label:
        """Make the label."""
        ...

    def void_label(self, *, key: str) -> None:
        """Make the label worthless; nothing happens if there is none. Any answer but None is refused."""
        ...

    def hand_over(self, parcel: Parcel) -> None:
        """Give the parcel away: the point after which it travels. Any answer but None is refused."""
        ...
