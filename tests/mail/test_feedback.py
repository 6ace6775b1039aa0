"""Reports that come back by mail: as our own host writes them, as others do, and as nobody should."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.address import parse_mailbox
from mailrelay.mail.dsn import Undelivered, report
from mailrelay.mail.envelope import State
from mailrelay.mail.feedback import About, Fate, Feedback, read

POSTFIX = b"""\
From: MAILER-DAEMON@mx.b.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="6F1.1700000000/mx.b.example"

This is a MIME-encapsulated message.

--6F1.1700000000/mx.b.example
Content-Type: text/plain; charset=us-ascii

I'm sorry.

--6F1.1700000000/mx.b.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.b.example
Arrival-Date: Tue, 14 Nov 2023 22:13:20 +0000 (UTC)

Final-Recipient: rfc822; ann@b.example
Original-Recipient: rfc822;ann@b.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; in.b.example
Diagnostic-Code: smtp; 550 5.1.1 <ann@b.example>: Recipient address rejected:
    User unknown

Final-Recipient: rfc822; bob@b.example
Action: delayed
Status: 4.4.1

--6F1.1700000000/mx.b.example
Content-Type: message/rfc822

Return-Path: <b-x-y@bounces.relay.example>
Subject: Your order

body
--6F1.1700000000/mx.b.example--
"""

ARF = b"""\
From: <abusedesk@b.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part1"

--part1
Content-Type: text/plain

This is an email abuse report.
--part1
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <b-x-y@bounces.relay.example>
Original-Rcpt-To: <user@b.example>
Original-Rcpt-To: <other@b.example>
--part1
Content-Type: text/rfc822-headers

From: <news@shop.example>
Subject: Earn money
--part1--
"""


class ReadingTests(SynchronousTestCase):
    """What is read."""

    def test_another_host(self) -> None:
        """The notification of another host tells of each recipient, in LF and in CRLF."""
        for source in (POSTFIX, POSTFIX.replace(b"\n", b"\r\n")):
            found = read(source)
            self.assertIs(found.about, About.DELIVERY)
            said = "550 5.1.1 <ann@b.example>: Recipient address rejected:    User unknown"
            ann = Fate("ann@b.example", "failed", "5.1.1", said, "in.b.example")
            self.assertEqual(found.fates, (ann, Fate("bob@b.example", "delayed", "4.4.1")))
            self.assertIn(b"Subject: Your order\r\n", found.original)

    def test_our_own(self) -> None:
        """What our own host reports reads as it was meant."""
        undelivered = Undelivered(
            message="01ARZ3NDEKTSV4RRFFQ69G5FAV",
            recipient="01ARZ3NDEKTSV4RRFFQ69G5FAW",
            sender=parse_mailbox("news@shop.example"),
            address="ann@b.example",
            state=State.BOUNCED,
            reply="550 5.1.1 User unknown",
            host="mx.b.example",
            arrived_at=1_700_000_000_000_000,
            ended_at=1_700_000_001_000_000,
            attempted_at=1_700_000_001_000_000,
            source=b"Subject: x\r\n\r\nbody",
        )
        found = read(report(undelivered, "relay.example"))
        fate = Fate("ann@b.example", "failed", "5.1.1", "550 5.1.1 User unknown", "mx.b.example")
        self.assertEqual(found, Feedback(About.DELIVERY, (fate,), None, b"Subject: x\r\n"))

    def test_complaint(self) -> None:
        """A complaint tells its type, and the header of the message that was complained of."""
        found = read(ARF)
        self.assertIs(found.about, About.COMPLAINT)
        assert found.fields is not None
        self.assertEqual(found.fields["feedback-type"], "abuse")
        self.assertEqual(found.fields["original-rcpt-to"], "<user@b.example>")
        self.assertIn(b"Earn money", found.original)

    def test_no_report(self) -> None:
        """An answer of a person or a machine reports nothing."""
        for source in (b"", b"Subject: Out of office\r\n\r\nback soon", ARF.replace(b"feedback-report\n", b"x\n")):
            self.assertIs(read(source).about, About.NOTHING)

    @given(st.data())
    def test_mangled(self, data: st.DataObject) -> None:
        """Octets cut, doubled or exchanged anywhere give a report or none, never an error, nor
        anything that could act."""
        source = data.draw(st.sampled_from((POSTFIX, ARF)))
        begin, end = sorted(data.draw(st.tuples(*[st.integers(0, len(source))] * 2)))
        found = read(source[:begin] + data.draw(st.binary(max_size=50)) + source[end:])
        for fate in found.fates:
            self.assertTrue(
                "".join((fate.recipient, fate.action, fate.status, fate.diagnostic, fate.host)).isprintable()
            )

    def test_nested_without_end(self) -> None:
        """Ten thousand multiparts within each other cost no more than their length (M1, M4)."""
        opening = b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(10_000)
        )
        self.assertIs(read(opening).about, About.NOTHING)

    def test_many_recipients(self) -> None:
        """A notification about more recipients than anybody reads is read so far."""
        group = b"Final-Recipient: rfc822; a@b.example\nAction: failed\n\n"
        self.assertEqual(len(read(b"Content-Type: message/delivery-status\n\n" + group * 5000).fates), 1000)
