"""Trying a route: its hosts are those of a delivery, and each is asked."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailrelay.interfaces.probe import IProber, Probe
from mailrelay.interfaces.route_tests import IRouteTests
from mailrelay.mail.answer import Answer, MailExchange
from mailrelay.mail.envelope import Hop
from mailrelay.policy.mx import Own
from mailrelay.policy.route import MxRoute, Route, Routes
from mailrelay.relay.route_tests import RouteTests
from mailrelay.relay.way import Ways

from .test_way import FakeResolver


@implementer(IProber)
class FakeProber:
    """Finds that hosts serve whose name begins with "good"."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    def probe(self, hop: Hop, sender: str = "", recipient: str = "") -> Deferred[Probe]:
        self.asked.append((hop.host, sender, recipient))
        serves = hop.host.startswith("good")
        return succeed(Probe(hop, serves, "250 ok" if serves else "554 no", "", "", (), 0.1, "0.000 S: 220 hi"))


class RouteTestsTests(SynchronousTestCase):
    """Routes by smart hosts and by MX."""

    def setUp(self) -> None:
        resolver, self.prober = FakeResolver(), FakeProber()
        resolver.table["b.test", "MX"] = Answer((MailExchange(10, "good.b.test"),))
        resolver.table["good.b.test", "A"] = Answer(("192.0.2.1",))
        resolver.table["good.b.test", "AAAA"] = Answer()
        both = Route("both", (Hop("bad.example", 25), Hop("good.example", 25)))
        routes = Routes((both, Route("bad", (Hop("bad.example", 25),)), MxRoute("mx", allow_private=True)), "both")
        own = Own(frozenset({"relay.example"}), lambda address, port: False)
        ways = Ways(routes, lambda account, id: succeed(None), resolver, own, lambda: 0.5, lambda: 0)
        self.tests = RouteTests(ways, self.prober)
        verifyObject(IRouteTests, self.tests)
        verifyObject(IProber, self.prober)

    def test_every_host(self) -> None:
        """Each host is asked about the same recipient; one that serves is enough for the route."""
        found = self.successResultOf(self.tests.test("", "both", "x.test", "a@y.test", "b@x.test"))
        self.assertEqual([each.serves for each in found.probes], [False, True])
        self.assertTrue(found.serves)
        self.assertEqual(
            self.prober.asked, [("bad.example", "a@y.test", "b@x.test"), ("good.example", "a@y.test", "b@x.test")]
        )
        self.assertFalse(self.successResultOf(self.tests.test("", "bad", "")).serves)

    def test_by_mx(self) -> None:
        """A route by MX leads to the domain's hosts."""
        found = self.successResultOf(self.tests.test("", "mx", "b.test"))
        self.assertEqual([each.hop.address for each in found.probes], ["192.0.2.1"])

    def test_no_way(self) -> None:
        """Where there is no way, the reason is told as a delivery would hear it."""
        for route, domain, said in (("mx", "nowhere.test", "5.1.2"), ("none", "b.test", "no route named none")):
            found = self.successResultOf(self.tests.test("", route, domain))
            self.assertEqual((found.serves, found.probes), (False, ()))
            self.assertIn(said, found.reply)
