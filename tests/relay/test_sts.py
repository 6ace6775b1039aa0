"""Policies of MTA-STS as they are kept (RFC 8461; T13)."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailrelay.interfaces.https import HttpsFailure, IHttps
from mailrelay.interfaces.resolver import ResolverFailure
from mailrelay.mail.answer import Answer
from mailrelay.relay.sts import AGAIN, DAY, Held, StsPolicies

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
        self.policies = StsPolicies(self.resolver, self.https, self.clock.seconds)
        self.record("1")

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
