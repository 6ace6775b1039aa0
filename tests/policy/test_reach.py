"""Where a stranger's URL may lead: to the public internet alone, however its host is written (H12)."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.reach import PUBLIC, SANDBOX, Reach, Unreachable


class ReachTests(SynchronousTestCase):
    def why(self, url: str, reach: Reach = PUBLIC) -> str:
        return str(self.assertRaises(Unreachable, reach.url, url))

    def test_public(self) -> None:
        """What anybody may reach can be reached."""
        self.assertEqual(PUBLIC.url("https://shop.example/hooks?a=1"), ("https", "shop.example", 443))
        self.assertEqual(PUBLIC.url("http://Shop.Example.:8080/"), ("http", "shop.example.", 8080))
        self.assertEqual(PUBLIC.url("https://[2606:4700::1111]/"), ("https", "2606:4700::1111", 443))
        for address in ("93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"):
            PUBLIC.address(address)

    def test_inside(self) -> None:
        """H12: no address of this machine, of its networks, or of a cloud's metadata is reached, however it is
        written."""
        for address in (
            "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254",
            "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
            "::1", "::", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "ff02::1", "2001:db8::1",
            "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "::127.0.0.1",
        ):  # fmt: skip
            self.assertRaises(Unreachable, PUBLIC.address, address)
        for url in (
            "http://127.0.0.1/",
            "http://[::1]/",
            "https://[::ffff:169.254.169.254]/",
            "http://169.254.169.254/",
        ):
            self.assertIn("is not a public address", self.why(url))

    def test_odd_hosts(self) -> None:
        """H12: decimal, octal and hexadecimal numbers, which a resolver may read as an address, are no hosts."""
        for host in ("2130706433", "0x7f000001", "017700000001", "0177.0.0.1", "127.1", "0x7f.1", "0", "127.0.0.1."):
            self.why(f"http://{host}/")
        for url in (
            "http:///x",
            "http://a_b/",
            "http://-a/",
            "http://exa mple/",
            "http://\u0430.example/",
            "http://a\n/",
        ):
            self.why(url)

    def test_schemes(self) -> None:
        """H12: nothing but HTTP is spoken, and no login stands in a URL."""
        for url in ("file:///etc/passwd", "gopher://a.example/", "ftp://a.example/", "//a.example/", "a.example"):
            self.assertIn("must begin with https://", self.why(url))
        self.assertIn("no user name", self.why("https://good.example@evil.example/"))

    def test_ports(self) -> None:
        """H12: ports of other services are not reached."""
        for port in (25, 6379, 5432, 22):
            self.assertIn(f"port {port} is none of 80, 443", self.why(f"http://a.example:{port}/"))
        self.assertIn("a port that is none", self.why("http://a.example:99999/"))

    def test_own_networks(self) -> None:
        """A network that the installation allows is reached, and no other."""
        reach = Reach.of(["10.1.0.0/16", "fd12::/16"], [])
        self.assertEqual(reach.url("http://10.1.2.3:9000/")[2], 9000)
        reach.address("fd12::5")
        reach.address("::ffff:10.1.2.3")
        self.assertRaises(Unreachable, reach.address, "10.2.0.1")
        self.assertRaises(Unreachable, reach.address, "localhost")
        self.assertEqual(SANDBOX.url("http://127.0.0.1:1/")[1], "127.0.0.1")

    @given(st.integers(0, 2**32 - 1))
    def test_mapped(self, number: int) -> None:
        """An IPv4 address is judged the same inside IPv6."""
        four = str(ip_address(number))

        def passes(address: str) -> bool:
            try:
                PUBLIC.address(address)
            except Unreachable:
                return False
            return True

        self.assertEqual(passes(four), passes(f"::ffff:{four}"))
