"""Drives the ports through one charge, one refund, one label: no database, safe to repeat."""

from collections.abc import Callable

from orders.errors import HandoverRefusedError
from orders.outside import CheckedCarrier, CheckedGateway
from orders.ports import CarrierRefusedError, Charge, ChargeState, Label, OutsideUnavailableError, Parcel


def settle_charge(
    gateway: CheckedGateway, charge: Charge | None, *, is_wanted: Callable[[], bool]
) -> ChargeState | None:
    """Authorise and capture, once; return None if there is nothing to charge.

    `is_wanted` is asked immediately before the capture: if nobody wants the charge any more, its
    authorisation is voided instead, so that no money moves. Where an earlier attempt may have reached the
    gateway, and whenever an answer is lost, the key is looked up before anything else is sent. Raises
    OutsideUnavailableError while the outcome is not known.
    """
    if charge is None:
        return None
    known = gateway.lookup(charge) if charge.submitted_before else None
    if known is None:
        known = _certain(gateway, charge, gateway.authorise)
    if known.state == "authorised":
        known = _certain(gateway, charge, gateway.capture) if is_wanted() else gateway.void(charge)
    if known.state == "authorised":
        raise OutsideUnavailableError("the capture's answer was lost and it did not happen; it is sent again")
    return known


def _certain(gateway: CheckedGateway, charge: Charge, call: Callable[[Charge], ChargeState]) -> ChargeState:
    """Return the answer of `call`, or, when it is lost, what the gateway says of the charge."""
    try:
        return call(charge)
    except OutsideUnavailableError:
        known = gateway.lookup(charge)
        if known is None:
            raise
        return known


def unwind_charge(gateway: CheckedGateway, charge: Charge | None) -> ChargeState | None:
    """Void or refund what the gateway holds of the charge; return its last state, None if it has none."""
    if charge is None:
        return None
    known = gateway.lookup(charge)
    if known is None:
        return None
    if known.state == "authorised":
        return gateway.void(charge)
    if known.state == "captured":
        return gateway.refund(charge)
    return known


def request_label(carrier: CheckedCarrier, parcel: Parcel | None) -> Label | CarrierRefusedError | None:
    """Make a label; a lasting refusal is a result, None means that there was nothing to do."""
    if parcel is None:
        return None
    try:
        return carrier.create_label(parcel)
    except CarrierRefusedError as refusal:
        return refusal


def hand_over_parcel(carrier: CheckedCarrier, parcel: Parcel | None) -> None:
    """Give a parcel to its carrier. Raises HandoverRefusedError where it is refused for good."""
    if parcel is None:
        return
    try:
        carrier.hand_over(parcel)
    except CarrierRefusedError as refusal:
        raise HandoverRefusedError(str(refusal)) from refusal


def void_parcel_label(carrier: CheckedCarrier, key: str | None) -> None:
    """Make a label worthless, if there may be one."""
    if key is not None:
        carrier.void_label(key=key)
