"""From a command line to a daemon: what ``twistd mailrelay`` runs, for an installation and for the sandbox.

Whatever keeps the daemon from running is a `CannotStart` with every reason. Sockets are bound before the state is
touched, and let go of when it comes to that.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from ..config import Config, ConfigError, faults, load
from ..config.checks import API, METRICS, PUBLIC
from ..interfaces.sandbox import IInbox
from ..mail.envelope import ulid
from ..manage import Installation
from ..manage.caller import ITSELF
from ..manage.signing import new_private_key
from ..policy import shaping
from ..policy.dialect import DialectError, Dialects
from ..policy.personal import needs_pages
from ..relay.render_once import RenderOnce
from ..smtp.tls import CertificateError, CertificatePaths, make_certificate
from ..store import Unfit, open_store
from ..vault import Vault, VaultError, hash_password
from . import sandbox as sandboxed
from .alone import Occupied, occupy
from .daemon import Daemon, Part
from .health import Health, metrics_site
from .notify import Watchdog, notices, watchdog_interval
from .parts import Served, SinkHost
from .ports import Address, Astray, PortTaken, address_of, close_all, listen, listen_all, take_passed
from .public import PublicPages
from .pushing import Pushing, reach_of
from .ready import publish, withdraw
from .worker import Worker, now

T = TypeVar("T")


class CannotStart(Exception):
    """The daemon may not run; `reasons` are whole lines."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("; ".join(self.reasons))


@contextmanager
def _starting() -> Iterator[ExitStack]:
    """Turns what keeps the daemon from running into `CannotStart`, and then undoes what was pushed."""
    with ExitStack() as undo:
        try:
            yield undo
        except (ConfigError, DialectError) as error:
            raise CannotStart(error.faults) from error
        except (VaultError, Occupied, PortTaken, Astray, Unfit, CertificateError, OSError) as error:
            raise CannotStart([str(error)]) from error
        undo.pop_all()


def configured(reactor: Any, path: Path) -> Daemon:
    """The daemon of a configuration file."""
    with _starting() as undo:
        config = load(path, _dialects, shaping.installed)
        dialects = Dialects.shipped(config.dialects.directory)
        vault = Vault.open(config.state.key_file)
        undo.callback(os.close, occupy(config.state.path))
        sockets = listen_all(_addresses(config), take_passed(os.environ, os.getpid()))
        undo.callback(close_all, sockets.values())
        connections = _address_logins(config, vault, dialects)
    for warning in config.warnings:
        sys.stderr.write(f"mailrelay: warning: {warning}\n")
    worker = Worker(config, sockets, reactor, vault=vault, dialects=dialects, connections=connections)
    health = Health(worker, reactor, now)
    parts: list[Part] = [*_metrics(reactor, config, sockets, health), worker]
    if config.http.enabled:
        parts.append(_http(reactor, config, sockets[API], worker, vault, dialects, health))
    parts += _public(reactor, config, sockets, worker)
    parts.append(_pushing(reactor, config, worker, vault, dialects))
    return _daemon(reactor, parts, worker, lambda: None, lambda: None, sockets)


def sandbox(reactor: Any, state: Path, base_port: int) -> Daemon:
    """The daemon of a sandbox; everything that it needs is made on the way."""
    with _starting() as undo:
        undo.callback(os.close, occupy(state))
        sign = state / "ready.json"
        withdraw(sign)
        dialects = Dialects.shipped()
        vault = _vault(state / "secret.key")
        certificates = _certificates(state)
        token = sandboxed.api_token(vault)
        sink = undo.enter_context(listen(Address(sandboxed.LOOPBACK, 0)))
        config = sandboxed.configuration(state, base_port, dialects, certificates, sink.getsockname()[1], token)
        if wrong := faults(config, _dialects, shaping.installed):
            raise CannotStart(wrong)
        sockets = listen_all(_addresses(config))
        undo.callback(close_all, sockets.values())
        issued = _with_store(
            config, vault, dialects, lambda place: sandboxed.furnish(place, dialects, sink.getsockname()[1])
        )
        people = _with_store(
            config, vault, dialects, lambda place: sandboxed.people(place, issued[0].connection.account)
        )
    facts = sandboxed.facts(os.getpid(), config, certificates, token, dialects, issued, people)
    worker = Worker(config, sockets, reactor, vault=vault, dialects=dialects, connections={}, sandbox=True)
    host = SinkHost(reactor, sink, state, now)
    first_mail = sandboxed.first_mail(facts)
    health = Health(worker, reactor, now)
    authority = str(certificates.authority.absolute())
    http = _http(
        reactor, config, sockets[API], worker, vault, dialects, health, lambda: host.inbox, first_mail, authority
    )

    def announce() -> None:
        facts["pid"] = os.getpid()
        publish(sign, facts)
        print(sandboxed.welcome(facts), file=sys.__stdout__, flush=True)

    metrics = _metrics(reactor, config, sockets, health)
    parts: list[Part] = [host, *metrics, worker, http, *_public(reactor, config, sockets, worker)]
    parts.append(_pushing(reactor, config, worker, vault, dialects))
    return _daemon(reactor, parts, worker, announce, lambda: withdraw(sign), sockets)


def _daemon(
    reactor: Any,
    parts: Sequence[Part],
    worker: Worker,
    announce: Callable[[], None],
    withdraw: Callable[[], None],
    sockets: Mapping[str, socket.socket],
) -> Daemon:
    """The parts under the service manager, if there is one."""
    told = notices(os.environ)
    if interval := watchdog_interval(os.environ, os.getpid()):
        parts = [*parts, Watchdog(reactor, interval, worker.answers, told.alive)]
    status = ", ".join(f"{name} on {address_of(sock)}" for name, sock in sockets.items())
    return Daemon(reactor, parts, announce, withdraw, told, f"listening: {status}")


def _dialects(folder: Path) -> dict[str, bool]:
    """What a listener may name: every dialect shipped and of the installation, by its name and by its aliases; and
    whether its mail needs public pages."""
    return {name: needs_pages(each) for each in Dialects.shipped(folder) for name in (each.name, *each.aliases)}


def _addresses(config: Config) -> dict[str, Address]:
    addresses = {listener.name: Address(listener.address, listener.port) for listener in config.listeners}
    if config.http.enabled:
        addresses[API] = Address(config.http.address, config.http.port)
    if config.http.public_url:
        addresses[PUBLIC] = Address(config.http.public_address, config.http.public_port)
    if config.http.metrics_port:
        addresses[METRICS] = Address(config.http.metrics_address, config.http.metrics_port)
    return addresses


def _vault(path: Path) -> Vault:
    return Vault.open(path) if path.exists() else Vault.create(path)


def _certificates(state: Path) -> CertificatePaths:
    paths = CertificatePaths(state / "ca.pem", state / "certificate.pem", state / "key.pem")
    if not (paths.authority.exists() and paths.chain.exists() and paths.key.exists()):
        paths = make_certificate(state)
    return paths


def _with_store(config: Config, vault: Vault, dialects: Dialects, work: Callable[[Installation], Any]) -> Any:
    """Do something with the installation before the daemon runs; everything happens before this returns."""
    store = open_store(
        config.state.path, node=ulid(now(), os.urandom(10)), now=now, inline=True, pseudonym=vault.pseudonym
    )
    try:
        installation = Installation.over(
            store,
            renderer=RenderOnce(),
            vault=vault,
            dialects=dialects,
            now=now,
            random=os.urandom,
            reveal_secrets=config.server.reveal_secrets,
            caller=ITSELF,
        )
        return _result(Deferred.fromCoroutine(work(installation)))
    finally:
        _result(store.close())


def _result(fired: Deferred[T]) -> T:
    """What a Deferred that has fired holds; raises what it failed with."""
    results: list[Any] = []
    fired.addBoth(results.append)
    (result,) = results
    if hasattr(result, "raiseException"):
        result.raiseException()
    found: T = result
    return found


def _address_logins(config: Config, vault: Vault, dialects: Dialects) -> Mapping[str, str]:
    """The ids of the connections that listeners with login by address name."""
    wanted = {each.name: each.connection for each in config.listeners if each.login == "address"}
    if not wanted:
        return {}

    async def look_up(installation: Installation) -> dict[str, str]:
        known = await installation.registry.connections("")
        return {spelling: each.id for each in known for spelling in (each.name, each.id)}

    known = _with_store(config, vault, dialects, look_up)
    missing = [
        f"listener {name}: there is no connection {each!r}" for name, each in wanted.items() if each not in known
    ]
    if missing:
        raise CannotStart(missing)
    return {name: known[each] for name, each in wanted.items()}


def _installation(config: Config, worker: Worker, vault: Vault, dialects: Dialects) -> Installation:
    """What the daemon's own use cases work on, once the worker has started."""
    store = worker.store
    return Installation.over(
        store,
        renderer=worker.renderer,
        vault=vault,
        dialects=dialects,
        now=now,
        random=os.urandom,
        reveal_secrets=config.server.reveal_secrets,
        public_pages=bool(config.http.public_url),
        public_url=config.http.public_url,
        reach=reach_of(config.webhooks),
        route_names=frozenset(route.name for route in config.routes),
        mx_routes=frozenset(route.name for route in config.routes if route.mx),
        route_tests=worker.route_tests,
        hash_password=partial(worker.aside, hash_password),
        new_private_key=partial(worker.aside, new_private_key),
        posts=worker.posts,
        resolver=worker.resolver,
        relay=worker.relay,
        aside=worker.aside,
        caller=ITSELF,
        verify_password=worker.verify_password,
        counters=worker.counters,
        web_versions=worker.web_versions,
        shaping=shaping.installed(config.delivery.shaping),
    )


def _pushing(reactor: Any, config: Config, worker: Worker, vault: Vault, dialects: Dialects) -> Pushing:
    return Pushing(reactor, config.webhooks, lambda: _installation(config, worker, vault, dialects))


def _http(
    reactor: Any,
    config: Config,
    sock: socket.socket,
    worker: Worker,
    vault: Vault,
    dialects: Dialects,
    health: Health,
    inbox: Callable[[], IInbox | None] = lambda: None,
    first_mail: str = "",
    authority: str = "",
) -> Served:
    def site() -> Any:
        from ..http.app import make_site
        from ..http.pace import Pace

        return make_site(
            api_token=config.http.api_token,
            installation=_installation(config, worker, vault, dialects),
            clock=reactor,
            obstacles=health.obstacles,
            inbox=inbox(),
            first_mail=first_mail,
            outside=_outside(config, authority),
            pace=Pace(config.http.requests_per_minute, config.http.requests_at_once),
            trusted_proxies=config.http.trusted_proxies,
        )

    return Served(reactor, sock, site)


def _outside(config: Config, authority: str) -> Any:
    """Where applications connect, whom to turn to, and the file of a certificate that they must be told to trust."""
    from ..http.console.card import Door, Outside

    modes = {"starttls": "STARTTLS", "implicit": "TLS", "none": "no TLS"}
    doors = [
        Door(config.server.hostname or socket.getfqdn(), each.port, mode, dialect)
        for each in config.listeners
        if not each.feedback and each.login == "auth"
        for mode in (modes[each.tls], *((modes["none"],) if each.tls == "starttls" and each.plaintext else ()))
        for dialect in dict.fromkeys((each.dialect, *each.dialect_by_name.values()))
    ]
    return Outside(doors, config.console.support, authority)


def _metrics(reactor: Any, config: Config, sockets: Mapping[str, socket.socket], health: Health) -> list[Served]:
    """Figures and health on a port of their own, where there is one."""
    if not config.http.metrics_port:
        return []
    return [Served(reactor, sockets[METRICS], lambda: metrics_site(health, reactor))]


def _public(reactor: Any, config: Config, sockets: Mapping[str, socket.socket], worker: Worker) -> list[PublicPages]:
    """The public pages, where there are some."""
    if not config.http.public_url:
        return []
    http = config.http
    return [PublicPages(reactor, sockets[PUBLIC], http.public_url, now, lambda: worker.public, http.trusted_proxies)]
