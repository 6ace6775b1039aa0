"""Listening sockets: bound before anything else, all of them or none."""

from __future__ import annotations

import socket
from unittest.mock import patch

from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.run.ports import Address, PortTaken, address_of, adopt, close_all, listen, listen_all


class PortsTests(SynchronousTestCase):
    def listening(self, host: str = "127.0.0.1", port: int = 0) -> socket.socket:
        sock = listen(Address(host, port))
        self.addCleanup(sock.close)
        return sock

    def test_listens(self) -> None:
        """A socket takes connections from the moment it is made, and never blocks."""
        sock = self.listening()
        self.assertFalse(sock.getblocking())
        with socket.create_connection(sock.getsockname()[:2], timeout=5) as client:
            self.assertEqual(client.getpeername(), sock.getsockname())

    def test_taken(self) -> None:
        """A port that is taken is one line that names it."""
        port = address_of(self.listening()).port
        error = self.assertRaises(PortTaken, listen, Address("127.0.0.1", port))
        self.assertEqual(str(error), f"cannot listen on 127.0.0.1:{port}: Address already in use")

    def test_impossible(self) -> None:
        """So are an address that is not this machine's, and a family that it does not have."""
        error = self.assertRaises(PortTaken, listen, Address("192.0.2.1", 25))
        self.assertIn("192.0.2.1:25", str(error))
        with patch("socket.socket", side_effect=OSError(97, "Address family not supported by protocol")):
            error = self.assertRaises(PortTaken, listen, Address("2001:db8::1", 25))
        self.assertEqual(str(error), "cannot listen on [2001:db8::1]:25: Address family not supported by protocol")

    def test_all_or_none(self) -> None:
        """When one cannot be bound, those bound before are let go of."""
        taken = address_of(self.listening())
        free = address_of(sock := self.listening())
        sock.close()
        self.assertRaises(PortTaken, listen_all, {"free": free, "taken": taken})
        listen(free).close()
        sockets = listen_all({"a": Address("127.0.0.1", 0), "b": Address("127.0.0.1", 0)})
        self.assertEqual(list(sockets), ["a", "b"])
        close_all(sockets.values())
        self.assertEqual([sock.fileno() for sock in sockets.values()], [-1, -1])

    def test_adopt(self) -> None:
        """A port that serves a socket owns it: ours is closed, and the factory is asked for connections."""
        reactor, factory, sock = MemoryReactor(), Factory(), self.listening()
        adopt(reactor, sock, factory)
        ((_, family, adopted),) = reactor.adoptedPorts
        self.assertEqual((family, adopted, sock.fileno()), (socket.AF_INET, factory, -1))
