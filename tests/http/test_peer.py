"""Who asks, and whether by TLS, with and without proxies before us."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from twisted.web.test.requesthelper import DummyChannel

from mailrelay.http.peer import Proxies, address_of, is_secure

PROXIES = ("127.0.0.1/32", "10.0.0.0/8", "2001:db8::/32")


class PeerTests(SynchronousTestCase):
    def asking(self, peer: str, proxies: tuple[str, ...] = PROXIES, **headers: str | list[str]) -> Request:
        request = Request(DummyChannel())
        kind = IPv6Address if ":" in peer else IPv4Address
        address: IAddress = kind("TCP", peer, 1234)
        request.client = address
        request.site = Site(Resource())
        request.site.proxies = Proxies(proxies)
        for name, value in headers.items():
            values = [value] if isinstance(value, str) else value
            request.requestHeaders.setRawHeaders(name.replace("_", "-"), values)
        return request

    def address(self, peer: str, forwarded: str | list[str], proxies: tuple[str, ...] = PROXIES) -> str:
        return address_of(self.asking(peer, proxies, X_Forwarded_For=forwarded))

    def test_nobody_trusted(self) -> None:
        """Without trusted proxies, or from elsewhere than one, what a header says is nothing."""
        self.assertEqual(self.address("127.0.0.1", "192.0.2.1", ()), "127.0.0.1")
        self.assertEqual(self.address("192.0.2.9", "192.0.2.1"), "192.0.2.9")
        self.assertFalse(is_secure(self.asking("192.0.2.9", X_Forwarded_Proto="https")))
        self.assertFalse(is_secure(self.asking("127.0.0.1", (), X_Forwarded_Proto="https")))

    def test_trusted(self) -> None:
        """The address from the right that is no trusted proxy's asks; whatever stands left of it anybody wrote."""
        self.assertEqual(self.address("127.0.0.1", "192.0.2.1"), "192.0.2.1")
        self.assertEqual(self.address("127.0.0.1", "203.0.113.66, 192.0.2.1"), "192.0.2.1")
        self.assertEqual(self.address("127.0.0.1", "127.0.0.1, 192.0.2.1, 10.1.2.3"), "192.0.2.1")
        self.assertEqual(self.address("10.0.0.1", ["203.0.113.66", "192.0.2.1", "10.9.9.9"]), "192.0.2.1")
        self.assertEqual(self.address("2001:db8::1", "2001:db9::7"), "2001:db9::7")
        self.assertEqual(self.address("127.0.0.1", "10.0.0.7"), "10.0.0.7")

    def test_spellings(self) -> None:
        """An address may bear a port, stand in brackets, or be IPv4 within IPv6."""
        for said in ("192.0.2.1:4711", "::ffff:192.0.2.1", "[::ffff:192.0.2.1]:80", " 192.0.2.1 "):
            self.assertEqual(self.address("127.0.0.1", said), "192.0.2.1", said)
        self.assertEqual(self.address("::ffff:127.0.0.1", "192.0.2.1"), "192.0.2.1")

    def test_rubbish(self) -> None:
        """What is no address is nobody's: the last that was believed remains, and endless headers cost nothing."""
        for said in ("", "unknown", "192.0.2.1, _hidden", "192.0.2.1,,", "192.0.2.1, <script>", "\xff"):
            self.assertEqual(self.address("127.0.0.1", said), "127.0.0.1", said)
        self.assertEqual(self.address("127.0.0.1", "203.0.113.66," + "10.0.0.1," * 1000 + "10.0.0.2"), "10.0.0.1")

    def test_secure(self) -> None:
        """A cookie is marked for TLS where the nearest proxy says that it was asked by TLS."""
        self.assertTrue(is_secure(self.asking("127.0.0.1", X_Forwarded_Proto="https")))
        self.assertTrue(is_secure(self.asking("127.0.0.1", X_Forwarded_Proto="http, HTTPS")))
        for said in ("http", "https, http", "", "httpsx"):
            self.assertFalse(is_secure(self.asking("127.0.0.1", X_Forwarded_Proto=said)), said)
        self.assertFalse(is_secure(self.asking("127.0.0.1")))
