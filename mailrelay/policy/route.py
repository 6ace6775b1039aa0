"""By which way a delivery leaves: the choice of a route, and the order in which its hops are tried.

A route leads to smart hosts, or to the hosts that DNS names for the recipient's domain (`policy.mx` tells which). Which
hosts are down is told by whoever talks to them; nothing is resolved or contacted here. A route may name another that
takes over in the same attempt when it fails in a way that the other may not: `trouble` tells which way it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

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


def trouble(outcome: Outcome) -> str:
    """In which of `TROUBLES` an attempt ended, "" for none: what another route would hear as well."""
    if isinstance(outcome, Delivered) or outcome.uncertain:
        return ""
    if not outcome.asked:
        return DOWN
    return BLOCKED if _BLOCKED.search(outcome.reply.text) else ""


@dataclass(frozen=True, slots=True)
class MxRoute:
    """A named way out to the hosts of the recipient's domain, on one port and with one rule for TLS.

    Unless `allow_private`, no address is taken that is not of the public Internet: whoever owns a domain could point
    it at hosts that only we can reach.
    """

    name: str
    port: int = 25
    tls: str = "may"
    allow_private: bool = False
    fallback: str = ""


class Routes:
    """The routes of an installation, one of which serves when none is asked for."""

    def __init__(self, routes: Iterable[Route | MxRoute], default: str) -> None:
        self._by_name = {route.name: route for route in routes}
        self.default = self._by_name[default]

    def get(self, name: str) -> Route | MxRoute | None:
        """The route of that name; None when there is none."""
        return self._by_name.get(name)
