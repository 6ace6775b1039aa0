"""Where a request came from, and whether it came by TLS: also where a proxy stands in front of us.

What a proxy says is believed only when the connection itself comes from one that is trusted (`http.trusted_proxies`),
and only as far as trusted ones wrote it: ``X-Forwarded-For`` is read from its right end, and the first address that is
no trusted proxy's is who asks. Whatever stands left of it anybody may have written. ``X-Forwarded-Proto`` is that of
the nearest proxy, its last word.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from twisted.web.http import Request
from twisted.web.iweb import IRequest

Address = IPv4Address | IPv6Address
#: Hops that are looked at; more have gone in a circle.
MOST_HOPS = 32


class Proxies:
    """Networks in which proxies stand that are trusted."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = tuple(map(ip_network, networks))

    def trust(self, address: Address) -> bool:
        """Does a trusted proxy stand there?"""
        return any(address in network for network in self._networks)


#: None is trusted.
NONE = Proxies()


def address_of(request: IRequest | Request) -> str:
    """The IP address of who asks, "" where there is none."""
    peer = _peer(request)
    proxies = _proxies(request)
    if (address := _read(peer)) is None or not proxies.trust(address):
        return peer
    for each in reversed(_words(request, b"X-Forwarded-For")[-MOST_HOPS:]):
        found = _read(each)
        if found is None:
            break
        address = found
        if not proxies.trust(found):
            break
    return str(address)


def is_secure(request: IRequest | Request) -> bool:
    """Did the request leave its sender by TLS?"""
    address = _read(_peer(request))
    if address is not None and _proxies(request).trust(address) and (said := _words(request, b"X-Forwarded-Proto")):
        return said[-1].lower() == "https"
    return bool(request.isSecure())


def _peer(request: IRequest | Request) -> str:
    return str(getattr(request.getClientAddress(), "host", ""))


def _proxies(request: IRequest | Request) -> Proxies:
    found = getattr(getattr(request, "site", None), "proxies", NONE)
    return found if isinstance(found, Proxies) else NONE


def _words(request: IRequest | Request, name: bytes) -> list[str]:
    """What stands between the commas of a header, in all its lines."""
    lines = request.requestHeaders.getRawHeaders(name, [])
    return [word.strip().decode("latin-1") for line in lines for word in line.split(b",")]


def _read(text: str) -> Address | None:
    """An address as proxies write it: also with a port, in brackets, or IPv4 within IPv6."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
