"""One exchange with a server, on a reactor whose sockets are the test."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, ConnectionLost, ConnectionRefusedError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.smtp.dns.exchange import PORTS_TRIED, exchange_by
from mailrelay.smtp.dns.servers import Server, servers

SERVER = Server("192.0.2.1")


class Port:
    """A bound UDP port."""

    def __init__(self, number: int, protocol: DatagramProtocol, interface: str) -> None:
        self.number, self.protocol, self.interface = number, protocol, interface
        self.peer: tuple[str, int] | None = None
        self.sent: list[bytes] = []
        self.open = True
        self.unreachable = False
        protocol.makeConnection(self)  # type: ignore[no-untyped-call]

    def connect(self, host: str, port: int) -> None:
        if self.unreachable:
            raise OSError(101, "Network is unreachable")
        self.peer = host, port

    def write(self, data: bytes, addr: object = None) -> None:
        self.sent.append(data)

    def stopListening(self) -> None:
        self.open = False


class Reactor(MemoryReactorClock):
    """Binds every port but those that are taken."""

    def __init__(self) -> None:
        super().__init__()
        self.ports: list[Port] = []
        self.taken: set[int] = set()
        self.unreachable = False

    def listenUDP(self, number: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192) -> Port:
        if number in self.taken:
            raise CannotListenError(interface, number, OSError("taken"))
        port = Port(number, protocol, interface)
        port.unreachable = self.unreachable
        self.ports.append(port)
        return port


class ExchangeCase(SynchronousTestCase):
    """An exchange that takes any response beginning with "yes"."""

    stream = False

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.chance = cycle([1000, 2000, 3000])
        self.exchange = exchange_by(self.reactor, lambda n: next(self.chance).to_bytes(n, "big"))

    def begin(self, server: Server = SERVER) -> Deferred[bytes]:
        def read(octets: bytes) -> bytes | None:
            return octets if octets.startswith(b"yes") else None

        return self.exchange(server, b"query", read, 5.0, self.stream)

    def check_over(self) -> None:
        """No timer is left."""
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class DatagramTests(ExchangeCase):
    """By UDP."""

    def test_query(self) -> None:
        """The query goes to the server, and to it alone, from a port that chance gives."""
        self.begin()
        (port,) = self.reactor.ports
        self.assertEqual((port.number, port.interface, port.peer), (2024, "", ("192.0.2.1", 53)))
        self.assertEqual(port.sent, [b"query"])

    def test_ipv6(self) -> None:
        """A server may have an IPv6 address."""
        self.begin(Server("2001:db8::1", 5353))
        self.assertEqual((self.reactor.ports[0].interface, self.reactor.ports[0].peer), ("::", ("2001:db8::1", 5353)))

    def test_taken_ports(self) -> None:
        """A port that is taken gives way to another; at last the system chooses."""
        self.reactor.taken = {2024}
        self.begin()
        self.assertEqual(self.reactor.ports[-1].number, 3024)
        self.reactor.taken = {2024, 3024, 4024}
        self.begin()
        self.assertEqual(self.reactor.ports[-1].number, 0)
        self.assertGreaterEqual(PORTS_TRIED, 3)

    def test_response(self) -> None:
        """The first response that is one ends the exchange; what came before and comes after is as if it had not."""
        result = self.begin()
        (port,) = self.reactor.ports
        port.protocol.datagramReceived(b"no", ("192.0.2.1", 53))
        self.assertNoResult(result)
        self.assertTrue(port.open)
        port.protocol.datagramReceived(b"yes", ("192.0.2.1", 53))
        port.protocol.datagramReceived(b"yes too", ("192.0.2.1", 53))
        self.assertEqual(self.successResultOf(result), b"yes")
        self.assertFalse(port.open)
        self.check_over()

    def test_silence(self) -> None:
        """After the time-out the port is free."""
        result = self.begin()
        self.reactor.advance(4.9)
        self.assertNoResult(result)
        self.reactor.advance(0.1)
        self.assertEqual(str(self.failureResultOf(result, TimeoutError).value), "no response within 5 seconds")
        self.assertFalse(self.reactor.ports[0].open)

    def test_nobody_there(self) -> None:
        """When the system says that nobody listens there, nothing is waited for."""
        for event in ("connectionRefused", "stopProtocol"):
            result = self.begin()
            getattr(self.reactor.ports[-1].protocol, event)()
            self.failureResultOf(result, ConnectionRefusedError)
            self.assertFalse(self.reactor.ports[-1].open)
            self.check_over()

    def test_unreachable(self) -> None:
        """A network that is not there is a failure like others, and the port is free."""
        self.reactor.unreachable = True
        self.failureResultOf(self.begin(), OSError)
        self.assertFalse(self.reactor.ports[0].open)
        self.check_over()

    def test_cancel(self) -> None:
        """Giving up frees the port."""
        result = self.begin()
        result.addErrback(lambda _: None)
        result.cancel()
        self.assertFalse(self.reactor.ports[0].open)
        self.check_over()


class ConnectionTests(ExchangeCase):
    """By TCP."""

    stream = True

    def connect(self) -> tuple[Any, StringTransport]:
        """Let the connection stand; gives its protocol and transport."""
        factory = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    def test_response(self) -> None:
        """Query and response stand behind their lengths, in however small pieces they come; then it is closed."""
        result = self.begin()
        self.assertEqual(self.reactor.tcpClients[-1][:2], ("192.0.2.1", 53))
        protocol, transport = self.connect()
        self.assertEqual(transport.value(), b"\0\5query")
        for octet in b"\0\3yes":
            self.assertNoResult(result)
            protocol.dataReceived(bytes([octet]))
        self.assertEqual(self.successResultOf(result), b"yes")
        self.assertTrue(transport.disconnected)
        self.check_over()

    def test_other_response(self) -> None:
        """A response to another question ends it without an answer."""
        result = self.begin()
        self.connect()[0].dataReceived(b"\0\2no")
        self.failureResultOf(result, ConnectionError)

    def test_lost(self) -> None:
        """So does a connection that is lost halfway."""
        result = self.begin()
        protocol, _ = self.connect()
        protocol.dataReceived(b"\0\3ye")
        protocol.connectionLost(Failure(ConnectionLost()))
        self.failureResultOf(result, ConnectionLost)
        self.check_over()

    def test_refused(self) -> None:
        """And one that never stands."""
        result = self.begin()
        factory = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(SimpleNamespace(), Failure(ConnectionRefusedError()))
        self.failureResultOf(result, ConnectionRefusedError)
        self.check_over()

    def test_silence(self) -> None:
        """After the time-out the socket is free, whether the connection stands or not."""
        for stands in (True, False):
            result = self.begin()
            transport = self.connect()[1] if stands else None
            self.reactor.advance(5)
            self.failureResultOf(result, TimeoutError)
            self.assertTrue(
                self.reactor.connectors[-1].stoppedConnecting if transport is None else transport.disconnected
            )


class ServersTests(SynchronousTestCase):
    """Which servers are asked."""

    def test_named(self) -> None:
        """Those that are named, at their port."""
        self.assertEqual(servers(["192.0.2.1", "::1"], 5353), (Server("192.0.2.1", 5353), Server("::1", 5353)))
        self.assertEqual(list(map(str, servers(["192.0.2.1", "::1"]))), ["192.0.2.1:53", "[::1]:53"])

    def test_of_the_machine(self) -> None:
        """Else those of the machine, in the order of its file."""
        file = Path(self.mktemp())
        file.write_text("# nameserver 192.0.2.9\nsearch example\nnameserver 192.0.2.1\nnameserver\n nameserver ::1 x\n")
        self.assertEqual(servers([], 53, file), (Server("192.0.2.1"), Server("::1")))

    def test_none(self) -> None:
        """A machine that names none has one of its own."""
        self.assertEqual(servers([], 53, Path(self.mktemp())), (Server("127.0.0.1"),))
