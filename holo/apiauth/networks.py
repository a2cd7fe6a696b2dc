"""From which addresses a key works. Pure."""

import ipaddress
from collections.abc import Iterable

from django.utils.translation import gettext as _

from holo.apiauth.errors import NetworkInvalidError
from holo.common.callers import parsed_address

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


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Tell whether an address is in one of the networks; one that is none is in none."""
    caller = parsed_address(address)
    # Networks of the other version contain no address of this one.
    return caller is not None and any(caller in ipaddress.ip_network(network) for network in networks)


def are_within(inner: Iterable[str], outer: Iterable[str]) -> bool:
    """Tell whether each of some networks lies in one of others."""
    around = [ipaddress.ip_network(network) for network in outer]
    return all(
        any(own.version == other.version and own.subnet_of(other) for other in around)  # type: ignore[arg-type]
        for own in map(ipaddress.ip_network, inner)
    )
