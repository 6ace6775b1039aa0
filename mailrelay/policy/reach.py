"""Where the relay may be sent to by an address that a stranger wrote: to the public internet alone.

A URL is judged twice: by its words when it is given, and by the IP address that its name led to at the moment of
connecting, so that a name which leads elsewhere later, or at each look, leads nowhere (H12). This module resolves
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

#: Ports that receivers may have where nothing else is said.
PORTS = (80, 443, 8080, 8443)

_NAT64 = ip_network("64:ff9b::/96")
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*\.?", re.ASCII)
#: How some resolvers read numbers as IPv4 addresses: "2130706433", "0x7f.1", "0177.0.0.1".
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){0,3}\.?", re.ASCII)


class Unreachable(ValueError):
    """A place that is not to be reached, with the reason."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be reached beside public addresses: private `networks`, and these `ports` (none: any)."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    ports: tuple[int, ...] = PORTS

    @classmethod
    def of(cls, networks: Iterable[str], ports: Collection[int]) -> Reach:
        """From the words of a configuration."""
        return cls(tuple(ip_network(each) for each in networks), tuple(ports))

    def url(self, text: str) -> tuple[str, str, int]:
        """Scheme, host and port of a URL; `Unreachable` when its words alone rule it out."""
        if not text.isascii() or not text.isprintable() or " " in text or len(text) > 2000:
            raise Unreachable("must be a URL of printable ASCII letters")
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https"):
            raise Unreachable("must begin with https:// or http://")
        if parts.username is not None or parts.password is not None:
            raise Unreachable("must hold no user name or password")
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise Unreachable("has a port that is none") from None
        host = parts.hostname or ""
        if (literal := _literal(host)) is not None:
            self.address(literal)
        elif not _HOST.fullmatch(host):
            raise Unreachable("names no host")
        elif _NUMERIC.fullmatch(host):
            raise Unreachable("must write its address in four decimal numbers")
        if self.ports and port not in self.ports:
            raise Unreachable(f"port {port} is none of {', '.join(map(str, self.ports))}")
        return parts.scheme, host, port

    def address(self, text: str) -> None:
        """`Unreachable` when an IP address is neither public nor in one of the networks."""
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            raise Unreachable(f"{text} is no IP address") from None
        for each in _meanings(address):
            if not (_public(each) or any(each in network for network in self.networks)):
                raise Unreachable(f"{text} is not a public address")


#: Public addresses alone, on the usual ports.
PUBLIC = Reach()
#: The networks of one machine, on any port, for a sandbox.
LOOPBACK = ("127.0.0.0/8", "::1/128")
SANDBOX = Reach.of(LOOPBACK, ())


def _literal(host: str) -> str | None:
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return None


def _meanings(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address that is connected to: of an IPv6 address that only carries an IPv4 address that one, of a tunnel's
    or translator's both."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    return [address]


def _public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved
