"""One worker: it is handed listening sockets and a configuration, and relays mail until it is stopped.

It opens the store, buries dead processes' leases, wires everything, and only then serves its sockets. Stopping is one
coroutine: stop listening, let transactions and deliveries end within `GRACE` seconds, give back what has not begun,
close the store. A worker never decides where to listen, and never outlives a store that cannot be opened.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from ..config import Config
from ..mail.envelope import ulid
from ..manage import Installation, domains
from ..manage.switches import LOGIN_GUARD_CLEARED, PAUSED
from ..policy.dialect import Dialects
from ..smtp.server import listening_factory
from ..store import Store, open_store
from ..vault import Vault
from .ports import address_of, adopt
from .wiring import Wired, wire

log = Logger()

GRACE = 7.0  #: seconds that deliveries and transactions have to end; SIGTERM promises 10 in all
CUT = 1.0  #: seconds that next hops have to take a QUIT after that
LAST_COMMIT = 1.0  #: seconds for settling what was cut
SWITCHES = 0.5  #: seconds between looks at the switches of the command line
CHORES = 10.0  #: seconds between looks for what expired or was left behind
HASHING_THREADS = 2
#: RSA lets go of the interpreter while it signs: as many at a time as there are processors.
SIGNING_THREADS = len(os.sched_getaffinity(0))


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
    ) -> None:
        self._config = config
        self._sockets = sockets
        self._reactor = reactor
        self._vault = vault
        self._dialects = dialects
        self._connections = connections
        self._hostname = config.server.hostname or socket.getfqdn()
        self._hashing = ThreadPool(0, HASHING_THREADS, "argon2")
        self._signing = ThreadPool(0, SIGNING_THREADS, "signing")
        self._ports: list[IListeningPort] = []
        self._loops: list[LoopingCall] = []
        self._paused = ""
        self._cleared = ""
        self.store: Store
        self._wired: Wired

    # -- start

    async def start(self) -> None:
        """Open, wire, and serve; raises whatever keeps it from that."""
        self.store = open_store(
            self._config.state.path, node=ulid(now(), os.urandom(10)), now=now, reactor=self._reactor
        )
        await self.store.nodes.join()
        buried = await self.store.nodes.bury()
        if buried:
            log.info("{count} deliveries taken over from processes that died", count=buried)
        await self._provide_keys()
        self._hashing.start()
        self._signing.start()
        self._wired = wire(
            self._config,
            self.store,
            self._vault,
            self._dialects,
            reactor=self._reactor,
            hashing=self._hashing,
            signing=self._signing,
            hostname=self._hostname,
            connections=self._connections,
            listening=[address_of(sock) for sock in self._sockets.values()],
            paused=lambda: bool(self._paused),
            now=now,
            grace=CUT,
        )
        await self._read_switches()
        for name, factory in self._wired.servers.items():
            served = listening_factory(factory, factory.context_factory, self._reactor)
            self._ports.append(adopt(self._reactor, self._sockets[name], served))
        self._every(SWITCHES, self._read_switches)
        self._every(CHORES, self._do_chores)
        self._wired.outbound.start()

    async def _provide_keys(self) -> None:
        """Domains of a state older than signing get keys: no mail of theirs would leave without."""
        installation = Installation(
            self.store.registry, self.store.history, self._vault, self._dialects, now, os.urandom
        )
        for domain in await domains.provide_keys(installation):
            log.warn(
                "{domain} had no keys and got some: publish what 'mailrelay domain show {domain}' prints",
                domain=domain.name,
            )

    def _every(self, seconds: float, work: Callable[[], Any]) -> None:
        async def guarded() -> None:
            try:
                await work()
            except Exception:
                log.failure("a chore failed, it is tried again")

        loop = LoopingCall(lambda: Deferred.fromCoroutine(guarded()))
        loop.clock = self._reactor
        self._loops.append(loop)
        loop.start(seconds, now=False)

    async def _read_switches(self) -> None:
        settings = await self.store.directory.settings()
        self._paused = settings.get(PAUSED, "")
        cleared = settings.get(LOGIN_GUARD_CLEARED, "")
        if cleared and cleared != self._cleared:
            await self._wired.counters.forget(json.loads(cleared)["prefix"])
        self._cleared = cleared

    async def _do_chores(self) -> None:
        await self.store.ledger.expire(now())
        released = await self.store.ledger.release_strays(self._wired.outbound.in_hand)
        if released:
            log.warn("{count} leases that nobody meant to hold were released", count=released)

    # -- stop

    async def stop(self) -> None:
        """Drain: nothing that was accepted is lost, nothing that was begun is begun again."""
        for loop in self._loops:
            if loop.running:
                loop.stop()
        if not self._ports:
            return
        await DeferredList([Deferred.fromCoroutine(_closed(port)) for port in self._ports])
        servers, outbound = self._wired.servers.values(), self._wired.outbound
        given_back = outbound.stop_claiming()
        endings = [server.drain() for server in servers]
        endings.append(outbound.idle())
        await self._at_most(GRACE, DeferredList(endings))
        for server in servers:
            server.cut()
        await given_back
        self._wired.resolver.close()
        await self._wired.transmitter.close()
        await self._at_most(LAST_COMMIT, outbound.idle())
        await self.store.nodes.leave()
        await self.store.close()
        self._hashing.stop()
        self._signing.stop()

    async def _at_most(self, seconds: float, work: Deferred[Any]) -> None:
        """Wait for work, but no longer than that; it goes on unwatched."""
        over: Deferred[None] = Deferred()
        timer = self._reactor.callLater(seconds, over.callback, None)
        await DeferredList([work, over], fireOnOneCallback=True)
        if timer.active():
            timer.cancel()


async def _closed(port: IListeningPort) -> None:
    stopping = port.stopListening()
    if stopping is not None:
        await stopping
