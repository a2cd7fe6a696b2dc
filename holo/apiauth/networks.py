"""From which addresses a key works. Pure, but for the setting of trusted proxies."""

import ipaddress
import re
from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from holo.apiauth.errors import NetworkInvalidError

_BRACKETS = re.compile(r"\[([0-9A-Fa-f:.]+)(?:%[^\[\]\s]+)?\](?::[0-9]{1,5})?", re.ASCII)
MAX_NETWORKS = 50
# Bits before the address in `::ffff:0:0/96`.
_MAPPED = 96


def parse_networks(texts: Iterable[str]) -> list[str]:
    """Return addresses and networks (`203.0.113.7`, `2001:db8::/32`) as CIDR, each once, in their order.

    Raises NetworkInvalidError: no such thing, bits set outside of the mask, more than MAX_NETWORKS.
    """
    found: dict[str, None] = {}
    for text in texts:
        try:
            found[_network(text.strip())] = None
        except ValueError:
            raise NetworkInvalidError(
                _("%(text)s is no address or network, such as 203.0.113.0/24") % {"text": text[:64]},
                field="networks",
            ) from None
    if len(found) > MAX_NETWORKS:
        raise NetworkInvalidError(
            _("a key has at most %(most)d networks") % {"most": MAX_NETWORKS}, field="networks"
        )
    return list(found)


def _network(text: str) -> str:
    """Return a network as callers are compared with it: one of IPv4 that is written as IPv6 in IPv4's form.

    Raises ValueError, also for a network of one interface (`fe80::1%eth0`): another machine has other names.
    """
    network = ipaddress.ip_network(text)
    if not isinstance(network, ipaddress.IPv6Network):
        return str(network)
    mapped = network.network_address.ipv4_mapped
    if mapped is not None and network.prefixlen >= _MAPPED:
        return str(ipaddress.ip_network((mapped, network.prefixlen - _MAPPED)))
    if network.network_address.scope_id is not None:
        raise ValueError(text)
    return str(network)


def client_address(request: HttpRequest) -> str:
    """Return the caller's address: the peer's, or with PROXY_HOPS what the outermost own proxy saw.

    Each proxy adds its peer at the end of X-Forwarded-For, so counted from the end the header says what our
    own proxies say; what a client writes into it stands before that and is never read. Empty where the header
    is shorter than it must be.
    """
    hops: int = settings.PROXY_HOPS
    if not hops:
        return str(request.META.get("REMOTE_ADDR", ""))
    seen = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
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
    caller = _parsed(address)
    if caller is None:
        return ""
    length = length_4 if caller.version == 4 else length_6
    return str(ipaddress.ip_network((caller, length), strict=False))


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Tell whether an address is in one of the networks; one that is none is in none."""
    caller = _parsed(address)
    # Networks of the other version contain no address of this one.
    return caller is not None and any(caller in ipaddress.ip_network(network) for network in networks)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address; one of IPv4 in the clothes of IPv6, as a server on both sees it, undressed."""
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(caller, ipaddress.IPv6Address) and caller.ipv4_mapped is not None:
        return caller.ipv4_mapped
    return caller


def are_within(inner: Iterable[str], outer: Iterable[str]) -> bool:
    """Tell whether each of some networks lies in one of others."""
    around = [ipaddress.ip_network(network) for network in outer]
    return all(
        any(own.version == other.version and own.subnet_of(other) for other in around)  # type: ignore[arg-type]
        for own in map(ipaddress.ip_network, inner)
    )
