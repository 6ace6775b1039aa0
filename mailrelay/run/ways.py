"""The ways out of one process, from its configuration and store: for a daemon's deliveries, and for trying them."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from ..config import Config
from ..config import Route as RouteSection
from ..mail.envelope import Hop
from ..manage.routes import open_route
from ..policy.mx import Own
from ..policy.route import MxRoute, Route, Routes
from ..relay.down import DownHosts
from ..relay.promises import Promises, Told
from ..relay.sts import StsPolicies
from ..relay.way import Ways
from ..smtp.client import Timeouts
from ..smtp.dial import connect_by
from ..smtp.dns import Resolver, exchange_by, servers
from ..smtp.https import Https
from ..smtp.probe import Prober
from ..store import Store
from ..vault import Vault
from .ports import Address, ends_at

#: Seconds that each step of a trial may take at most: somebody waits for it.
PATIENCE = 20.0


def ways_out(
    config: Config,
    store: Store,
    vault: Vault,
    reactor: Any,
    hostname: str,
    listening: Collection[Address],
    told: Told,
    now: Callable[[], int],
) -> tuple[Ways, DownHosts, Resolver, StsPolicies | None]:
    """The ways, the hosts that they hold for down, what asks DNS, and others' policies where they are asked for.
    `listening` is where mail comes in, `told` hears what came of promises of TLS."""
    asked = config.resolver
    resolver = Resolver(
        servers(asked.servers, asked.port),
        exchange_by(reactor, os.urandom),
        reactor,
        os.urandom,
        timeout=asked.timeout,
        tries=asked.tries,
    )
    near = any(route.mx and route.allow_private for route in config.routes)
    https = Https(reactor, resolver, allow_private=near)
    sts = config.delivery.mta_sts
    policies = StsPolicies(resolver, https, reactor.seconds, store.sts_policies, now) if sts else None
    down = DownHosts(now)
    ways = Ways(
        _routes(config),
        partial(_stored_route, store, vault),
        resolver,
        Own(frozenset({hostname.lower()}), ends_at(listening)),
        random.random,
        now,
        down,
        store.directory.routes,
        Promises(resolver, policies, asked.validates, told),
    )
    return ways, down, resolver, policies


async def unknown_fallbacks(config: Config, store: Store) -> list[str]:
    """Routes of the configuration whose fallback is neither another one there nor stored for all, in words."""
    known = {route.name for route in config.routes} | {each.id for each in await store.routes.every("")}
    return [
        f"route {route.name} falls back on {route.fallback}, which there is not"
        for route in config.routes
        if route.fallback and route.fallback not in known
    ]


def prober_of(config: Config, reactor: Any, hostname: str) -> Prober:
    """What tries hops as mail would go there, with less patience."""
    timeouts = timeouts_of(config)
    limits = {phase: min(seconds, PATIENCE) for phase, seconds in timeouts.by_phase().items()}
    return Prober(connect_by(reactor), reactor, hostname, limits, min(timeouts.connect, PATIENCE))


def timeouts_of(config: Config) -> Timeouts:
    """Seconds for each phase with next hops."""
    given = config.delivery.timeouts
    return Timeouts(
        connect=given.connect,
        banner=given.banner,
        ehlo=given.ehlo,
        mail=given.mail,
        rcpt=given.rcpt,
        data=given.data,
        block=given.block,
        final=given.dot,
        idle=config.delivery.idle,
    )


def _routes(config: Config) -> Routes:
    def way(route: RouteSection) -> Route | MxRoute:
        if route.mx:
            return MxRoute(
                route.name,
                route.port,
                route.tls,
                route.allow_private,
                route.fallback,
                route.sources,
                route.rotate,
            )
        return Route(
            route.name,
            tuple(
                Hop(host, port, route.tls, route.username, route.password, route=route.name)
                for host, port in route.addresses
            ),
            route.weights,
            route.fallback,
        )

    domains = {domain: route.name for route in config.routes for domain in route.domains}
    return Routes(map(way, config.routes), config.default_route.name, domains)


def _stored_route(store: Store, vault: Vault, account: str, id: str) -> Deferred[Route | MxRoute | None]:
    found = store.directory.route(account, id)
    return found.addCallback(lambda route: open_route(vault, route) if route is not None else None)
