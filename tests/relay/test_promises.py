"""What domains promise of TLS, and what hops are held to (T13, T14)."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.resolver import ResolverFailure
from mailrelay.mail.answer import Answer, MailExchange, Tlsa
from mailrelay.mail.envelope import Deferred as Postponed
from mailrelay.mail.envelope import Hop, Outcome
from mailrelay.policy.mx import Own
from mailrelay.policy.route import MxRoute, Route, Routes
from mailrelay.relay.promises import Promises
from mailrelay.relay.sts import StsPolicies
from mailrelay.relay.way import Ways
from mailrelay.store.memory.sts_policies import MemoryPolicies

from .fakes import START, delivery
from .test_sts import ENFORCE, FakeHttps
from .test_way import FakeResolver

USABLE, UNUSABLE = Tlsa(3, 1, 1, bytes(32)), Tlsa(1, 1, 1, bytes(32))


class PromiseTests(SynchronousTestCase):
    """A domain with the exchanges mx.b.test and mx.c.test."""

    def setUp(self) -> None:
        self.resolver, self.https = FakeResolver(), FakeHttps()
        self.told: list[tuple[str, str]] = []
        self.more: tuple[Route | MxRoute, ...] = ()
        self.zone()

    def zone(self, mx: bool = True, a: bool = True) -> None:
        exchanges = MailExchange(10, "mx.b.test"), MailExchange(20, "mx.c.test")
        self.resolver.table["b.test", "MX"] = Answer(exchanges, authenticated=mx)
        for name, address in (("mx.b.test", "8.8.8.8"), ("mx.c.test", "9.9.9.9")):
            self.resolver.table[name, "A"] = Answer((address,), authenticated=a)
            self.resolver.table[name, "AAAA"] = Answer()

    def tlsa(self, answer: Answer | Exception, host: str = "mx.b.test") -> None:
        self.resolver.table[f"_25._tcp.{host}", "TLSA"] = answer

    def policy(self, text: str) -> None:
        self.resolver.table["_mta-sts.b.test", "TXT"] = Answer(("v=STSv1; id=1",))
        self.https.text = text

    def find(
        self, tls: str = "may", validates: bool = True, sts: bool = True, route: str = ""
    ) -> Sequence[Hop] | Outcome:
        policies = (
            StsPolicies(self.resolver, self.https, Clock().seconds, MemoryPolicies(), lambda: START) if sts else None
        )
        promises = Promises(
            self.resolver, policies, validates, lambda hop, fault, reason: self.told.append((hop.host, fault))
        )
        ways = Ways(
            Routes((MxRoute("mx", tls=tls), *self.more), "mx"),
            lambda account, id: succeed(None),
            self.resolver,
            Own(frozenset(), lambda address, port: False),
            lambda: 0.5,
            lambda: START,
            promises=promises,
        )
        return self.successResultOf(ways.find(delivery("R1", destination="b.test", route=route)))

    def rules(self, **options: object) -> list[str]:
        found = self.find(**options)  # type: ignore[arg-type]
        assert isinstance(found, Sequence), found
        return [hop.tls for hop in found]

    def test_nothing(self) -> None:
        """Without a promise the route's rule stands, and so it is told."""
        found = self.find()
        assert isinstance(found, Sequence)
        self.assertEqual(
            [(hop.tls, hop.promise and hop.promise.kind) for hop in found], [("may", "no-policy-found")] * 2
        )
        self.assertEqual(self.rules(tls="require"), ["require"] * 2)

    def test_dane(self) -> None:
        """T14: authenticated records that can be used hold the host to them, each host for itself."""
        self.tlsa(Answer((USABLE, UNUSABLE), authenticated=True))
        found = self.find()
        assert isinstance(found, Sequence)
        first = found[0]
        self.assertEqual([hop.tls for hop in found], ["dane", "may"])
        self.assertEqual((first.tlsa, first.names), ((USABLE,), ("mx.b.test", "b.test")))
        assert first.promise is not None
        self.assertEqual((first.promise.kind, len(first.promise.strings)), ("tlsa", 2))

    def test_alias(self) -> None:
        """Of an exchange that is an alias the records at its end count, and its own where that has none; the names of
        both are the host's (RFC 7672 2.2.3, 3.2.2). Where the alias is not proved there is no DANE."""
        self.resolver.table["mx.b.test", "A"] = Answer(("8.8.8.8",), authenticated=True, name="host.c.test")
        self.tlsa(Answer((UNUSABLE,), authenticated=True))
        self.tlsa(Answer((USABLE,), authenticated=True), "host.c.test")
        found = self.find()
        assert isinstance(found, Sequence)
        self.assertEqual((found[0].tlsa, found[0].names), ((USABLE,), ("host.c.test", "mx.b.test", "b.test")))
        self.tlsa(Answer((), authenticated=True), "host.c.test")
        self.assertEqual(self.rules(), ["require", "may"])
        self.tlsa(ResolverFailure("silent"), "host.c.test")
        self.assertEqual(self.rules(), ["may"])
        self.resolver.table["mx.b.test", "A"] = Answer(("8.8.8.8",), name="host.c.test")
        self.assertEqual(self.rules(), ["may", "may"])

    def test_without_ad(self) -> None:
        """T14: without the AD bit, on the MX, the address or the records, or where the resolver is not said to
        validate, there is no DANE."""
        good = Answer((USABLE,), authenticated=True)
        for mx, a, answer, validates in (
            (False, True, good, True),
            (True, False, good, True),
            (True, True, Answer((USABLE,)), True),
            (True, True, good, False),
        ):
            self.zone(mx, a)
            self.tlsa(answer)
            self.assertEqual(self.rules(validates=validates), ["may", "may"])

    def test_unusable(self) -> None:
        """T14: records none of which can be used ask for TLS with whatever certificate (RFC 7672 2.2)."""
        self.tlsa(Answer((UNUSABLE,), authenticated=True))
        self.assertEqual(self.rules(), ["require", "may"])

    def test_records_unknown(self) -> None:
        """T14: a host whose records are bogus or cannot be had is left out; mail waits when there is no other."""
        for answer in (Answer(rcode="SERVFAIL"), ResolverFailure("silent")):
            self.setUp()
            self.tlsa(answer)
            self.assertEqual(self.rules(), ["may"])
            self.assertEqual(self.told, [("mx.b.test", "dnssec-invalid")])
            self.tlsa(answer, "mx.c.test")
            waits = self.find()
            assert isinstance(waits, Postponed)
            self.assertEqual(waits.reply.status, "4.7.5")

    def test_enforced(self) -> None:
        """T13: hosts of an enforced policy are verified, others left out; mail waits when there is no other."""
        self.policy(ENFORCE.format(600))
        found = self.find()
        assert isinstance(found, Sequence)
        self.assertEqual([(hop.host, hop.tls) for hop in found], [("mx.b.test", "sts")])
        self.assertEqual(self.told, [("mx.c.test", "validation-failure")])
        self.assertEqual(self.rules(sts=False), ["may", "may"])
        self.policy(ENFORCE.format(600).replace("mx.b.test", "mx.d.test"))
        waits = self.find()
        assert isinstance(waits, Postponed)
        self.assertEqual((waits.reply.status, "MTA-STS" in waits.reply.text), ("4.7.5", True))

    def test_testing(self) -> None:
        """T13: a policy that is only tested changes nothing but what is told."""
        self.policy(ENFORCE.format(600).replace("enforce", "testing"))
        found = self.find()
        assert isinstance(found, Sequence)
        promises = [hop.promise for hop in found]
        self.assertEqual([hop.tls for hop in found], ["may", "may"])
        self.assertEqual(
            [each and (each.testing, each.fault) for each in promises], [(True, ""), (True, "validation-failure")]
        )
        self.policy("version: STSv1\nmode: none\nmax_age: 1")
        self.assertEqual(self.rules(), ["may", "may"])

    def test_dane_first(self) -> None:
        """DANE goes before MTA-STS, for the hosts that have it; a fault of the policy is told."""
        self.tlsa(Answer((USABLE,), authenticated=True), "mx.c.test")
        self.policy(ENFORCE.format(600))
        self.assertEqual(self.rules(), ["sts", "dane"])
        self.policy("nothing")
        found = self.find()
        assert isinstance(found, Sequence)
        self.assertEqual([hop.promise and hop.promise.fault for hop in found], ["sts-policy-invalid", ""])

    def test_reports(self) -> None:
        """A report about TLS leaves whatever its route or its domain asks of TLS, and is not counted (RFC 8460 3); a
        route of their name is kept to."""
        self.tlsa(Answer((USABLE,), authenticated=True))
        for tls in ("may", "require", "verify"):
            found = self.find(tls=tls, route="tls-reports")
            assert isinstance(found, Sequence)
            self.assertEqual([(hop.tls, hop.promise) for hop in found], [("may", None)] * 2)
        self.assertEqual(self.rules(tls="none", route="tls-reports"), ["none"] * 2)
        smart = Hop("smart.test", 587, "verify")
        self.more = (Route("tls-reports", (smart,)),)
        self.assertEqual(self.find(route="tls-reports"), (smart,))

    def test_left_alone(self) -> None:
        """A route that verifies, or never encrypts, asks for no promise."""
        self.policy(ENFORCE.format(600))
        self.assertEqual(self.rules(tls="verify"), ["verify"] * 2)
        self.assertEqual(self.rules(tls="none"), ["none"] * 2)
        self.assertEqual(self.https.urls, [])
