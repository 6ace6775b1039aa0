"""Whether an IP address lies in one of some networks."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network


def within(address: str, networks: Iterable[str]) -> bool:
    """Is an IP address inside one of the CIDR networks? IPv4 mapped into IPv6 counts as IPv4."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in ip_network(network) for network in networks)
