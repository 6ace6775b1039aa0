"""Which way a delivery leaves."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import Bounced, Deferred, Delivered, Hop
from mailrelay.mail.reply import Reply
from mailrelay.policy.route import Route, Routes, trouble

ONE, TWO, THREE = Hop("one.example", 25), Hop("two.example", 25), Hop("two.example", 587)


class RouteTests(SynchronousTestCase):
    """The order of hops."""

    route = Route("main", (ONE, TWO, THREE))

    def test_preferred_first(self) -> None:
        """While all are well they are tried as they are configured."""
        self.assertEqual(self.route.order(), (ONE, TWO, THREE))

    def test_down_last(self) -> None:
        """A hop thought down is tried after the others, not left out; a host's ports are apart."""
        self.assertEqual(self.route.order({("one.example", 25, "")}), (TWO, THREE, ONE))
        self.assertEqual(self.route.order({("one.example", 25, ""), ("two.example", 25, "")}), (THREE, ONE, TWO))

    def test_all_down(self) -> None:
        """When all are thought down the configured order holds."""
        self.assertEqual(
            self.route.order({(hop.host, hop.port, hop.address) for hop in self.route.hops}), self.route.hops
        )

    def test_no_hop(self) -> None:
        """A route leads somewhere."""
        self.assertRaises(ValueError, Route, "nowhere", ())


class WeightTests(SynchronousTestCase):
    """Hops that share the load."""

    route = Route("shared", (ONE, TWO, THREE), (3, 1, 0))

    def test_shares(self) -> None:
        """A hop is first as often as its weight says, and one of weight 0 always comes last."""
        chance = Random(1).random
        firsts = []
        for _ in range(2000):
            order = self.route.order(chance=chance)
            firsts.append(order[0])
            self.assertIs(order[-1], THREE)
            self.assertEqual({ONE, TWO, THREE}, set(order))
        self.assertTrue(1400 < firsts.count(ONE) < 1600, firsts.count(ONE))

    def test_down(self) -> None:
        """What is down comes even after the spare one."""
        self.assertEqual(self.route.order({("one.example", 25, "")}), (TWO, THREE, ONE))

    def test_incomplete(self) -> None:
        """Weights are for all hops."""
        self.assertRaises(ValueError, Route, "half", (ONE, TWO), (1,))


class TroubleTests(SynchronousTestCase):
    """When another route takes over."""

    def test_down(self) -> None:
        """No host came to hear of the recipient."""
        reply = Reply(451, "4.4.1", "No connection")
        self.assertEqual(trouble(Deferred(reply, "h", 0, asked=False)), "down")

    def test_blocked(self) -> None:
        """A host says that it is our address, or what is thought of it, that is refused."""
        for text in (
            "Service unavailable, client host [192.0.2.1] blocked using zen.spamhaus.org",
            "Messages from 192.0.2.1 weren't sent. Your network is on our block list (S3140)",
            "connection refused: poor reputation of sender",
            "you are listed: your IP address is not welcome",
        ):
            self.assertEqual(trouble(Bounced(Reply(550, "5.7.1", text), "h", 0)), "blocked", text)
            self.assertEqual(trouble(Deferred(Reply(421, "4.7.0", text), "h", 0)), "blocked", text)

    def test_elsewhere(self) -> None:
        """A rule of shaping says of any words that another route is to take over."""
        self.assertEqual(trouble(Bounced(Reply(554, "5.7.1", "no"), "h", 0, elsewhere=True)), "blocked")

    def test_none(self) -> None:
        """What concerns recipient or content would be said to another route as well, and what may have arrived is not
        sent at once by another."""
        for text in ("No such user", "Mailbox full", "Message content rejected", "try again later"):
            self.assertEqual(trouble(Bounced(Reply(550, "5.7.1", text), "h", 0)), "", text)
        lost = Deferred(Reply(451, "4.4.2", "lost"), "h", 0, uncertain=True)
        self.assertEqual(trouble(lost), "")
        self.assertEqual(trouble(Delivered(Reply(250, "", "Ok, reputation fine"), "h", 0)), "")


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
