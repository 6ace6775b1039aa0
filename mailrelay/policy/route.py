"""By which way a delivery leaves: the choice of a route, and the order in which its hops are tried.

A route leads to smart hosts, or to the hosts that DNS names for the recipient's domain (`policy.mx` tells which). Which
hosts are down is told by whoever talks to them; nothing is resolved or contacted here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..mail.envelope import Hop


@dataclass(frozen=True, slots=True)
class Route:
    """A named way out with its hops, the preferred one first; there is at least one."""

    name: str
    hops: tuple[Hop, ...]

    def __post_init__(self) -> None:
        if not self.hops:
            raise ValueError(f"route {self.name} has no hop")

    def order(self, down: Collection[tuple[str, int]] = ()) -> tuple[Hop, ...]:
        """All hops in the order in which to try them: those thought down (host and port) after all others."""
        return tuple(sorted(self.hops, key=lambda hop: (hop.host, hop.port) in down))


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


class Routes:
    """The routes of an installation, one of which serves when none is asked for."""

    def __init__(self, routes: Iterable[Route | MxRoute], default: str) -> None:
        self._by_name = {route.name: route for route in routes}
        self.default = self._by_name[default]

    def get(self, name: str) -> Route | MxRoute | None:
        """The route of that name; None when there is none."""
        return self._by_name.get(name)
