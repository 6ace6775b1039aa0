"""By which way a delivery leaves: the choice of a route, and the order in which its hops are tried.

A route leads to smart hosts, or to the hosts that DNS names for the recipient's domain (`policy.mx` tells which). Which
hosts are down is told by whoever talks to them; nothing is resolved or contacted here. A route may name another that
takes over in the same attempt when it fails in a way that the other may not: `trouble` tells which way it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from ..mail.envelope import Delivered, Hop, Outcome

#: Ways to fail that another route may not share: no host of the route would take a session, or one refused the mail
#: for where it came from and not for what it is or to whom it goes.
DOWN, BLOCKED = "down", "blocked"
TROUBLES: Final = (DOWN, BLOCKED)

# What receivers say of our address or its standing. Codes do not tell: most use 5.7.1 for content as well.
_BLOCKED = re.compile(
    r"black ?list|block ?list|dnsbl|\brbl\b|spamhaus|barracuda|spamcop|sorbs|reputation|"
    r"(?:ip|address|host|client|network|server|connection)\b.{0,60}\b(?:blocked|banned|denied|listed)|"
    r"(?:blocked|banned|denied|listed)\b.{0,60}\b(?:ip|your (?:address|host|network|server))\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Route:
    """A named way out with its hops; there is at least one.

    Without `weights` the hops stand in the order of preference; with them, one for each, a hop is tried first as often
    as its weight says, and one of weight 0 only after all others. `fallback` names the route that takes over.
    """

    name: str
    hops: tuple[Hop, ...]
    weights: tuple[int, ...] = ()
    fallback: str = ""

    def __post_init__(self) -> None:
        if not self.hops:
            raise ValueError(f"route {self.name} has no hop")
        if self.weights and len(self.weights) != len(self.hops):
            raise ValueError(f"route {self.name} has {len(self.weights)} weights for {len(self.hops)} hops")

    def order(
        self, down: Collection[tuple[str, int, str]] = (), chance: Callable[[], float] = lambda: 0.5
    ) -> tuple[Hop, ...]:
        """All hops in the order in which to try them: those thought down (host, port, address) after all others."""
        if len(self.hops) == 1 or not (self.weights or down):
            return self.hops
        hops = self.hops
        if self.weights:
            # Efraimidis and Spirakis: sorted by these keys each is first with the chance of its weight
            keys = {
                hop: chance() ** (1 / weight) if weight else -1.0
                for hop, weight in zip(hops, self.weights, strict=True)
            }
            hops = tuple(sorted(hops, key=lambda hop: -keys[hop]))
        return last(hops, down)


def last(hops: Iterable[Hop], down: Collection[tuple[str, int, str]]) -> tuple[Hop, ...]:
    """The hops in their order, but those thought down behind the others."""
    return tuple(sorted(hops, key=lambda hop: (hop.host, hop.port, hop.address) in down))


def serving(domains: Mapping[str, str], domain: str) -> str:
    """The route that serves a recipient's domain, by its own name or by ``*.`` and one above it, the nearest first; ""
    where none does."""
    if not domains:
        return ""
    found, above = domains.get(domain, ""), domain
    while not found and "." in above:
        above = above.partition(".")[2]
        found = domains.get(f"*.{above}", "")
    return found


def trouble(outcome: Outcome) -> str:
    """In which of `TROUBLES` an attempt ended, "" for none: what another route would hear as well."""
    if isinstance(outcome, Delivered) or outcome.uncertain:
        return ""
    if outcome.elsewhere:
        return BLOCKED
    if not outcome.asked:
        return DOWN
    return BLOCKED if _BLOCKED.search(outcome.reply.text) else ""


@dataclass(frozen=True, slots=True)
class MxRoute:
    """A named way out to the hosts of the recipient's domain, on one port and with one rule for TLS.

    Unless `allow_private`, no address is taken that is not of the public Internet: whoever owns a domain could point
    it at hosts that only we can reach. `sources` are our own addresses to connect from, none for the system's choice: a
    domain's mail leaves from the same one always, or with `rotate` from each in turn by chance. Hosts that have no
    address of a kind (IPv4, IPv6) that is among the sources are not reached by this route.
    """

    name: str
    port: int = 25
    tls: str = "may"
    allow_private: bool = False
    fallback: str = ""
    sources: tuple[str, ...] = ()
    rotate: bool = False

    def source(self, domain: str, ipv6: bool, chance: Callable[[], float]) -> str | None:
        """Our address for a domain's mail over IPv4 or IPv6; "" is the system's choice, None that there is none."""
        if not self.sources:
            return ""
        fitting = [each for each in self.sources if (":" in each) is ipv6]
        if not fitting:
            return None
        share = chance() if self.rotate else crc32(domain.encode()) / 2**32
        return fitting[int(share * len(fitting))]


class Routes:
    """The routes of an installation, one of which serves when none is asked for; `domains` names those that serve
    recipient domains (see `serving`)."""

    def __init__(
        self, routes: Iterable[Route | MxRoute], default: str, domains: Mapping[str, str] | None = None
    ) -> None:
        self._by_name = {route.name: route for route in routes}
        self._domains = domains or {}
        self.default = self._by_name[default]

    def usual(self, domain: str) -> Route | MxRoute:
        """The route of mail to a domain that names none."""
        return self._by_name[name] if (name := serving(self._domains, domain)) else self.default

    def get(self, name: str) -> Route | MxRoute | None:
        """The route of that name; None when there is none."""
        return self._by_name.get(name)
