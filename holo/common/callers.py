"""Which address a request comes from, and which addresses count as one caller."""

import ipaddress
import re

from django.conf import settings
from django.http import HttpRequest

_BRACKETS = re.compile(r"\[([0-9A-Fa-f:.]+)(?:%[^\[\]\s]+)?\](?::[0-9]{1,5})?", re.ASCII)


def client_address(request: HttpRequest) -> str:
    """Return the caller's address: the peer's, or with PROXY_HOPS what the outermost own proxy saw."""
    hops: int = settings.PROXY_HOPS
    if not hops:
        return str(request.META.get("REMOTE_ADDR", ""))
    return forwarded_address(request.META.get("HTTP_X_FORWARDED_FOR", ""), hops=hops)


def forwarded_address(header: str, *, hops: int) -> str:
    """Return the address in X-Forwarded-For that the outermost of `hops` own proxies saw.

    Each proxy adds its peer at the end of the header, so the last `hops` entries come from own proxies. What
    a client writes into the header stands before them and is never read. Empty where the header is shorter
    than it must be.
    """
    seen = [part.strip() for part in header.split(",")]
    return _without_port(seen[-hops]) if len(seen) >= hops else ""


def _without_port(text: str) -> str:
    """Return the address in `192.0.2.1:4711`, `[2001:db8::1]` or `[2001:db8::1]:4711`, as proxies write."""
    address = _BRACKETS.fullmatch(text)
    if address is not None:
        return address[1]
    host, _colon, port = text.partition(":")
    return host if port.isascii() and port.isdecimal() else text


def crowd_of(address: str) -> str:
    """Return the network that counts as one caller: the address, of IPv6 its /64; empty where it is none."""
    return _around(address, 32, 64)


def neighbourhood_of(address: str) -> str:
    """Return the network around a caller: the /24 of IPv4, the /48 of IPv6; empty for what is no address."""
    return _around(address, 24, 48)


def _around(address: str, length_4: int, length_6: int) -> str:
    caller = parsed_address(address)
    if caller is None:
        return ""
    length = length_4 if caller.version == 4 else length_6
    return str(ipaddress.ip_network((caller, length), strict=False))


def caller_of(request: HttpRequest) -> str:
    """Return what counts as one caller; an address that is none counts as it is."""
    address = client_address(request)
    return crowd_of(address) or address


def parsed_address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, None if it is none; an IPv4 address in IPv6 form is returned as IPv4."""
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(caller, ipaddress.IPv6Address) and caller.ipv4_mapped is not None:
        return caller.ipv4_mapped
    return caller
