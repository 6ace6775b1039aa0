"""Trying a route as a person does."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from mailrelay.interfaces.probe import Probe
from mailrelay.interfaces.route_tests import IRouteTests, RouteTest
from mailrelay.mail.envelope import Hop
from mailrelay.manage import Invalid, Unknown, route_test, routes
from mailrelay.manage.routes import Wanted

from .place import InstallationTestCase


@implementer(IRouteTests)
class Asked:
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def test(self, account: str, route: str, domain: str, sender: str = "", recipient: str = "") -> Deferred[RouteTest]:
        self.asked.append((account, route, domain, sender, recipient))
        hop = Hop("a.example", 25, password="secret")
        return succeed(RouteTest(route, [Probe(hop, True, "250 ok", "", "", ("SIZE",), 0.1, "0.000 S: hi\nC: QUIT")]))


class RouteTestTests(InstallationTestCase):
    """What is asked of the wing."""

    def setUp(self) -> None:
        super().setUp()
        self.asked = Asked()
        self.place = replace(
            self.place, route_names=frozenset({"main", "mx"}), mx_routes=frozenset({"mx"}), route_tests=self.asked
        )

    def test_asked(self) -> None:
        """Stored and configured routes are tried, with an address or only a domain."""
        self.account()
        self.done(routes.add(self.place, Wanted(["a:25"], "eu", "shop")))
        found = self.done(route_test.test(self.place, "shop", "eu", "ann@B.test", "me@c.test"))
        self.done(route_test.test(self.place, "", "main"))
        self.done(route_test.test(self.place, "", "mx", "b.test"))
        owner = self.done(routes.find(self.place, "shop", "eu")).account
        self.assertEqual(
            self.asked.asked,
            [
                (owner, "eu", "b.test", "me@c.test", "ann@b.test"),
                ("", "main", "", "", ""),
                ("", "mx", "b.test", "", ""),
            ],
        )
        plain = route_test.plain(found)
        self.assertEqual((plain["serves"], plain["hosts"][0]["transcript"]), (True, ["0.000 S: hi", "C: QUIT"]))
        self.assertNotIn("secret", repr(plain))

    def test_refused(self) -> None:
        """What cannot be tried is refused in words that name the field."""
        nothing = replace(self.place, route_tests=None)
        for trying, field in (
            (route_test.test(self.place, "", "mx"), "to"),
            (route_test.test(self.place, "", "main", "a b@c"), "to"),
            (route_test.test(self.place, "", "main", "b_.test"), "to"),
            (route_test.test(self.place, "", "main", sender="x"), "from"),
            (route_test.test(nothing, "", "main"), "name"),
        ):
            self.assertTrue(self.refused(trying, Invalid).startswith(f"{field}: "))
        self.refused(route_test.test(self.place, "", "nowhere"), Unknown)
