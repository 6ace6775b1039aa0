"""Listening sockets: bound before anything else, all of them or none."""

from __future__ import annotations

import os
import socket
from unittest.mock import patch

from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.run import ports as module
from mailrelay.run.ports import (
    Address,
    Astray,
    PortTaken,
    address_of,
    adopt,
    close_all,
    listen,
    listen_all,
    take_passed,
)


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


class PassedTests(SynchronousTestCase):
    """Sockets that a service manager made (sd_listen_fds(3)): real descriptors, in a row of their own."""

    def setUp(self) -> None:
        self.patch(module, "_FIRST_PASSED", 700)
        self.environment: dict[str, str] = {}

    def passed(self, names: str, *sockets: socket.socket, pid: int = 7) -> dict[str, socket.socket]:
        """What is taken when sockets were passed to process 7."""
        for number, sock in enumerate(sockets):
            os.dup2(sock.fileno(), 700 + number)
            sock.close()
        # as Twisted leaves it: names alone for this process, everything for another
        self.environment = {"LISTEN_FDNAMES": names} | ({} if pid == 7 else {"LISTEN_PID": str(pid)})
        try:
            found = take_passed(self.environment, 7)
        finally:
            if pid != 7:
                for number in range(len(sockets)):
                    os.close(700 + number)
        self.addCleanup(close_all, found.values())
        return found

    def fresh(self, host: str = "127.0.0.1") -> socket.socket:
        sock = listen(Address(host, 0))
        sock.setblocking(True)
        self.addCleanup(sock.close)
        return sock

    def closed(self) -> bool:
        """Is nothing left of what was passed?"""
        return not any(os.path.exists(f"/proc/self/fd/{700 + number}") for number in range(3))

    def test_taken_by_name(self) -> None:
        """Each listener takes the socket of its name, wherever it listens; the others are bound as configured."""
        sockets = self.fresh(), self.fresh("::1")
        places = [address_of(sock) for sock in sockets]
        passed = self.passed("smtp:smtps", *sockets)
        found = listen_all(dict.fromkeys(("http", "smtps", "smtp"), Address("127.0.0.1", 0)), passed)
        self.addCleanup(close_all, found.values())
        self.assertEqual([address_of(found["smtp"]), address_of(found["smtps"])], places)
        self.assertEqual(len({*places, address_of(found["http"])}), 3)
        for sock in found.values():
            self.assertEqual((sock.getblocking(), sock.get_inheritable()), (False, False))

    def test_for_us_alone(self) -> None:
        """Sockets passed to another process are not ours; and what is ours is meant for no child."""
        self.assertEqual(take_passed({}, 7), {})
        self.assertEqual(self.passed("smtp", self.fresh(), pid=8), {})
        self.assertEqual(set(self.passed("smtp", self.fresh())), {"smtp"})
        self.assertEqual(self.environment, {})

    def test_astray(self) -> None:
        """A socket for no listener is one line that names it and the listeners, and nothing stays open."""
        for names in ("smtpd", "smtp:smtpd"):
            sockets = [self.fresh() for _ in names.split(":")]
            error = self.assertRaises(
                Astray, listen_all, {"smtp": Address("127.0.0.1", 0)}, self.passed(names, *sockets)
            )
            self.assertEqual(
                str(error),
                "the service manager passed a socket named smtpd (FileDescriptorName=), but the listeners are smtp",
            )
            self.assertTrue(self.closed())

    def test_two_of_a_name(self) -> None:
        """A listener has one socket."""
        error = self.assertRaises(Astray, self.passed, "smtp:smtp", self.fresh(), self.fresh())
        self.assertEqual(str(error), "the service manager passed two sockets named smtp, a listener has one")
        self.assertTrue(self.closed())

    def test_no_listening_socket(self) -> None:
        """Only TCP sockets that listen can be served."""
        unbound, datagrams, local = (
            socket.socket(),
            socket.socket(type=socket.SOCK_DGRAM),
            socket.socket(socket.AF_UNIX),
        )
        for sock in (unbound, datagrams, local):
            error = self.assertRaises(Astray, self.passed, "smtp", sock)
            self.assertEqual(
                str(error), "the socket named smtp that the service manager passed is no listening TCP socket"
            )
            self.assertTrue(self.closed())
