"""From what DNS says to the hosts that are tried for a domain, in order (RFC 5321 5.1, RFC 7505).

Two steps, each pure: `exchanges` reads the answer to the MX question, `hops` the addresses of those exchanges. Where
there is no way a `Reply` says why: 5xx when DNS said so for certain, 4xx when nobody knows. Chance, which is handed in,
spreads the load among equals. Work is bounded however many records a domain has. A host that is ourselves is never
tried, nor any that is preferred no more (O12, O13).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

from ..mail.answer import Answer, MailExchange
from ..mail.envelope import Hop
from ..mail.reply import Reply
from .route import MxRoute

EXCHANGES = 10  #: whose addresses are asked for
ADDRESSES = 3  #: tried of one exchange
HOPS = 6  #: tried in one attempt: as many times may it wait in vain for a connection

#: What came of one question: the answer, or why there was none.
Lookup: TypeAlias = Answer | str

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")  #: IPv4 addresses as hosts without IPv4 see them (RFC 6052)

# The last label of a host's name is not a number (RFC 3696 2): an MX that names an IP address names no host.
_HOST = re.compile(r"(?!.*(?:^|\.)[0-9]+$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")


@dataclass(frozen=True, slots=True)
class Own:
    """What is ourselves: our host names in A-labels, and whether an (address, port) is where we listen."""

    names: frozenset[str]
    listens: Callable[[str, int], bool]


def literal(domain: str) -> str:
    """The address of a domain that is an address literal such as ``[192.0.2.1]`` (RFC 5321 4.1.3), else ""."""
    return domain[1:-1].removeprefix("IPv6:") if domain.startswith("[") else ""


@lru_cache(maxsize=4096)
def is_public(address: str) -> bool:
    """Is an address one that the public Internet routes to a single host?"""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        inner = parsed.sixtofour or (IPv4Address(parsed.packed[12:]) if parsed in _NAT64 else parsed.ipv4_mapped)
        if inner is None:
            return parsed in _GLOBAL_UNICAST and parsed.is_global
        parsed = inner
    return parsed.is_global and not parsed.is_multicast


def exchanges(domain: str, mx: Lookup, chance: Callable[[], float]) -> Sequence[MailExchange] | Reply:
    """The exchanges of a domain, the preferred ones first and equals by `chance`; without MX the domain itself."""
    if reason := _trouble(mx):
        return Reply(451, "4.4.3", f"Mail hosts of {domain} could not be looked up: {reason}")
    assert isinstance(mx, Answer)
    if mx.rcode == "NXDOMAIN":
        return Reply(550, "5.1.2", f"Domain {domain} does not exist")
    found = [record for record in mx.records if isinstance(record, MailExchange)]
    if not found:
        return (MailExchange(0, domain),)
    named = [record for record in found if record.exchange]
    if not named:
        return Reply(556, "5.1.10", f"Domain {domain} takes no mail (null MX)")
    return sorted(named, key=lambda record: (record.preference, chance()))[:EXCHANGES]


def is_host(exchange: str) -> bool:
    """Can an exchange's name be a host's? Of others no address is worth asking for."""
    return _HOST.fullmatch(exchange) is not None


def hops(
    domain: str,
    found: Sequence[tuple[MailExchange, Sequence[Lookup]]],
    route: MxRoute,
    own: Own,
    chance: Callable[[], float],
) -> Sequence[Hop] | Reply:
    """The hops for a domain from its exchanges, in their order, each with what was asked for its addresses."""
    limit = min(_preferences_of_ours(found, route, own), default=None)
    if limit is not None:
        found = [(exchange, lookups) for exchange, lookups in found if exchange.preference < limit]
        if not found:
            return Reply(554, "5.4.6", f"Mail for {domain} would loop back to this host")
    way: list[Hop] = []
    refused: list[str] = []
    sources = {ipv6: route.source(domain, ipv6, chance) for ipv6 in (False, True)}
    unreached = False
    for exchange, lookups in found:
        usable = [address for address in _addresses(lookups) if route.allow_private or is_public(address)]
        refused += [address for address in _addresses(lookups) if address not in usable]
        # IPv4 first: it reaches more hosts, and a broken IPv6 costs a whole time-out
        usable.sort(key=lambda address: (":" in address, chance()))
        reached = [(each, source) for each in usable if (source := sources[":" in each]) is not None]
        unreached = unreached or len(reached) < len(usable)
        way += [
            Hop(exchange.exchange, route.port, route.tls, address=address, source=source, route=route.name)
            for address, source in reached[:ADDRESSES]
        ]
    if unreached and not way:
        kind = "IPv4" if sources[True] is None else "IPv6"
        return Reply(
            451, "4.4.4", f"Mail hosts of {domain} have no {kind} address, and route {route.name} sends from no other"
        )
    return way[:HOPS] or _nowhere(domain, found, refused)


def direct(domain: str, route: MxRoute, own: Own) -> Sequence[Hop] | Reply:
    """The hop for a domain that is an address literal."""
    address = literal(domain)
    itself = MailExchange(0, address), [Answer((address,))]
    return hops(domain, [itself], route, own, lambda: 0.0)


def _preferences_of_ours(
    found: Sequence[tuple[MailExchange, Sequence[Lookup]]], route: MxRoute, own: Own
) -> Iterator[int]:
    for exchange, lookups in found:
        if exchange.exchange in own.names or any(own.listens(each, route.port) for each in _addresses(lookups)):
            yield exchange.preference


def _nowhere(domain: str, found: Sequence[tuple[MailExchange, Sequence[Lookup]]], refused: Sequence[str]) -> Reply:
    """Why there is no address to try."""
    for exchange, lookups in found:
        for lookup in lookups:
            if reason := _trouble(lookup):
                return Reply(451, "4.4.3", f"Mail host {exchange.exchange} could not be looked up: {reason}")
    if refused:
        return Reply(550, "5.4.4", f"Mail hosts of {domain} have no public address, only {', '.join(refused[:3])}")
    if [exchange.exchange for exchange, _ in found] == [domain]:
        return Reply(550, "5.1.2", f"Domain {domain} has no mail host")
    return Reply(451, "4.4.4", f"No mail host of {domain} has an address")


def _addresses(lookups: Sequence[Lookup]) -> list[str]:
    return [
        record
        for lookup in lookups
        if isinstance(lookup, Answer)
        for record in lookup.records
        if isinstance(record, str)
    ]


def _trouble(lookup: Lookup) -> str:
    """Why nothing is known, or ""."""
    if isinstance(lookup, str):
        return lookup
    return "" if lookup.known else lookup.rcode
