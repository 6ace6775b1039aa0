"""Policies of MTA-STS as they are kept (RFC 8461; T13)."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailrelay.interfaces.https import HttpsFailure, IHttps
from mailrelay.interfaces.resolver import ResolverFailure
from mailrelay.interfaces.sts import KeptPolicy
from mailrelay.mail.answer import Answer
from mailrelay.mail.envelope import SECOND
from mailrelay.relay.sts import AGAIN, DAY, UNUSED, Held, StsPolicies
from mailrelay.store.memory.sts_policies import MemoryPolicies

from .fakes import START
from .test_way import FakeResolver

ENFORCE = "version: STSv1\nmode: enforce\nmx: mx.b.test\nmax_age: {}\n"


@implementer(IHttps)
class FakeHttps:
    """Answers with `text`: a text, a failure, or None for not yet."""

    def __init__(self) -> None:
        self.text: str | Exception | None = ENFORCE.format(DAY * 10).replace(".0", "")
        self.urls: list[str] = []
        self.waiting: list[Deferred[str]] = []

    def get(self, url: str) -> Deferred[str]:
        self.urls.append(url)
        if self.text is None:
            self.waiting.append(Deferred())
            return self.waiting[-1]
        return succeed(self.text) if isinstance(self.text, str) else fail(self.text)

    def post(self, url: str, octets: bytes, kind: str) -> Deferred[None]:
        self.urls.append(url)
        return succeed(None)


class StsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.resolver, self.https, self.clock = FakeResolver(), FakeHttps(), Clock()
        verifyObject(IHttps, self.https)
        self.memory = MemoryPolicies()
        self.policies = self.start()
        self.record("1")

    def start(self) -> StsPolicies:
        """The policies of a process; its clock counts from another instant than that of the one before."""
        begun = self.clock.seconds() * 0.5
        return StsPolicies(self.resolver, self.https, lambda: self.clock.seconds() - begun, self.memory, self.wall)

    def wall(self) -> int:
        return START + round(self.clock.seconds() * SECOND)

    def record(self, id: str) -> None:
        self.resolver.table["_mta-sts.b.test", "TXT"] = Answer((f"v=STSv1; id={id};",) if id else ())

    def held(self) -> Held:
        found: Held = self.successResultOf(self.policies.of("b.test"))
        return found

    def mode(self) -> str:
        policy = self.held().policy
        return policy.mode if policy else ""

    def test_fetched_once(self) -> None:
        """A policy is fetched at its well-known place and kept while its id stays."""
        self.assertEqual([self.mode(), self.mode()], ["enforce", "enforce"])
        self.assertEqual(self.https.urls, ["https://mta-sts.b.test/.well-known/mta-sts.txt"])
        self.record("2")
        self.assertEqual((self.mode(), len(self.https.urls)), ("enforce", 2))

    def test_without_record(self) -> None:
        """Without a record nothing is fetched."""
        self.record("")
        self.assertEqual((self.held(), self.https.urls), (Held(), []))

    def test_vanished(self) -> None:
        """T13: a policy whose record or file vanishes, or whose name servers do, is used until its time is over."""
        self.mode()
        for answer in (Answer(), Answer(rcode="SERVFAIL"), ResolverFailure("silent")):
            self.resolver.table["_mta-sts.b.test", "TXT"] = answer
            self.assertEqual(self.mode(), "enforce")
        self.record("2")
        self.https.text = HttpsFailure("404")
        self.assertEqual(self.mode(), "enforce")
        self.clock.advance(DAY * 10)
        self.assertEqual(self.held(), Held(fault="sts-policy-fetch-error"))

    def test_refreshed(self) -> None:
        """A policy is fetched again a day later, and with the same id, too."""
        self.mode()
        self.clock.advance(DAY)
        self.https.text = ENFORCE.format(600).replace("enforce", "testing")
        self.assertEqual(self.mode(), "testing")
        self.clock.advance(301)
        self.mode()
        self.assertEqual(len(self.https.urls), 3)

    def test_failed(self) -> None:
        """T13: what cannot be fetched or read is no policy, and is asked for again five minutes later, or under another
        id."""
        for text, fault in ((HttpsFailure("no"), "sts-policy-fetch-error"), ("<html>", "sts-policy-invalid")):
            self.https.text = text
            self.assertEqual([self.held(), self.held()], [Held(fault=fault)] * 2)
            self.assertEqual(len(self.https.urls), 1)
            self.clock.advance(AGAIN)
            self.held()
            self.assertEqual(len(self.https.urls), 2)
            self.record("2")
            self.held()
            self.assertEqual(len(self.https.urls), 3)
            self.setUp()

    def test_restart(self) -> None:
        """A policy outlasts a restart, for what is left of its time, and holds while its domain's DNS is down (T13); it
        is fetched again when it would have been."""
        self.mode()
        self.clock.advance(DAY / 2)
        self.resolver.table["_mta-sts.b.test", "TXT"] = ResolverFailure("silent")
        self.policies = self.start()
        self.assertEqual(self.held(), Held())
        self.successResultOf(Deferred.fromCoroutine(self.policies.remember()))
        self.assertEqual((self.mode(), len(self.https.urls)), ("enforce", 1))
        self.record("1")
        self.assertEqual((self.mode(), len(self.https.urls)), ("enforce", 1))
        self.clock.advance(DAY / 2)
        self.assertEqual((self.mode(), len(self.https.urls)), ("enforce", 2))
        self.https.text = HttpsFailure("404")
        self.clock.advance(DAY * 10 - 1)
        self.policies = self.start()
        self.successResultOf(Deferred.fromCoroutine(self.policies.remember()))
        self.assertEqual(self.mode(), "enforce")
        self.clock.advance(1)
        self.assertEqual(self.mode(), "")

    def test_restart_over(self) -> None:
        """A policy whose time ended while nobody ran is forgotten; one that cannot be read is passed over."""
        self.mode()
        self.clock.advance(DAY * 10)
        self.resolver.table.clear()
        self.policies = self.start()
        self.successResultOf(Deferred.fromCoroutine(self.policies.remember()))
        self.assertEqual(self.held(), Held())
        self.successResultOf(Deferred.fromCoroutine(self.policies.refresh()))
        self.assertEqual(self.memory.policies, {})
        self.memory.put(KeptPolicy("b.test", "1", "<html>", self.wall(), self.wall() + SECOND))
        self.successResultOf(Deferred.fromCoroutine(self.policies.remember()))
        self.assertEqual(self.held(), Held())

    def test_clock_set_back(self) -> None:
        """A wall clock that was set back lets no policy hold for longer than it says."""
        self.mode()
        kept = self.memory.policies["b.test"]
        self.memory.put(KeptPolicy("b.test", "1", kept.text, kept.fetched_at, kept.until + 10**6 * SECOND))
        self.policies = self.start()
        self.successResultOf(Deferred.fromCoroutine(self.policies.remember()))
        self.resolver.table.clear()
        self.assertEqual(self.mode(), "enforce")
        self.clock.advance(DAY * 10)
        self.assertEqual(self.mode(), "")

    def test_refreshed_without_mail(self) -> None:
        """Without mail, too, a policy is fetched again each day, so that it never ends while the domain keeps it, and
        for as long as there was mail in the last month (RFC 8461 10.2)."""
        self.mode()
        self.refresh()
        self.assertEqual(len(self.https.urls), 1)
        for _ in range(12):
            self.clock.advance(DAY)
            self.refresh()
        self.assertEqual(len(self.https.urls), 13)
        self.resolver.table["_mta-sts.b.test", "TXT"] = ResolverFailure("silent")
        self.assertEqual(self.mode(), "enforce")
        self.record("1")
        for _ in range(round(UNUSED / DAY)):
            self.clock.advance(DAY)
            self.refresh()
        self.assertEqual(len(self.https.urls), 13 + round(UNUSED / DAY) - 1)

    def refresh(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.policies.refresh()))

    def test_not_written(self) -> None:
        """A policy that cannot be written down holds all the same."""
        self.memory.put = lambda policy: fail(ZeroDivisionError())  # type: ignore[method-assign]
        self.assertEqual((self.mode(), self.mode(), len(self.https.urls)), ("enforce", "enforce", 1))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_shared(self) -> None:
        """Who asks while a policy is fetched waits for the same."""
        self.https.text = None
        first, second = self.policies.of("b.test"), self.policies.of("b.test")
        self.assertNoResult(second)
        self.https.waiting[0].callback(ENFORCE.format(600))
        self.assertEqual(self.successResultOf(first), self.successResultOf(second))
        self.assertEqual(len(self.https.urls), 1)

    def test_failure_inside(self) -> None:
        """A failure inside is logged, and is no policy."""
        self.https.text = ZeroDivisionError()
        self.assertEqual(self.held(), Held())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
