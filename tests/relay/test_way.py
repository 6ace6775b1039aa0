"""The way to a recipient: what is asked of DNS, and what becomes of a delivery that has none."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailrelay.interfaces.resolver import IResolver, ResolverFailure
from mailrelay.interfaces.routes import RouteNames
from mailrelay.mail.answer import Answer, Kind, MailExchange
from mailrelay.mail.envelope import SECOND, Bounced, Hop, Outcome
from mailrelay.mail.envelope import Deferred as Postponed
from mailrelay.policy.mx import Own
from mailrelay.policy.route import MxRoute, Route, Routes
from mailrelay.relay.down import DownHosts
from mailrelay.relay.way import Ways

from .fakes import START, delivery

OWN = (Hop("own.example", 25),)
SMART = (Hop("smart.example", 587, "require"), Hop("spare.example", 587, "require"))
GATE = (Hop("gate.example", 25),)
NXDOMAIN = Answer(rcode="NXDOMAIN")


@implementer(IResolver)
class FakeResolver:
    """Answers from a table, in which nothing else exists; None: not yet."""

    def __init__(self) -> None:
        self.table: dict[tuple[str, Kind], Answer | Exception | None] = {}
        self.asked: list[tuple[str, Kind]] = []
        self.waiting: list[Deferred[Answer]] = []

    def resolve(self, name: str, kind: Kind) -> Deferred[Answer]:
        self.asked.append((name, kind))
        answer = self.table.get((name, kind), NXDOMAIN)
        if answer is None:
            self.waiting.append(Deferred())
            return self.waiting[-1]
        return succeed(answer) if isinstance(answer, Answer) else fail(answer)


class WayTests(SynchronousTestCase):
    """One delivery."""

    def setUp(self) -> None:
        self.resolver = FakeResolver()
        verifyObject(IResolver, self.resolver)
        routes = Routes((Route("smart", SMART), MxRoute("mx", fallback="smart")), "smart")
        self.at = START
        self.down = DownHosts(lambda: self.at)
        own = Own(frozenset({"relay.example"}), lambda address, port: False)
        self.ways = Ways(routes, self.stored, self.resolver, own, lambda: 0.5, lambda: self.at, self.down)

    def stored(self, account: str, id: str) -> Deferred[Route | None]:
        """A route of the account A only."""
        return succeed(Route("own", OWN) if (account, id) == ("A", "own") else None)

    def find(self, destination: str = "b.test", route: str = "mx") -> Sequence[Hop] | Outcome:
        return self.successResultOf(self.ways.find(delivery("R1", destination=destination, route=route)))

    def give(self, *mx: tuple[int, str], a: Sequence[str] = ()) -> None:
        """The domain has these exchanges, and each of them an address."""
        self.resolver.table["b.test", "MX"] = Answer(tuple(MailExchange(*each) for each in mx))
        for (_, name), address in zip(mx, a, strict=True):
            self.resolver.table[name, "A"] = Answer((address,))
            self.resolver.table[name, "AAAA"] = Answer()

    def test_smart_hosts(self) -> None:
        """A route with smart hosts asks nothing of DNS."""
        self.assertEqual(self.find(route=""), SMART)
        self.assertEqual(self.resolver.asked, [])

    def test_own_route(self) -> None:
        """A route that is stored for the account is found by its name; where there is none the mail waits."""
        self.assertEqual(self.successResultOf(self.ways.find(delivery("R1", account="A", route="own"))), OWN)
        waits = self.successResultOf(self.ways.find(delivery("R1", account="B", route="own")))
        self.assertIsInstance(waits, Postponed)
        self.assertEqual(self.find(route="smart"), SMART)

    def test_by_domain(self) -> None:
        """Where nothing is named, the route for the recipient's domain is taken, the account's before the
        configuration's; then the account's only one."""
        routes = Routes((Route("smart", SMART), Route("gate", GATE)), "smart", {"*.b.test": "gate", "c.test": "gate"})
        named = {"A": RouteNames(frozenset({"own", "other", "third"}), domains={"c.test": "own"}), "B": RouteNames()}
        named["C"] = RouteNames(frozenset({"own"}))
        own = Own(frozenset(), lambda address, port: False)
        ways = Ways(
            routes,
            lambda account, id: succeed(Route("own", OWN) if id == "own" else None),
            self.resolver,
            own,
            lambda: 0.5,
            lambda: self.at,
            names=lambda account: succeed(named[account]),
        )
        for account, domain, hops in (
            ("A", "c.test", OWN),
            ("A", "b.test", SMART),
            ("A", "x.y.b.test", GATE),
            ("B", "c.test", GATE),
            ("B", "test", SMART),
            ("C", "d.test", OWN),
        ):
            found = self.successResultOf(ways.find(delivery("R1", account=account, destination=domain)))
            self.assertEqual(found, hops, (account, domain))

    def test_by_mx(self) -> None:
        """Each exchange is a hop, the preferred one first."""
        self.give((20, "b.mx.test"), (10, "a.mx.test"), a=("9.9.9.9", "8.8.8.8"))
        self.assertEqual(
            self.find(), [Hop("a.mx.test", 25, address="8.8.8.8"), Hop("b.mx.test", 25, address="9.9.9.9")]
        )

    def test_asks_at_once(self) -> None:
        """The addresses of all exchanges are asked for at the same time, and waited for."""
        self.give((20, "b.mx.test"), (10, "a.mx.test"), a=("9.9.9.9", "8.8.8.8"))
        self.resolver.table["b.mx.test", "A"] = self.resolver.table["a.mx.test", "A"] = None
        finding = self.ways.find(delivery("R1", route="mx"))
        self.assertNoResult(finding)
        first, second = self.resolver.waiting
        second.callback(Answer(("9.9.9.9",)))
        self.assertNoResult(finding)
        first.callback(Answer(("8.8.8.8",)))
        self.assertEqual([hop.address for hop in self.successResultOf(finding)], ["8.8.8.8", "9.9.9.9"])  # type: ignore[union-attr]

    def test_bounced_at_once(self) -> None:
        """What DNS says for certain bounces: no such domain, a null MX, ourselves (O12, O13)."""
        for mx, status in (((), "5.1.2"), (((0, ""),), "5.1.10"), (((10, "relay.example"),), "5.4.6")):
            if mx:
                self.give(*mx, a=("1.1.1.1",) * len(mx))
            outcome = self.find()
            assert isinstance(outcome, Bounced)
            self.assertEqual((outcome.reply.status, outcome.host, outcome.at), (status, "", START))

    def test_deferred(self) -> None:
        """What nobody knows is deferred (O12)."""
        for answer in (Answer(rcode="SERVFAIL"), Answer(rcode="REFUSED"), ResolverFailure("192.0.2.53: silent")):
            self.resolver.table["b.test", "MX"] = answer
            outcome = self.find()
            assert isinstance(outcome, Postponed)
            self.assertEqual(outcome.reply.status, "4.4.3")
        self.assertIn("192.0.2.53: silent", outcome.reply.text)

    def test_one_exchange_unknown(self) -> None:
        """An exchange whose addresses cannot be looked up does not keep mail from the next one."""
        self.give((10, "a.mx.test"), (20, "b.mx.test"), a=("8.8.8.8", "9.9.9.9"))
        self.resolver.table["a.mx.test", "A"] = self.resolver.table["a.mx.test", "AAAA"] = ResolverFailure("silent")
        self.assertEqual([hop.address for hop in self.find()], ["9.9.9.9"])  # type: ignore[union-attr]

    def test_no_needless_questions(self) -> None:
        """An exchange that is no host's name is not asked for."""
        self.give((10, "192.0.2.1"), (20, "b.mx.test"), a=("8.8.8.8", "9.9.9.9"))
        self.find()
        self.assertEqual({name for name, _ in self.resolver.asked}, {"b.test", "b.mx.test"})

    def test_literal(self) -> None:
        """A recipient at an address literal needs no DNS."""
        self.assertEqual(self.find("[8.8.8.8]"), [Hop("8.8.8.8", 25, address="8.8.8.8")])
        self.assertEqual(self.resolver.asked, [])

    def test_route_is_gone(self) -> None:
        """A delivery by a route that is configured no more waits for its return."""
        outcome = self.find(route="gone")
        assert isinstance(outcome, Postponed)
        self.assertEqual(outcome.reply.status, "4.3.5")

    def test_down_comes_last(self) -> None:
        """A host that took no session of late is tried after the others until five minutes have passed, or it does."""
        first, second = SMART
        self.down.failed(first)
        self.assertEqual(self.find(route=""), (second, first))
        self.down.well(first)
        self.assertEqual(self.find(route=""), SMART)
        self.down.failed(first)
        self.at += 301 * SECOND
        self.assertEqual(self.find(route=""), SMART)
        self.give((10, "a.mx.test"), (20, "b.mx.test"), a=("8.8.8.8", "9.9.9.9"))
        self.down.failed(Hop("a.mx.test", 25, address="8.8.8.8"))
        self.assertEqual([hop.host for hop in self.find()], ["b.mx.test", "a.mx.test"])  # type: ignore[union-attr]

    def test_fallback(self) -> None:
        """The route that takes over is the one that is named by the one that failed, if there is one."""
        asked = delivery("R1")
        self.assertEqual(self.successResultOf(self.ways.find_fallback(asked, "mx")), SMART)
        self.assertIsNone(self.successResultOf(self.ways.find_fallback(asked, "smart")))
        self.assertIsNone(self.successResultOf(self.ways.find_fallback(asked, "gone")))

    def test_inside_failure(self) -> None:
        """What a resolver should not fail with is no verdict on the recipient: the finding fails, for the log."""
        self.resolver.table["b.test", "MX"] = RuntimeError("a bug")
        self.failureResultOf(self.ways.find(delivery("R1", route="mx")), RuntimeError)
