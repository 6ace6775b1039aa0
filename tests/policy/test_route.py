"""Which way a delivery leaves."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import Hop
from mailrelay.policy.route import Route, Routes

ONE, TWO, THREE = Hop("one.example", 25), Hop("two.example", 25), Hop("two.example", 587)


class RouteTests(SynchronousTestCase):
    """The order of hops."""

    route = Route("main", (ONE, TWO, THREE))

    def test_preferred_first(self) -> None:
        """While all are well they are tried as they are configured."""
        self.assertEqual(self.route.order(), (ONE, TWO, THREE))

    def test_down_last(self) -> None:
        """A hop thought down is tried after the others, not left out; a host's ports are apart."""
        self.assertEqual(self.route.order({("one.example", 25)}), (TWO, THREE, ONE))
        self.assertEqual(self.route.order({("one.example", 25), ("two.example", 25)}), (THREE, ONE, TWO))

    def test_all_down(self) -> None:
        """When all are thought down the configured order holds."""
        self.assertEqual(self.route.order({(hop.host, hop.port) for hop in self.route.hops}), self.route.hops)

    def test_no_hop(self) -> None:
        """A route leads somewhere."""
        self.assertRaises(ValueError, Route, "nowhere", ())


class ChoiceTests(SynchronousTestCase):
    """Routes by name."""

    main, bulk = Route("main", (ONE,)), Route("bulk", (TWO,))
    routes = Routes((main, bulk), "main")

    def test_by_name(self) -> None:
        """The route asked for, or the default when none is."""
        self.assertIs(self.routes.get("bulk"), self.bulk)
        self.assertIs(self.routes.get("main"), self.main)
        self.assertIs(self.routes.default, self.main)

    def test_unknown(self) -> None:
        """A name that no route has gives none, and cannot be the default's."""
        self.assertIsNone(self.routes.get("gone"))
        self.assertRaises(KeyError, Routes, (self.main,), "gone")
