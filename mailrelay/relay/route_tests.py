"""Trying a route: its hosts are found as for a delivery, and all are asked at once whether they would take mail."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, gatherResults
from zope.interface import implementer

from ..interfaces.probe import IProber
from ..interfaces.route_tests import IRouteTests, RouteTest
from .way import Ways


@implementer(IRouteTests)
class RouteTests:
    """Tries routes."""

    def __init__(self, ways: Ways, prober: IProber) -> None:
        self._ways = ways
        self._prober = prober

    def test(self, account: str, route: str, domain: str, sender: str = "", recipient: str = "") -> Deferred[RouteTest]:
        return Deferred.fromCoroutine(self._test(account, route, domain, sender, recipient))

    async def _test(self, account: str, route: str, domain: str, sender: str, recipient: str) -> RouteTest:
        way = await self._ways.through(account, route, domain)
        if not isinstance(way, Sequence):
            return RouteTest(route, reply=str(way.reply))
        return RouteTest(route, await gatherResults([self._prober.probe(hop, sender, recipient) for hop in way]))
