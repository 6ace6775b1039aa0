"""Wiring: from a configuration and an open store to the objects of one worker, each handed plain values.

This is the only place that names the concrete classes of all wings. It starts nothing and binds nothing.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, execute
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from ..config import Config
from ..config import Listener as ListenerSection
from ..interfaces.counters import ICounters
from ..interfaces.submission import IConnection, Peer
from ..interfaces.web_version import IWebVersions
from ..mail.address import verp
from ..mail.envelope import Delivery, ulid
from ..mail.trace import received
from ..manage.signing import unlock
from ..policy import shaping
from ..policy.dialect import Dialect, Dialects
from ..policy.retry import Schedule
from ..relay.aside import Aside, large
from ..relay.compose import compose, trace
from ..relay.feedback import ReturnPath
from ..relay.figures import Figures
from ..relay.hashing import SlowHash
from ..relay.intake import Intake
from ..relay.keys import KeyLogin, LateChecker, LateRealm
from ..relay.late import LateConnection
from ..relay.login import AddressChecker, LoginGuard, PasswordChecker, Realm
from ..relay.outbound import Compose, Outbound, OutboundLimits
from ..relay.personal import Site
from ..relay.posting import PostOffice
from ..relay.render import RenderPool
from ..relay.route_tests import RouteTests
from ..relay.settle import Settler
from ..relay.signing import Signing
from ..relay.simulator import Simulator
from ..relay.sts import StsPolicies
from ..relay.submission import SubmittingConnection
from ..relay.tls_reports import TlsReporter
from ..relay.tls_sessions import TlsSessions
from ..relay.unproven import Allowance, BudgetedConnection, Unproven
from ..relay.web_version import WebVersions
from ..smtp.budget import Budget
from ..smtp.clamd import Clamd, clamd_by
from ..smtp.dial import connect_by
from ..smtp.dns import Resolver
from ..smtp.https import Https
from ..smtp.listener import Limits, Listener
from ..smtp.pool import Pool
from ..smtp.server import SmtpServerFactory
from ..smtp.tls import ServerTls
from ..store import Store
from ..store.counters import MemoryCounters
from ..vault import Vault, hash_password, verify_password
from .certificates import Certificates
from .ports import Address
from .public import Keyring
from .reporting import reporter_of, told_by
from .returns import returns
from .spared import drawn, free_space
from .threads import Threads
from .ways import prober_of, timeouts_of, ways_out

if TYPE_CHECKING:
    from ..store.redis_counters import RedisCounters


@dataclass(frozen=True, slots=True)
class Wired:
    """One worker's objects: what listens and by which certificates, what sends, what asks DNS, what counts, what
    renders."""

    servers: Mapping[str, SmtpServerFactory]
    outbound: Outbound
    #: what sends, or plays that it does; and the real one behind it
    simulator: Simulator
    transmitter: Pool
    resolver: Resolver
    counters: MemoryCounters | RedisCounters
    certificates: Certificates
    renderer: RenderPool
    #: messages in the browser, where there are public pages
    web_versions: IWebVersions
    #: others' policies by MTA-STS, where they are asked for
    policies: StsPolicies | None
    tls_reporter: TlsReporter
    #: what transactions reach for
    intake: Intake
    route_tests: RouteTests
    posts: PostOffice

    @property
    def free_space(self) -> int:
        """Octets that the state's disk has room for."""
        return self.intake.free_space()

    @property
    def free_space_floor(self) -> int:
        """Octets below which no mail is taken."""
        return self.intake.free_space_floor


def bounded(dialects: Dialects, config: Config) -> Dialects:
    """The dialects under the limits of the installation: never more than they say themselves."""
    limits = config.limits

    def bound(dialect: Dialect) -> Dialect:
        return replace(
            dialect,
            size=min(dialect.size, limits.size or dialect.size),
            recipients=min(dialect.recipients, limits.recipients or dialect.recipients),
        )

    return Dialects(map(bound, dialects))


def wire(
    config: Config,
    store: Store,
    vault: Vault,
    dialects: Dialects,
    *,
    reactor: Any,
    hashing: ThreadPool,
    signing: Threads,
    hostname: str,
    connections: Mapping[str, str],
    listening: Collection[Address],
    paused: Callable[[], bool],
    keyring: Keyring,
    now: Callable[[], int],
    grace: float,
) -> Wired:
    """The objects of one worker.

    `connections` gives for a listener with login by address the id of its connection; `listening` is where mail comes
    in; `keyring` has the keys of links in mail; `grace` is how many seconds next hops have when the transmitter closes.
    """
    dialects = bounded(dialects, config)
    counters = _counters(config, reactor)
    delivery = config.delivery
    sessions = TlsSessions(now)
    told = told_by(config, sessions)
    rules = shaping.installed(delivery.shaping)
    transmitter = Pool(
        connect_by(reactor),
        reactor,
        now,
        hostname,
        timeouts=timeouts_of(config),
        concurrency=delivery.connections_per_host,
        messages=delivery.messages_per_connection,
        shaping=rules,
        plaintext_memory=delivery.starttls_memory,
        grace=grace,
        told=told,
    )
    schedule = Schedule(
        delivery.schedule, delivery.expiry, delivery.jitter / 100, delivery.uncertain, delivery.uncertain_retries
    )
    settler = Settler(store.ledger, schedule, now, random.random, store.history.attempts)
    ways, down, resolver, policies = ways_out(config, store, vault, reactor, hostname, listening, told, now)
    bounce_domain = delivery.bounce_domain or f"bounces.{hostname}"
    bounce_key = vault.subkey("verp")

    def reverse_path(delivery: Delivery) -> str:
        return verp(delivery.recipient, bounce_domain, bounce_key) if delivery.sender else ""

    site = Site(config.http.public_url, keyring.secret) if config.http.public_url else None
    simulator = Simulator(
        transmitter,
        store.ledger,
        store.engagement,
        bounce_key,
        site,
        reactor,
        now,
        lambda: ulid(now(), os.urandom(10)),
    )
    outbound = Outbound(
        store.ledger,
        store.bodies,
        simulator,
        find_way=ways.find,
        find_fallback=ways.find_fallback,
        down=down,
        reverse_path=reverse_path,
        compose=_compose(config, store, vault, signing.defer, now, hostname, site),
        settle=settler.settle,
        clock=reactor,
        now=now,
        limits=OutboundLimits(concurrency=delivery.concurrency, in_hand=config.limits.in_hand),
        figures=Figures(partial(_provider, rules)),
    )
    renderer = RenderPool(reactor)
    intake = Intake(
        directory=store.directory,
        ledger=store.ledger,
        spool=store.spool,
        counters=counters,
        verdicts=store.verdicts,
        scheduler=outbound,
        trace=partial(_trace, hostname),
        paused=paused,
        free_space=free_space(config.state.path, now),
        now=now,
        random=drawn(),
        lifetime=delivery.expiry,
        mailbox_full=config.limits.mailbox_full_hours * 3600,
        free_space_floor=config.limits.free_megabytes * 1_000_000,
        renderer=renderer,
        aside=signing.defer,
        files=store.files,
        routes=frozenset(route.name for route in config.routes),
        link_key=lambda: keyring.current if site else 0,
        scanner=_scanner(config, reactor),
    )
    portal = _portal(config, store, vault, dialects, counters, intake, reactor, hashing, connections)
    late = _late_portals(config, store, vault, dialects, counters, intake, reactor)
    path = ReturnPath(bounce_domain, bounce_key, delivery.bounce_lifetime, frozenset(delivery.complaint_names))
    reports, reporting = returns(path, store, signing.defer, now, intake.new_id)
    certificates = _certificates(config)
    budget = Budget(config.limits.in_flight)
    factories = {
        section.name: SmtpServerFactory(
            _listener(config, section),
            reports if section.feedback else dialects.get(section.dialect),
            reporting if section.feedback else portal,
            hostname,
            reactor,
            certificates.get((section.certificate, section.key)),
            os.urandom,
            paused,
            budget=budget,
            named={host: dialects.get(name) for host, name in section.dialect_by_name.items()},
            late=late,
        )
        for section in config.listeners
    }
    watched = Certificates(list(certificates.values()), reactor, now)
    web_versions = WebVersions(store.engagement, store.bodies, site, signing.defer)
    reporter = reporter_of(config, store, sessions, resolver, Https(reactor, resolver), now, intake.new_id)
    return Wired(
        factories,
        outbound,
        simulator,
        transmitter,
        resolver,
        counters,
        watched,
        renderer,
        web_versions,
        policies,
        reporter,
        intake,
        RouteTests(ways, prober_of(config, reactor, hostname)),
        PostOffice(intake, dialects, _unbelieved(config, store, vault, signing.defer, now, hostname), reverse_path),
    )


def _scanner(config: Config, reactor: Any) -> Clamd | None:
    section = config.scanner
    if not section.clamd:
        return None
    dial = clamd_by(reactor, section.address, section.timeout)
    return Clamd(dial, reactor, section.timeout, section.at_once)


def _counters(config: Config, reactor: Any) -> MemoryCounters | RedisCounters:
    section = config.counters
    if section.backend == "memory":
        return MemoryCounters(reactor)
    # these import the reactor
    from ..store.redis import Link, dial
    from ..store.redis_counters import RedisCounters, greet

    at = section.redis
    enter = partial(greet, prefix=section.prefix, username=at.username, password=at.password, database=at.database)
    link = Link(dial(reactor, at.host, at.port, at.path), enter, at.name, reactor, section.timeout_ms / 1000)
    return RedisCounters(link, section.prefix, reactor)


def _compose(
    config: Config,
    store: Store,
    vault: Vault,
    defer: Callable[..., Deferred[bytes]],
    now: Callable[[], int],
    hostname: str,
    site: Site | None,
) -> Compose:
    if config.delivery.sign:
        return Signing(store.directory, partial(unlock, vault), defer, now, hostname, site).compose
    at_once: Aside = execute
    return lambda message, *given: (defer if large(message) else at_once)(compose, message, *given, hostname, site)


def _unbelieved(
    config: Config,
    store: Store,
    vault: Vault,
    defer: Callable[..., Deferred[bytes]],
    now: Callable[[], int],
    hostname: str,
) -> Compose:
    """What composes for a rehearsal: nobody believes the links of a message that was never sent."""
    site = Site(config.http.public_url, lambda number: os.urandom(32)) if config.http.public_url else None
    return _compose(config, store, vault, defer, now, hostname, site)


def _trace(hostname: str, id: str, at: int, peer: Peer) -> bytes:
    if peer.via:
        return received(hostname, id, peer.via, at)
    return trace(hostname, id, at, esmtp=peer.esmtp, tls=bool(peer.tls), login=True)


def _portal(
    config: Config,
    store: Store,
    vault: Vault,
    dialects: Dialects,
    counters: ICounters,
    intake: Intake,
    reactor: Any,
    hashing: ThreadPool,
    connections: Mapping[str, str],
) -> Portal:
    def avatar(facts: Any, dialect: Dialect) -> IConnection:
        connection: IConnection = SubmittingConnection(intake, facts, dialect)
        return connection

    slow = SlowHash(
        verify_password,
        partial(deferToThreadPool, reactor, hashing),
        vault.digest,
        hash_password(os.urandom(16).hex()),
    )
    trusted = {
        listener.name: (listener.trusted, connections[listener.name])
        for listener in config.listeners
        if listener.login == "address"
    }
    return Portal(
        Realm(store.directory, avatar, dialects),
        (
            PasswordChecker(store.directory, counters, vault.digest, slow, _guard(config), dialects),
            AddressChecker(store.directory, trusted, dialects),
        ),
    )


def _late_portals(
    config: Config,
    store: Store,
    vault: Vault,
    dialects: Dialects,
    counters: ICounters,
    intake: Intake,
    reactor: Any,
) -> dict[str, Portal]:
    """For each dialect that judges credentials with the message, who lets in everybody until then."""
    guard = config.login_guard
    allowance = Allowance(
        guard.unproven_transactions, guard.unproven_recipients, guard.unproven_megabytes * 1_000_000, guard.window
    )
    unproven = Unproven(allowance, reactor.seconds)

    def portal(dialect: Dialect) -> Portal:
        log_in = KeyLogin(store.directory, counters, vault.digest, _guard(config), dialects, dialect)

        def avatar(secret: str) -> IConnection:
            nobody: IConnection = LateConnection(intake, dialect, log_in, secret)
            connection: IConnection = BudgetedConnection(nobody, unproven)
            return connection

        return Portal(LateRealm(avatar), (LateChecker(),))

    return {each.name: portal(each) for each in dialects if each.credentials_at == "data"}


def _guard(config: Config) -> LoginGuard:
    section = config.login_guard
    return LoginGuard(section.failures_per_user, section.failures_per_address, section.window)


def _certificates(config: Config) -> dict[tuple[Path | None, Path | None], ServerTls]:
    """The TLS of each certificate and key that listeners name; listeners of one certificate share it."""
    found: dict[tuple[Path | None, Path | None], ServerTls] = {}
    for section in config.listeners:
        if section.tls != "none":
            assert section.certificate is not None and section.key is not None, "config.checks lets none pass without"
            paths = section.certificate, section.key
            found[paths] = found.get(paths) or ServerTls(*paths)
    return found


def _listener(config: Config, section: ListenerSection) -> Listener:
    limits = config.limits
    return Listener(
        name=section.name,
        tls=section.tls,
        tls_required=section.tls == "starttls" and section.tls_required and not section.feedback,
        login="address" if section.feedback else section.login,
        limits=Limits(
            errors=limits.errors,
            junk=limits.junk,
            login_failures=limits.login_failures,
            login_delay=limits.login_delay,
            transactions=limits.transactions,
            connections=section.max_connections,
            connections_per_address=section.max_connections_per_address,
            idle=limits.idle,
            transaction=limits.transaction,
            handshake=limits.handshake,
            data_rate=limits.data_rate,
        ),
    )


def _provider(rules: shaping.Shaping, host: str) -> str:
    """The provider of a mail host, as figures name it."""
    rule = rules.of_host(host)
    return rule.name if rule.mx else "others"
