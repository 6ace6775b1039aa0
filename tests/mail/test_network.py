"""IP addresses and networks."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.network import within


class WithinTests(SynchronousTestCase):
    def test_networks(self) -> None:
        """An address is inside a network by its bits, not by its spelling."""
        self.assertTrue(within("2001:0DB8::1", ["2001:db8::/64"]))
        self.assertTrue(within("10.0.0.10", ["192.0.2.0/24", "10.0.0.10/32"]))
        self.assertFalse(within("10.0.0.1", ["10.0.0.10/32"]))
        self.assertFalse(within("10.0.0.1", []))
        self.assertTrue(within("::ffff:10.0.0.1", ["10.0.0.0/8"]))
        self.assertFalse(within("somewhere", ["10.0.0.0/8"]))
