"""A gateway and a carrier that accept and stay silent, on the sandbox's books.

With the token or the mode `hang`, each call about that key waits until `release()`, whatever limits its
caller has. The effect of a call comes after the wait. In a process of its own nobody releases it.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

from holo.common.money import Money
from holo.common.verify import invariants
from orders.ports import ChargeState, Label, Parcel
from orders.sandbox.carrier import SandboxCarrier
from orders.sandbox.gateway import SandboxGateway

T = TypeVar("T")
HANG = "hang"
# The rule about the gateway's books asks the setting once, when it is loaded: now, while it is the sandbox.
invariants()


class _Silence:
    """Who waits for what."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.keys: set[str] = set()
        self.waiting = 0
        self.most = 0

    def wait(self) -> None:
        """Wait for the release, counted."""
        with self.lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        self.released.wait()
        with self.lock:
            self.waiting -= 1


_silences = {name: _Silence() for name in ("gateway", "carrier")}


def begin(partner: str) -> None:
    """Let a partner be silent from now on."""
    _silences[partner] = _Silence()


def release(partner: str) -> None:
    """Let a partner answer from now on, what it was asked before included."""
    _silences[partner].released.set()


def most_at_once(partner: str) -> int:
    """Return how many calls have waited at the same time."""
    return _silences[partner].most


def _held_up(partner: str, key: str, call: Callable[[], T], *, begins: bool = False) -> T:
    silence = _silences[partner]
    if begins:
        silence.keys.add(key)
    if key in silence.keys:
        silence.wait()
    return call()


class HangingGateway(SandboxGateway):
    """Silent about charges with the token `hang`."""

    def lookup(self, *, key: str) -> ChargeState | None:
        """Look up, once released."""
        return _held_up("gateway", key, lambda: super(HangingGateway, self).lookup(key=key))

    def authorise(self, *, key: str, token: str, amount: Money) -> ChargeState:
        """Authorise, once released."""
        real = "tok_ok" if token == HANG else token
        return _held_up(
            "gateway",
            key,
            lambda: super(HangingGateway, self).authorise(key=key, token=real, amount=amount),
            begins=token == HANG,
        )


class HangingCarrier(SandboxCarrier):
    """Silent about parcels with the mode `hang`."""

    def create_label(self, parcel: Parcel) -> Label:
        """Make the label, once released."""
        return _held_up(
            "carrier",
            parcel.key,
            lambda: super(HangingCarrier, self).create_label(parcel),
            begins=parcel.mode == HANG,
        )
