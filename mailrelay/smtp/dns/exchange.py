"""One query to one server: a datagram from a port of its own, or a connection.

A datagram is taken only from the server that was asked, and only if `read` makes something of it; all others are as
if they had not come. Each exchange frees its socket when it ends, be it by a response, the time-out or `cancel`.
Nothing is repeated here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar
from typing import Protocol as Shape

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, ConnectError, ConnectionClosed, ConnectionRefusedError
from twisted.internet.interfaces import IListeningPort, ITCPTransport
from twisted.internet.protocol import DatagramProtocol, Protocol, connectionDone
from twisted.python.failure import Failure

from ..dial import connect_by
from .servers import Server

T = TypeVar("T")
Read = Callable[[bytes], T | None]

PORTS_TRIED = 4
#: What an exchange fails with, where it is the network and not a fault of ours.
NO_RESPONSE = (OSError, ConnectError, ConnectionClosed, CannotListenError)


class Exchange(Shape):
    """Sends a query, as a datagram or over a connection; fires with what `read` makes of the response.

    Fails with one of `NO_RESPONSE` when there is none within `timeout` seconds, or the server cannot be reached.
    """

    def __call__(self, server: Server, query: bytes, read: Read[T], timeout: float, stream: bool) -> Deferred[T]: ...


def exchange_by(reactor: Any, random: Callable[[int], bytes]) -> Exchange:
    """Exchanges over this reactor (UDP, TCP and time); `random(n)` gives octets for the choice of ports."""
    connect = connect_by(reactor)

    def exchange(server: Server, query: bytes, read: Read[T], timeout: float, stream: bool) -> Deferred[T]:
        result: Deferred[T]
        if stream:
            connection = _Connection(query, read)
            result = connection.result
            connecting = connect(connection, server.host, server.port, timeout)
            connecting.addErrback(connection.failed)
            result.addBoth(_afterwards, connecting.cancel, connection.abort)
        else:
            datagram = _Datagram(server, query, read)
            result = datagram.result
            try:
                port = _bind(reactor, random, datagram, "::" if ":" in server.host else "")
                result.addBoth(_afterwards, port.stopListening)
                datagram.send()
            except NO_RESPONSE:
                datagram.failed(Failure())  # type: ignore[no-untyped-call]
        return result.addTimeout(timeout, reactor, _too_late)

    return exchange


def _afterwards(result: T, *endings: Callable[[], object]) -> T:
    for end in endings:
        end()
    return result


def _too_late(_: object, timeout: float) -> NoReturn:
    raise TimeoutError(f"no response within {timeout:g} seconds")


def _bind(reactor: Any, random: Callable[[int], bytes], protocol: DatagramProtocol, interface: str) -> IListeningPort:
    """A port that nobody can guess; when chance only finds taken ones, the system chooses."""
    for _ in range(PORTS_TRIED):
        number = 1024 + int.from_bytes(random(4), "big") % (65536 - 1024)
        try:
            port: IListeningPort = reactor.listenUDP(number, protocol, interface, maxPacketSize=65535)
            return port
        except CannotListenError:
            continue
    port = reactor.listenUDP(0, protocol, interface, maxPacketSize=65535)
    return port


class _Datagram(DatagramProtocol):
    """Connected to the server, so that the system drops what others send, and tells when nobody listens there."""

    def __init__(self, server: Server, query: bytes, read: Read[Any]) -> None:
        self.result: Deferred[Any] = Deferred()
        self._server = server
        self._query = query
        self._read = read

    def send(self) -> None:
        assert self.transport is not None
        self.transport.connect(self._server.host, self._server.port)
        self.transport.write(self._query, None)

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        if not self.result.called and (response := self._read(datagram)) is not None:
            self.result.callback(response)

    def stopProtocol(self) -> None:
        # an error of the socket, such as that nobody listens there, ends the port
        self.failed(Failure(ConnectionRefusedError()))  # type: ignore[no-untyped-call]

    connectionRefused = stopProtocol

    def failed(self, reason: Failure) -> None:
        if not self.result.called:
            self.result.errback(reason)


class _Connection(Protocol):
    """One query and one response, each behind its length (RFC 1035 4.2.2)."""

    transport: ITCPTransport

    def __init__(self, query: bytes, read: Read[Any]) -> None:
        self.result: Deferred[Any] = Deferred()
        self._query = query
        self._read = read
        self._received = b""

    def connectionMade(self) -> None:
        self.transport.write(len(self._query).to_bytes(2, "big") + self._query)

    def dataReceived(self, data: bytes) -> None:
        if self.result.called:
            return
        self._received += data
        end = 2 + int.from_bytes(self._received[:2], "big")
        if len(self._received) < max(end, 2):
            return
        response = self._read(self._received[2:end])
        if response is None:
            self.failed(Failure(ConnectionError("a response to another question")))  # type: ignore[no-untyped-call]
        else:
            self.result.callback(response)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.failed(reason)

    def failed(self, reason: Failure) -> None:
        if not self.result.called:
            self.result.errback(reason)

    def abort(self) -> None:
        if self.connected:
            self.transport.abortConnection()
