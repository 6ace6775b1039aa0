"""The SMTP server of one listener: a factory of sessions that knows who is on the line.

It is made of plain values and a cred `Portal`, and promises that `drain` fires once no client is left. It opens no
port and judges nobody but by the listener's bounds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, cast

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLContextFactory,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory

from ..interfaces.submission import IAddressLogin, IConnection
from ..interfaces.tally import Tally
from ..policy.dialect import Dialect
from .budget import Budget
from .listener import Listener, Surroundings
from .protocol import SmtpServer
from .voice import Voice


class SmtpServerFactory(Factory):
    """The server of one listener.

    `portal` takes `PasswordLogin` or `AddressLogin` and gives an `IConnection`; `context_factory` is that of STARTTLS,
    or None; `random(n)` gives octets for session ids; `paused()` is asked at the banner and at each command; `budget`
    is the memory for messages that are coming in, shared with other listeners. `named` are dialects that speak in place
    of `dialect` to who asked for a host name (SNI, in lower case); `late` are the portals of dialects, by name, that
    judge credentials at end of data: they take `NoLogin`, too.
    """

    noisy = False

    def __init__(
        self,
        listener: Listener,
        dialect: Dialect,
        portal: Portal,
        hostname: str,
        clock: IReactorTime,
        context_factory: IOpenSSLServerConnectionCreator | IOpenSSLContextFactory | None,
        random: Callable[[int], bytes],
        paused: Callable[[], bool] = lambda: False,
        log: Logger | None = None,
        budget: Budget | None = None,
        named: Mapping[str, Dialect] | None = None,
        late: Mapping[str, Portal] | None = None,
    ) -> None:
        self.listener = listener
        self.dialect = dialect
        self.clock = clock
        self.context_factory = context_factory
        self.random = random
        self.log = log or Logger()
        #: what was answered, by the name of the dialect
        self.tallies: dict[str, Tally] = {}
        self.voice = Voice(dialect, self._tally(dialect))
        self.surroundings = Surroundings(
            hostname, listener, clock.seconds, paused, context_factory is not None, budget or Budget()
        )
        self._voices: dict[tuple[str, str], Voice] = {_manner(dialect): self.voice}
        self.draining = False
        self._portal = portal
        self._late = late or {}
        self._named = {name: self.voice_of(each) for name, each in (named or {}).items()}
        self._open: set[SmtpServer] = set()
        self._addresses: Counter[str] = Counter()
        self._drained: list[Deferred[None]] = []

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return SmtpServer(self, getattr(addr, "host", ""))

    @property
    def sessions(self) -> int:
        """How many clients are on the line."""
        return len(self._open)

    def arrived(self, server: SmtpServer) -> None:
        """A client is on the line."""
        self._open.add(server)
        self._addresses[server.address] += 1

    def left(self, server: SmtpServer) -> None:
        """A client's line is closed."""
        if server not in self._open:
            return
        self._open.discard(server)
        address = server.address
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
        if not self._open:
            self._all_left()

    def obstacle(self, address: str) -> str:
        """The reply key with which a client that has just come is turned away; "": it is not."""
        limits = self.listener.limits
        if self.draining:
            return "shutdown"
        if 0 < limits.connections < len(self._open):
            return "unavailable"
        if 0 < limits.connections_per_address < self._addresses[address]:
            return "too_many_connections"
        return ""

    def voice_of(self, dialect: Dialect) -> Voice:
        """The one voice of a dialect."""
        manner = _manner(dialect)
        voice = self._voices.get(manner)
        if voice is None or voice.dialect is not dialect:
            voice = self._voices[manner] = Voice(dialect, self._tally(dialect))
        return voice

    def _tally(self, dialect: Dialect) -> Tally:
        return self.tallies.setdefault(dialect.name, Tally())

    def voice_for(self, handle: Any) -> Voice:
        """Who speaks to a client of this TLS connection: it may have asked for a host name (SNI)."""
        if not self._named:
            return self.voice
        host = (handle.get_servername() or b"").decode("ascii", "replace")
        return self._named.get(host.lower().rstrip("."), self.voice)

    def log_in(self, credentials: Any) -> Deferred[tuple[Any, Any, Callable[[], object]]]:
        """Ask the portal for a connection."""
        try:
            late = None if IAddressLogin.providedBy(credentials) else self._late.get(credentials.dialect)
            portal = late or self._portal
            return cast("Deferred[Any]", portal.login(credentials, None, IConnection))
        except Exception:
            return fail()

    def drain(self) -> Deferred[None]:
        """Let no transaction begin: the idle are closed now, the busy when theirs ends. Fires when none is left."""
        self.draining = True
        if not self._open:
            return succeed(None)
        gone: Deferred[None] = Deferred()
        self._drained.append(gone)
        for server in list(self._open):
            server.drain()
        return gone

    def cut(self) -> None:
        """Abort whoever is still on the line."""
        for server in list(self._open):
            server.transport.abortConnection()

    def _all_left(self) -> None:
        drained, self._drained = self._drained, []
        for gone in drained:
            gone.callback(None)


def _manner(dialect: Dialect) -> tuple[str, str]:
    """What tells one way of speaking from another: the dialect, and the forms of its replies."""
    return dialect.name, repr(dialect.options["replies"])


def listening_factory(
    factory: SmtpServerFactory,
    context_factory: IOpenSSLServerConnectionCreator | IOpenSSLContextFactory | None,
    clock: IReactorTime,
) -> IProtocolFactory:
    """What a port is given: the factory itself, or with TLS from the first octet where its listener says so."""
    if factory.listener.tls != "implicit":
        return factory
    if context_factory is None:
        raise ValueError(f"listener {factory.listener.name}: implicit TLS needs a certificate")
    wrapped: IProtocolFactory = TLSMemoryBIOFactory(context_factory, False, factory, clock)
    return wrapped
