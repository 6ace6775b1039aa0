"""The way to a recipient: asks DNS what `policy.route` and `policy.mx` have to know, and no more.

A route with smart hosts needs no question; hosts thought down come last. Where there is no way the
outcome is ready: bounced when DNS said so for certain, deferred otherwise. It never fails, and never contacts a host.
Reports about TLS go the usual way, but no rule or promise of TLS keeps them from it (RFC 8460 3), unless there is a
route of their name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.python.failure import Failure

from ..interfaces.resolver import IResolver, ResolverFailure
from ..interfaces.routes import RouteNames
from ..mail.answer import Answer, Kind, MailExchange
from ..mail.envelope import Bounced, Delivery, Hop, Outcome
from ..mail.envelope import Deferred as Postponed
from ..mail.reply import Reply
from ..mail.tls_report import ROUTE as REPORTS
from ..policy.mx import Lookup, Own, direct, exchanges, hops, is_host, literal
from ..policy.route import MxRoute, Route, Routes, last, serving
from ..policy.simulation import SIMULATOR
from .at_once import at_once
from .down import DownHosts
from .promises import Promises
from .simulator import HOP

#: The stored route that an account means by an id, None where there is none.
FindStored = Callable[[str, str], Deferred[Route | MxRoute | None]]
#: The stored routes that an account may name.
FindNames = Callable[[str], Deferred[RouteNames]]

_NO_NAMES = RouteNames()


class Ways:
    """Finds ways; `stored` and `names` tell the routes that accounts have beside `routes`, `chance` numbers from 0 to
    1, `now` microseconds; `promises` holds hosts found by MX to what their domain promises of TLS."""

    def __init__(
        self,
        routes: Routes,
        stored: FindStored,
        resolver: IResolver,
        own: Own,
        chance: Callable[[], float],
        now: Callable[[], int],
        down: DownHosts | None = None,
        names: FindNames = lambda account: succeed(_NO_NAMES),
        promises: Promises | None = None,
    ) -> None:
        self._routes = routes
        self._stored = stored
        self._names = names
        self._promises = promises
        self._resolver = resolver
        self._own = own
        self._chance = chance
        self._now = now
        self._down = down if down is not None else DownHosts(now)

    def find(self, delivery: Delivery) -> Deferred[Sequence[Hop] | Outcome]:
        """Fires with the hosts to try, best first, or with the outcome when there is no way to any."""
        return at_once(self._find(delivery))

    async def _find(self, delivery: Delivery) -> Sequence[Hop] | Outcome:
        """By the route that the message names, that for the recipient's domain, the account's only one, or that of the
        configuration."""
        name = delivery.route
        if name == REPORTS:
            return await self._of_report(delivery)
        if name == SIMULATOR:
            return (HOP,)
        if not name:
            names = await self._names(delivery.account)
            name = serving(names.domains, delivery.destination) or names.usual
        if name:
            return await self._by_name(delivery.account, name, delivery.destination)
        return await self._by(self._routes.usual(delivery.destination), delivery.destination)

    async def _of_report(self, delivery: Delivery) -> Sequence[Hop] | Outcome:
        """By the reports' own route, else by the usual one without its rule for TLS."""
        if (own := await self._named(delivery.account, REPORTS)) is not None:
            return await self._by(own, delivery.destination)
        names = await self._names(delivery.account)
        name = serving(names.domains, delivery.destination) or names.usual
        route = await self._named(delivery.account, name) if name else None
        route = route or self._routes.usual(delivery.destination)
        if isinstance(route, Route):
            return await self._by(route, delivery.destination)
        freed = replace(route, tls="may") if route.tls != "none" else route
        return await self._by_dns(delivery.destination, freed, held=False)

    def through(self, account: str, name: str, domain: str) -> Deferred[Sequence[Hop] | Outcome]:
        """The same, for mail of an account to a domain by the route of that name."""
        return Deferred.fromCoroutine(self._by_name(account, name, domain))

    async def _by_name(self, account: str, name: str, domain: str) -> Sequence[Hop] | Outcome:
        """By the route of that name: the account's own or a shared one, else the configuration's."""
        route = await self._named(account, name)
        if route is None:
            return self._end(Reply(451, "4.3.5", f"There is no route named {name}"), name)
        return await self._by(route, domain)

    async def _named(self, account: str, name: str) -> Route | MxRoute | None:
        return await self._stored(account, name) or self._routes.get(name)

    def find_fallback(self, delivery: Delivery, route: str) -> Deferred[Sequence[Hop] | None]:
        """Fires with the hosts of the route that takes over from the one of that name; None where there is none."""
        return Deferred.fromCoroutine(self._fallback(delivery, route))

    async def _fallback(self, delivery: Delivery, name: str) -> Sequence[Hop] | None:
        failed = await self._named(delivery.account, name)
        if failed is None or not failed.fallback:
            return None
        route = await self._named(delivery.account, failed.fallback)
        way = await self._by(route, delivery.destination) if route is not None else None
        return way if isinstance(way, Sequence) else None

    async def _by(self, route: Route | MxRoute, domain: str) -> Sequence[Hop] | Outcome:
        if isinstance(route, Route):
            return route.order(self._down, self._chance)
        return await self._by_dns(domain, route)

    async def _by_dns(self, domain: str, route: MxRoute, held: bool = True) -> Sequence[Hop] | Outcome:
        way = direct(domain, route, self._own) if literal(domain) else await self._by_mx(domain, route, held)
        if isinstance(way, Reply):
            return self._end(way, route.name)
        return last(way, self._down) if self._down else way

    async def _by_mx(self, domain: str, route: MxRoute, held: bool) -> Sequence[Hop] | Reply:
        mx = await self._look_up(domain, "MX")
        found = exchanges(domain, mx, self._chance)
        if isinstance(found, Reply):
            return found
        addressed = [(exchange, self._addresses(exchange)) for exchange in found]
        known = [(exchange, await lookups) for exchange, lookups in addressed]
        way = hops(domain, known, route, self._own, self._chance)
        if self._promises is None or not held or isinstance(way, Reply):
            return way
        return await self._promises.hold(domain, way, _authentic(mx, [each for _, each in known]), _ends(known))

    def _addresses(self, exchange: MailExchange) -> Deferred[list[Lookup]]:
        if not is_host(exchange.exchange):
            return succeed([])
        name = exchange.exchange
        return gatherResults([self._look_up(name, "A"), self._look_up(name, "AAAA")], consumeErrors=True)

    def _look_up(self, name: str, kind: Kind) -> Deferred[Lookup]:
        asking: Deferred[Answer] = self._resolver.resolve(name, kind)
        return asking.addErrback(_reason)

    def _end(self, reply: Reply, route: str) -> Outcome:
        return (Postponed if reply.transient else Bounced)(reply, "", self._now(), route=route)


def _authentic(mx: Lookup, addresses: Iterable[Sequence[Lookup]]) -> dict[str, bool]:
    """Of each IP address, whether DNS proved it and that it is an exchange's."""
    answers = [lookup for lookups in addresses for lookup in lookups if isinstance(lookup, Answer)]
    proved = isinstance(mx, Answer) and mx.authenticated
    return {str(record): proved and answer.authenticated for answer in answers for record in answer.records}


def _ends(known: Iterable[tuple[MailExchange, Sequence[Lookup]]]) -> dict[str, str]:
    """Of each exchange that DNS proved to be an alias, the name at its end."""
    return {
        exchange.exchange: answer.name
        for exchange, lookups in known
        for answer in lookups
        if isinstance(answer, Answer) and answer.authenticated and answer.name
    }


def _reason(failure: Failure) -> str:
    failure.trap(ResolverFailure)  # type: ignore[no-untyped-call]
    return str(failure.value)
