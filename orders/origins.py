"""Where anonymous buyers order from, as marks that tell nothing but whether two are the same.

An address is personal data; a mark of it under the secret key is enough to count by.
"""

from dataclasses import dataclass

from django.utils.crypto import salted_hmac

from holo.common.callers import crowd_of, neighbourhood_of

_DIGITS = 24
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The marks of an address and of the network around it; each is empty where nothing is counted."""

    address: str = ""
    network: str = ""


def origin_of(address: str) -> Origin:
    """Return the marks of a client's address: of IPv4 it and its /24, of IPv6 its /64 and its /48.

    All whose address is none, as a proxy on a Unix socket says, are one caller, as to RATE_ADDRESS.
    """
    return Origin(
        address=_mark(crowd_of(address) or _UNKNOWN), network=_mark(neighbourhood_of(address) or _UNKNOWN)
    )


def _mark(network: str) -> str:
    return salted_hmac("orders.origins", network, algorithm="sha256").hexdigest()[:_DIGITS]
