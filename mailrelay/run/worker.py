"""One worker: it is handed listening sockets and a configuration, and relays mail until it is stopped.

It opens the store, buries dead processes' leases, wires everything, and only then serves its sockets. Stopping is one
coroutine: stop listening, let transactions and deliveries end within `GRACE` seconds, give back what has not begun,
close the store; no step waits for longer than it may, and one that fails keeps none of the others from being taken. A
worker never decides where to listen, and never outlives a store that cannot be opened.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from ..config import Config
from ..interfaces.answers import LIFETIME
from ..interfaces.counters import ICounters
from ..interfaces.engagement import IEngagement
from ..interfaces.posting import IPostOffice
from ..interfaces.registry import IRegistry
from ..interfaces.renderer import IRenderer
from ..interfaces.resolver import IResolver
from ..interfaces.route_tests import IRouteTests
from ..interfaces.web_version import IWebVersions
from ..mail.envelope import DAY, ulid
from ..mail.reply import Refusal
from ..manage import Installation, domain_checks, domains, plans, sessions
from ..manage.caller import ITSELF
from ..policy import shaping
from ..policy.dialect import Dialects
from ..policy.domain_check import Relay
from ..relay.blocking import Blocker
from ..relay.render_once import RenderOnce
from ..smtp.server import listening_factory
from ..store import Reports, Store, Unfit, open_store
from ..vault import Vault
from .chores import Chore, Chores
from .live import publish
from .memory import give_back_large_blocks
from .passwords import judge
from .ports import address_of, adopt, close_all
from .public import Keyring
from .threads import Threads
from .ways import unknown_fallbacks
from .wiring import Wired, wire

log = Logger()

#: Seconds of each step of a stop; SIGTERM promises 10 in all.
GRACE = 6.0  #: transactions and deliveries have to end
CUT = 1.0  #: next hops have to take a QUIT after that
LAST_COMMIT = 1.0  #: what was cut is settled
CLOSE = 1.0  #: the store is left and closed
HASHING_THREADS = 2
DOMAINS = 600.0  #: seconds between looks for domains whose turn it is
TLS_SESSIONS = 20.0  #: seconds between writes of what came of TLS
TLS_REPORTS = 10.0  #: seconds between looks for reports about TLS that are due
POLICIES = 600.0  #: seconds between looks for policies of MTA-STS that are to be fetched again
MONTHS = 30.0  #: seconds between looks whether a month began
SESSIONS = 3600.0  #: seconds between looks for sessions of people that are over
BLOCKING = 60.0  #: seconds between looks at what came of the recipients of each connection
#: RSA lets go of the interpreter while it signs: as many at a time as there are processors.
SIGNING_THREADS = len(os.sched_getaffinity(0))
#: The setting that is written to see whether the store takes it.
_WRITTEN = "written_at"


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


class Worker:
    """Relays mail from `start` to `stop`."""

    def __init__(
        self,
        config: Config,
        sockets: Mapping[str, socket.socket],
        reactor: Any,
        *,
        vault: Vault,
        dialects: Dialects,
        connections: Mapping[str, str],
        sandbox: bool = False,
    ) -> None:
        """In a `sandbox` no connection is blocked by what hosts say of its recipients."""
        self._sandbox = sandbox
        self._config = config
        self._sockets = sockets
        # asked now: a port that is served before this one lets go of its socket
        self._listening = [address_of(sock) for sock in sockets.values()]
        self._reactor = reactor
        self._vault = vault
        self._dialects = dialects
        self._connections = connections
        self._hostname = config.server.hostname or socket.getfqdn()
        self._hashing = ThreadPool(0, HASHING_THREADS, "argon2")
        self._signing = Threads(reactor, SIGNING_THREADS, "signing")
        self._ports: list[IListeningPort] = []
        self._store: Store | None = None
        self._wired: Wired | None = None
        self._chores: Chores | None = None
        self._hurried: Deferred[None] = Deferred()
        self.began = now()
        self.serving = self.stopping = False
        self._keyring = Keyring(vault)
        self.verify_password: Callable[[str, str, str, str], Deferred[bool]]

    @property
    def store(self) -> Store:
        """The store, once started."""
        assert self._store is not None, "the worker was not started"
        return self._store

    @property
    def wired(self) -> Wired | None:
        """Its objects, None before it has started."""
        return self._wired

    @property
    def paused(self) -> bool:
        """No mail is taken."""
        return self._chores is not None and self._chores.paused

    @property
    def public(self) -> tuple[IEngagement, IWebVersions, IRegistry, Keyring]:
        """What the public pages stand on, once started."""
        return self.store.engagement, self.web_versions, self.store.registry, self._keyring

    @property
    def route_tests(self) -> IRouteTests:
        """What tries routes, once started."""
        assert self._wired is not None, "the worker was not started"
        return self._wired.route_tests

    @property
    def renderer(self) -> IRenderer:
        """What renders, once started."""
        assert self._wired is not None, "the worker was not started"
        return self._wired.renderer

    @property
    def posts(self) -> IPostOffice:
        """Who takes messages without SMTP, once started."""
        assert self._wired is not None, "the worker was not started"
        office: IPostOffice = self._wired.posts
        return office

    @property
    def resolver(self) -> IResolver | None:
        """Who asks the DNS about domains, once started; nobody in a sandbox, where a word is enough."""
        assert self._wired is not None, "the worker was not started"
        return None if self._sandbox else self._wired.resolver

    @property
    def relay(self) -> Relay:
        """Who sends, as domains are judged by it."""
        bounces = self._config.delivery.bounce_domain or f"bounces.{self._hostname.lower()}"
        return Relay(self._hostname.lower(), bounces)

    def aside(self, function: Callable[..., Any], *given: Any) -> Deferred[Any]:
        """Call a function in a thread."""
        return self._signing.defer(function, *given)

    @property
    def counters(self) -> ICounters:
        """What holds back who guesses, once started."""
        assert self._wired is not None, "the worker was not started"
        return self._wired.counters

    @property
    def web_versions(self) -> IWebVersions:
        """Messages as they were sent, once started."""
        assert self._wired is not None, "the worker was not started"
        return self._wired.web_versions

    # -- start

    async def start(self) -> None:
        """Open, wire, and serve; raises whatever keeps it from that."""
        give_back_large_blocks()
        node = ulid(now(), os.urandom(10))
        store = self._store = open_store(
            self._config.state.path,
            node=node,
            now=now,
            reactor=self._reactor,
            reports=Reports(self._hostname, self._sends_reports),
            options=self._dialects.options,
            pseudonym=self._vault.pseudonym,
            provider_of=shaping.installed(self._config.delivery.shaping).provider,
        )
        await store.nodes.join()
        try:
            await self._write_something()
            buried = await store.nodes.bury()
        except Refusal as refusal:
            raise Unfit(
                f"{self._config.state.path}: cannot be written: {refusal.facts.get('error', refusal)}"
            ) from refusal
        if buried:
            log.info("{count} deliveries taken over from processes that died", count=buried)
        await self._provide_keys()
        self._hashing.start()
        self.verify_password = judge(self._reactor, self._hashing, self._vault.digest)
        self._signing.start()
        wired = self._wired = wire(
            self._config,
            store,
            self._vault,
            self._dialects,
            reactor=self._reactor,
            hashing=self._hashing,
            signing=self._signing,
            hostname=self._hostname,
            connections=self._connections,
            listening=self._listening,
            paused=lambda: chores.paused,
            keyring=self._keyring,
            now=now,
            grace=CUT,
        )
        chores = self._chores = Chores(
            store.ledger,
            store.nodes,
            store.directory,
            wired.counters,
            in_hand=wired.outbound.in_hand,
            sweep=self._sweep,
            forget=self._forget,
            set_aside=store.set_aside,
            read_link_keys=self._keyring.read,
            weigh=wired.outbound.weigh,
            recall=wired.outbound.recall,
            clock=self._reactor,
            now=now,
            more=self._more_chores(store, wired),
        )
        await wired.counters.start()
        await chores.read_switches()
        if wired.policies is not None:
            await wired.policies.remember()
        if (why := self._config.tls_reports.why_not) and not self._sandbox:
            log.info("no reports about TLS are sent: {why}", why=why)
        for text in await unknown_fallbacks(self._config, store):
            log.warn("{text}", text=text)
        await wired.tls_reporter.warn()
        wired.outbound.start()
        for name, factory in wired.servers.items():
            served = listening_factory(factory, factory.context_factory, self._reactor)
            self._ports.append(adopt(self._reactor, self._sockets[name], served))
        chores.start()
        wired.certificates.start()
        self.serving = True

    def _sweep(self, at: int) -> Deferred[int]:
        return Deferred.fromCoroutine(self._sweep_all(at))

    async def _sweep_all(self, at: int) -> int:
        """What no message refers to, and events and answers that are kept no longer."""
        await self.store.answers.forget(at - LIFETIME)
        if days := self._config.retention.events:
            await self.store.events.forget(at - days * DAY)
        if self._wired is not None:
            await self._wired.tls_reporter.forget()
        return await self.store.sweep(at)

    def _sends_reports(self, dialect: str) -> bool:
        return dialect in self._dialects and self._dialects.get(dialect).dsn

    def _more_chores(self, store: Store, wired: Wired) -> list[Chore]:
        watched = Chore(1.0, "telling who watches", partial(self._publish, store))
        if self._sandbox:
            return [watched]
        installation, relay = self._installation(), self.relay

        def look_at_domains() -> Awaitable[int]:
            return domain_checks.look_again(installation, wired.resolver, relay, store.events.tell)

        policies = wired.policies
        return [
            watched,
            Chore(TLS_SESSIONS, "writing down what came of TLS", wired.tls_reporter.write),
            Chore(TLS_REPORTS, "sending reports about TLS", wired.tls_reporter.look),
            *([Chore(POLICIES, "fetching policies again", policies.refresh)] if policies is not None else []),
            Chore(BLOCKING, "looking for connections to block", Blocker(store.blocking, now).look, at_once=True),
            Chore(DOMAINS, "looking at what domains publish", look_at_domains),
            Chore(MONTHS, "beginning months", partial(plans.turn, self._installation()), at_once=True),
            Chore(SESSIONS, "forgetting sessions that are over", partial(sessions.sweep, self._installation())),
        ]

    async def _publish(self, store: Store) -> None:
        wired = self._wired
        if wired is not None:
            sessions = sum(factory.sessions for factory in wired.servers.values())
            await publish(wired.outbound, sessions, store.registry, now)

    def _forget(self, at: int) -> Deferred[int]:
        kept = self._config.retention
        if kept.changes:
            forgotten = self.store.changes.forget(at - kept.changes * DAY)
            forgotten.addErrback(lambda failure: log.failure("forgetting old changes failed", failure))
        return self.store.forget(at, bodies=kept.bodies, history=kept.history, refusals=kept.refusals)

    def _installation(self) -> Installation:
        store = self.store
        return Installation.over(
            store,
            renderer=RenderOnce(),
            vault=self._vault,
            dialects=self._dialects,
            now=now,
            random=os.urandom,
            caller=ITSELF,
        )

    async def _provide_keys(self) -> None:
        """Domains of a state older than signing get keys: no mail of theirs would leave without."""
        installation = self._installation()
        for domain in await domains.provide_keys(installation):
            log.warn(
                "{domain} had no keys and got some: publish what 'mailrelay domain show {domain}' prints",
                domain=domain.name,
            )

    async def _write_something(self) -> None:
        await self.store.registry.put_setting(_WRITTEN, str(now()))

    async def answers(self) -> None:
        """Have something small written; fails when the store did not come to it. That it cannot be written just now,
        because the disk is full for instance, is an answer too."""
        try:
            await self._write_something()
        except Refusal as refusal:
            if refusal.rule == "store_busy":
                raise

    async def writes(self) -> None:
        """Have something small written; fails when that cannot be done."""
        await self._write_something()

    async def reload(self) -> None:
        """Read certificates and keys again; sessions and deliveries do not notice."""
        if self._wired is not None:
            self._wired.certificates.reload()

    # -- stop

    async def stop(self) -> None:
        """Drain: nothing that was accepted is lost, nothing that was begun is begun again."""
        self.stopping = True
        if self._chores is not None:
            self._chores.stop()
        if self._wired is not None:
            self._wired.certificates.stop()
        for port in self._ports:
            await self._at_most(CLOSE, maybeDeferred(port.stopListening))
        if self._wired is not None:
            await self._drain(self._wired)
        if self._store is not None:
            await self._at_most(CLOSE / 2, self._store.nodes.leave())
            await self._at_most(CLOSE, self._store.close())
        close_all(self._sockets.values())
        self._hashing.stop()
        self._signing.stop()

    def hurry(self) -> None:
        """Wait for transactions and deliveries no longer: cut them, and keep what came of them."""
        if not self._hurried.called:
            log.warn("told to hurry: transactions and deliveries are cut")
            self._hurried.callback(None)

    async def _drain(self, wired: Wired) -> None:
        servers, outbound = wired.servers.values(), wired.outbound
        endings: list[Deferred[Any]] = [
            outbound.stop_claiming(),
            *[server.drain() for server in servers],
            outbound.idle(),
        ]
        await self._at_most(GRACE, DeferredList([DeferredList(endings), self._hurried], fireOnOneCallback=True))
        for server in servers:
            server.cut()
        wired.resolver.close()
        wired.counters.stop()
        await self._at_most(CUT, wired.renderer.stop())
        await self._at_most(1.1 * CUT, wired.simulator.close())
        await self._at_most(LAST_COMMIT, outbound.idle())
        await self._at_most(LAST_COMMIT, Deferred.fromCoroutine(wired.tls_reporter.write()))

    async def _at_most(self, seconds: float, work: Deferred[Any]) -> None:
        """Wait for work, but no longer than that; it goes on unwatched."""
        over: Deferred[None] = Deferred()
        timer = self._reactor.callLater(seconds, over.callback, None)
        work.addErrback(lambda failure: log.failure("a step of the stop failed", failure))
        await DeferredList([work, over], fireOnOneCallback=True)
        if timer.active():
            timer.cancel()
