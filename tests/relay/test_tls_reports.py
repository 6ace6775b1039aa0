"""Reports about TLS: what is counted, and what becomes of a report (RFC 8460)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Coroutine
from dataclasses import replace
from email import message_from_bytes
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.https import HttpsFailure
from mailrelay.interfaces.resolver import ResolverFailure
from mailrelay.interfaces.tls_reports import TlsReport
from mailrelay.mail.address import Mailbox
from mailrelay.mail.answer import Answer
from mailrelay.mail.encryption import TlsPolicy
from mailrelay.mail.envelope import DAY, SECOND, Delivery, Hop, Submission
from mailrelay.mail.reply import Refusal
from mailrelay.mail.tls_report import Reporting
from mailrelay.relay.tls_reports import KEPT, TlsReporter
from mailrelay.relay.tls_sessions import KINDS, TOGETHER, TlsSessions
from mailrelay.store.memory.tls_reports import MemoryTlsReports

from .fakes import START
from .test_sts import FakeHttps
from .test_way import FakeResolver

WHO = Reporting("Shop Inc.", "tls@shop.test", Mailbox("tls", "shop.test"))
POLICY = TlsPolicy("sts", "b.test", ("version: STSv1",), ("mx.b.test",))
HOP = Hop("mx.b.test", 25, "sts", address="192.0.2.1", promise=POLICY)


class PostingHttps(FakeHttps):
    """Takes what is handed in, or fails."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[tuple[str, bytes, str]] = []
        self.failure: Exception | None = None

    def post(self, url: str, octets: bytes, kind: str) -> Deferred[None]:
        self.posted.append((url, octets, kind))
        return fail(self.failure) if self.failure else succeed(None)


class FakeLedger:
    """Accepts, or fails."""

    def __init__(self) -> None:
        self.accepted: list[Submission] = []
        self.failure: Exception | None = None

    def accept(self, submission: Submission, lease: bool) -> Deferred[list[Delivery]]:
        if self.failure is not None:
            return fail(self.failure)
        self.accepted.append(submission)
        return succeed([])


class ReporterCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.at = START - START % DAY + 5 * 3600 * SECOND
        self.day = self.at // DAY
        self.owned = "A"
        self.resolver, self.https, self.ledger = FakeResolver(), PostingHttps(), FakeLedger()
        self.reports = MemoryTlsReports()
        self.sessions = TlsSessions(lambda: self.at)
        self.reporter = self.reporting(WHO)
        self.numbers = iter(range(1000))

    def reporting(self, who: Reporting | None) -> TlsReporter:
        return TlsReporter(
            self.reports,
            self.sessions,
            self.resolver,
            self.https,
            self.ledger,  # type: ignore[arg-type]
            who,
            self.owner,
            lambda: self.at,
            lambda: f"ID{next(self.numbers)}",
        )

    async def owner(self, domain: str) -> str:
        return self.owned if domain == "shop.test" else ""

    def done(self, work: Coroutine[Any, Any, object]) -> None:
        self.successResultOf(Deferred.fromCoroutine(work))

    def write(self) -> None:
        self.done(self.reporter.write())

    def look(self) -> TlsReport:
        self.done(self.reporter.look())
        return self.reports.reports["b.test", self.day]

    def asks(self, rua: str) -> None:
        self.resolver.table["_smtp._tls.b.test", "TXT"] = Answer((f"v=TLSRPTv1; rua={rua}",))

    def yesterday(self) -> None:
        """Two sessions went well and one failed, on a day that is over."""
        for fault in ("", "", "certificate-expired"):
            self.sessions.told(HOP, fault, "words")
        self.write()
        self.at += DAY


class SessionTests(ReporterCase):
    def counted(self) -> dict[tuple[str, str, str], int]:
        self.write()
        return {(each.kind, each.result, each.host): count for each, count in self.reports.counted.items()}

    def test_counted(self) -> None:
        """Sessions are counted by policy and result; the host is told of failures alone. A fault of the policy counts
        against every session; a hop that nobody promised anything of is not counted."""
        for fault in ("", "", "certificate-expired"):
            self.sessions.told(HOP, fault, "words")
        self.sessions.told(replace(HOP, promise=replace(POLICY, fault="sts-policy-invalid")), "", "")
        self.sessions.told(replace(HOP, promise=None), "", "")
        self.assertEqual(
            self.counted(),
            {
                ("sts", "", ""): 2,
                ("sts", "certificate-expired", "mx.b.test"): 1,
                ("sts", "sts-policy-invalid", "mx.b.test"): 1,
            },
        )
        self.write()
        self.assertEqual(len(self.counted()), 3)

    def test_days(self) -> None:
        """Sessions of two days are told apart, at midnight UTC."""
        self.sessions.told(HOP, "", "")
        self.at += DAY
        self.sessions.told(HOP, "", "")
        self.write()
        self.assertEqual(sorted(self.reports.reports), [("b.test", self.day), ("b.test", self.day + 1)])

    def test_not_written(self) -> None:
        """What cannot be written down now is written down the next time, however much was written before it."""
        for number in range(TOGETHER + 1):
            self.sessions.told(replace(HOP, promise=replace(POLICY, domain=f"d{number}.test")), "", "")
        whole, parts = self.reports.add, iter([True])
        self.reports.add = lambda *given: (  # type: ignore[method-assign]
            whole(*given) if next(parts, False) else fail(ZeroDivisionError())
        )
        self.failureResultOf(Deferred.fromCoroutine(self.reporter.write()), ZeroDivisionError)
        self.reports.add = whole  # type: ignore[method-assign]
        self.write()
        self.assertEqual(set(self.reports.counted.values()), {1})
        self.assertEqual(len(self.reports.counted), TOGETHER + 1)
        self.reports.counted.clear()
        self.sessions.told(HOP, "", "")
        add, self.reports.add = self.reports.add, lambda *_: fail(ZeroDivisionError())  # type: ignore[method-assign]
        self.failureResultOf(Deferred.fromCoroutine(self.reporter.write()), ZeroDivisionError)
        self.sessions.told(HOP, "", "")
        self.reports.add = add  # type: ignore[method-assign]
        self.assertEqual(self.counted(), {("sts", "", ""): 2})

    def test_bounded(self) -> None:
        """No number of domains takes more memory than so many do."""
        for number in range(KINDS + 5):
            self.sessions.told(replace(HOP, promise=replace(POLICY, domain=f"d{number}.test")), "", "")
        self.assertEqual(len(self.counted()), 1)
        self.assertEqual(len(self.reports.counted), KINDS)


class ReportTests(ReporterCase):
    def test_by_mail(self) -> None:
        """A report leaves once, after its day, by our own queue: from and billed to nobody, by the route of reports."""
        self.asks("mailto:tls@r.test")
        self.sessions.told(HOP, "", "")
        self.write()
        self.assertEqual(self.look().status, "waiting")
        self.at += DAY
        self.assertEqual(self.look().status, "sent")
        self.look()
        (sent,) = self.ledger.accepted
        self.assertEqual((sent.sender, sent.connection, sent.billing, sent.account), ("", "", "none", "A"))
        self.assertEqual(([each.address for each in sent.recipients]), ["tls@r.test"])
        self.assertEqual((sent.instructions.route, sent.expires_at - sent.received_at), ("tls-reports", DAY))
        read = message_from_bytes(sent.source)
        self.assertEqual(read["TLS-Report-Domain"], "b.test")
        attached = read.get_payload()[1].get_payload(decode=True)  # type: ignore[union-attr]
        made = json.loads(gzip.decompress(attached))  # type: ignore[arg-type]
        self.assertEqual(made["policies"][0]["summary"]["total-successful-session-count"], 1)
        self.assertIn(made["report-id"], read["Subject"])

    def test_by_https(self) -> None:
        """A report is handed in by HTTPS as it is."""
        self.asks("https://r.test/tls")
        self.yesterday()
        report = self.look()
        self.assertEqual((report.status, report.sent_to, report.sent_at), ("sent", ("https://r.test/tls",), self.at))
        ((url, octets, kind),) = self.https.posted
        self.assertEqual((url, kind), ("https://r.test/tls", "application/tlsrpt+gzip"))
        summary = json.loads(gzip.decompress(octets))["policies"][0]["summary"]
        self.assertEqual(summary, {"total-successful-session-count": 2, "total-failure-session-count": 1})

    def test_tried_again(self) -> None:
        """What was not taken is tried again, and where it was taken it is not handed in twice; after a day it ends."""
        self.asks("mailto:tls@r.test,https://r.test/tls")
        self.https.failure = HttpsFailure("answered 500")
        self.yesterday()
        report = self.look()
        self.assertEqual((report.status, report.attempts, report.sent_to), ("waiting", 1, ("mailto:tls@r.test",)))
        self.assertIn("https://r.test/tls: answered 500", report.error)
        self.assertEqual(self.look().attempts, 1)
        while report.status == "waiting":
            self.at = report.due_at
            report = self.look()
        self.assertEqual((report.status, len(self.ledger.accepted)), ("given up", 1))
        self.assertTrue(5 < len(self.https.posted) < 30)

    def test_nobody_asks(self) -> None:
        """Where nobody asks for reports none is sent."""
        self.yesterday()
        self.assertEqual(self.look().status, "unwanted")
        self.assertEqual((self.ledger.accepted, self.https.posted), ([], []))

    def test_unknown(self) -> None:
        """While nobody knows who asks for it, or it cannot be queued, a report waits."""
        for answer in (Answer(rcode="SERVFAIL"), ResolverFailure("silent")):
            self.setUp()
            self.resolver.table["_smtp._tls.b.test", "TXT"] = answer
            self.yesterday()
            report = self.look()
            self.assertEqual((report.status, report.attempts), ("waiting", 1))
        self.asks("mailto:tls@r.test")
        self.ledger.failure = Refusal("temporary")
        self.at = report.due_at
        self.assertIn("not queued", self.look().error)

    def test_unsigned(self) -> None:
        """No report leaves by mail that nobody can sign; it says why, and so does the log at the start."""
        said: list[str] = []
        globalLogPublisher.addObserver(watch := lambda event: said.append(str(formatEvent(event))))
        self.addCleanup(globalLogPublisher.removeObserver, watch)
        self.done(self.reporter.warn())
        self.owned = ""
        self.done(self.reporter.warn())
        self.assertEqual(said, ["reports about TLS wait by mail: shop.test is no verified domain"])
        self.asks("mailto:tls@r.test")
        self.owned = ""
        self.yesterday()
        report = self.look()
        self.assertEqual((report.status, self.ledger.accepted), ("waiting", []))
        self.assertIn("shop.test is no verified domain of any account", report.error)

    def test_two_processes(self) -> None:
        """Of two processes one sends a report, also where the other looks meanwhile."""
        self.asks("https://r.test/tls")
        self.yesterday()
        other = self.reporting(WHO)
        change = self.reports.change

        def changed(report: TlsReport, into: TlsReport) -> Deferred[bool]:
            self.reports.change = change  # type: ignore[method-assign]
            self.done(other.look())
            return change(report, into)

        self.reports.change = changed  # type: ignore[method-assign]
        self.look()
        self.assertEqual(len(self.https.posted), 1)

    def test_off(self) -> None:
        """Where nobody reports nothing is written down or sent."""
        self.asks("https://r.test/tls")
        self.yesterday()
        self.reporter = self.reporting(None)
        self.assertEqual(self.look().status, "waiting")
        self.sessions.told(HOP, "", "")
        self.write()
        self.assertEqual(sum(self.reports.counted.values()), 3)

    def test_forgotten(self) -> None:
        """After two weeks nothing is left of a day."""
        self.yesterday()
        self.look()
        self.at += KEPT * DAY
        self.done(self.reporter.forget())
        self.assertEqual((self.reports.reports, self.reports.counted), ({}, {}))
