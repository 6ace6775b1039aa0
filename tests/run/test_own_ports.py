"""What is ourselves: which connections would come back to a listener of our own (O12, O13)."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.run.ports import Address, address_of, close_all, ends_at, listen


class OwnTests(SynchronousTestCase):
    """Listeners and where connections to them may be made."""

    def test_one_address(self) -> None:
        """A listener on one address is reached there, by its port and no other; "any address" is this machine."""
        ours = ends_at([Address("192.0.2.1", 25), Address("::1", 26)])
        for host, port, reached in (
            ("192.0.2.1", 25, True),
            ("0.0.0.0", 25, True),
            ("192.0.2.1", 26, False),
            ("192.0.2.2", 25, False),
            ("::1", 26, True),
            ("0:0::1", 26, True),
            ("::1", 25, False),
        ):
            self.assertIs(ours(host, port), reached, (host, port))

    def test_every_address(self) -> None:
        """A listener on all addresses is reached by each that the machine has, in its own family."""
        ours = ends_at([Address("0.0.0.0", 25)])
        self.assertTrue(ours("127.0.0.1", 25))
        self.assertTrue(ours("127.3.4.5", 25))
        self.assertFalse(ours("192.0.2.1", 25))
        self.assertFalse(ours("::1", 25))

    def test_nothing(self) -> None:
        """Without listeners nothing is."""
        self.assertFalse(ends_at([])("127.0.0.1", 25))

    def test_of_a_socket(self) -> None:
        """A socket tells where it listens, also when the system chose the port."""
        for host in ("127.0.0.1", "::1"):
            sock = listen(Address(host, 0))
            self.addCleanup(close_all, [sock])
            address = address_of(sock)
            self.assertEqual(address.host, host)
            with socket.create_connection((address.host, address.port)):
                pass
