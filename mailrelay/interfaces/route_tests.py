"""What people need to try a route: every host of it asked whether it would take mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from .probe import Probe


@dataclass(frozen=True, slots=True)
class RouteTest:
    """What came of it: the hosts in the order in which mail would try them, or in `reply` why there is no way."""

    route: str
    probes: Sequence[Probe] = ()
    reply: str = ""

    @property
    def serves(self) -> bool:
        """Would any host take mail?"""
        return any(each.serves for each in self.probes)


class IRouteTests(Interface):
    """Tries routes."""

    def test(account: str, route: str, domain: str, sender: str = "", recipient: str = "") -> Deferred[RouteTest]:
        """Try each host by which mail of an account ("" for none) to a `domain` leaves through the route, stored or
        configured, of that name (see `IProber`). Never fails."""
