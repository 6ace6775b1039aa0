"""Sending at once."""

from __future__ import annotations

import socket

from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.smtp.direct import send


class Recorder(Protocol):
    """Stands for a TLS layer: what is written to it must not reach the socket by itself."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


class SendTests(SynchronousTestCase):
    """`send`."""

    def setUp(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.addCleanup(self.theirs.close)
        self.addCleanup(ours.close)
        ours.setblocking(False)
        self.theirs.setblocking(False)
        self.reactor = MemoryReactorClock()
        self.layer = Recorder()
        self.connection = Connection(ours, self.layer, self.reactor)
        self.connection.connected = 1

    def arrived(self) -> bytes:
        try:
            return self.theirs.recv(1_000_000)
        except BlockingIOError:
            return b""

    def test_at_once(self) -> None:
        """Octets for an idle connection are on their way on return; the reactor is not asked."""
        send(self.connection, b"250 ok\r\n")
        self.assertEqual(self.arrived(), b"250 ok\r\n")
        self.assertEqual(self.reactor.getWriters(), [])

    def test_in_order(self) -> None:
        """What waits goes first: nothing overtakes it."""
        self.connection.write(b"first ")
        send(self.connection, b"second")
        self.assertEqual(self.arrived(), b"")
        self.connection.doWrite()
        self.assertEqual(self.arrived(), b"first second")

    def test_rest(self) -> None:
        """What the kernel does not take at once follows when it does, whole and in order."""
        octets = bytes(range(256)) * 20_000
        send(self.connection, octets)
        found = b""
        while len(found) < len(octets):
            found += self.arrived()
            self.connection.doWrite()
        self.assertEqual(found, octets)

    def test_never_past_tls(self) -> None:
        """With TLS on, octets go to the layer and none to the socket."""
        self.connection.TLS = True
        send(self.connection, b"secret")
        self.assertEqual(self.layer.written, [b"secret"])
        self.assertEqual(self.arrived(), b"")

    def test_closing(self) -> None:
        """After a polite close was asked for, and after the end, writing is left to the transport."""
        self.connection.disconnecting = 1
        send(self.connection, b"late")
        self.assertEqual(self.arrived(), b"")
        self.connection.connected = 0
        send(self.connection, b"later")
        self.assertEqual(self.arrived(), b"")

    def test_lost(self) -> None:
        """A connection that is gone is found out by the transport, as ever."""
        self.theirs.close()
        send(self.connection, b"anybody?")
        self.assertTrue(self.connection.dataBuffer or self.connection._tempDataBuffer)

    def test_other_transports(self) -> None:
        """Anything that is no TCP connection gets a plain write."""
        transport = StringTransport()
        send(transport, b"x")
        self.assertEqual(transport.value(), b"x")
