"""What comes back by SMTP, over the memory twin: who is believed, and what follows."""

from __future__ import annotations

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, execute
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.submission import AddressLogin, IConnection, ISubmission, MailParameters, Peer
from mailrelay.mail.address import parse_mailbox, verp
from mailrelay.mail.dsn import Undelivered, report
from mailrelay.mail.envelope import DAY, SECOND, Recipient, Settlement, State, Submission, ulid
from mailrelay.mail.event import Event
from mailrelay.mail.feedback import Fate
from mailrelay.mail.reply import Refusal, Reply
from mailrelay.relay.feedback import MAX_READ, Reader, ReturnPath, feedback_portal, reply_in
from mailrelay.relay.odd_bounce import fates
from mailrelay.run.returns import reports_dialect
from mailrelay.store.memory import MemoryEngagement, MemoryLedger, MemoryState

NOW = 1_700_000_000 * SECOND
KEY, DOMAIN = b"k" * 32, "bounces.relay.example"
PEER = Peer("192.0.2.1", "returns", "s1")

QMAIL = b"""\
From: MAILER-DAEMON@mx.b.example
Subject: failure notice

Hi. This is the qmail-send program at mx.b.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ann@b.example>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.
"""

COMPLAINT = """\
From: <fbl@provider.example>
To: <fbl@bounces.relay.example>
Subject: FW: Your order
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b1"

--b1
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report for a message received from IP 192.0.2.9.

--b1
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Provider-Feedback/2.0
Version: 1
Original-Mail-From: {mail_from}
Original-Rcpt-To: redacted@provider.example
Source-IP: 192.0.2.9

--b1
Content-Type: message/rfc822

{shown}From: Shop <news@shop.example>
Subject: Your order

Hello
--b1--
"""


def fired(deferred: Deferred[object]) -> object:
    found: list[object] = []
    deferred.addBoth(found.append)
    (result,) = found
    if isinstance(result, Failure):
        result.raiseException()
    return result


class FeedbackTests(SynchronousTestCase):
    """A delivered recipient, and what is sent to its return path."""

    def setUp(self) -> None:
        self.now = NOW
        self.numbers = iter(range(1000))
        self.state = MemoryState(balance={"shop": 10})
        self.ledger = MemoryLedger(self.state, "node")
        self.id = ulid(NOW, bytes(10))
        recipient = Recipient(self.id, "ann@b.example", "ann@b.example", "b.example")
        message = Submission("M", "shop", "c", "standard", "", "a@b", (recipient,), b"x", "x", NOW, NOW + DAY)
        fired(self.ledger.accept(message, True))
        fired(self.ledger.settle(Settlement(self.id, State.DELIVERED, at=NOW)))
        path = ReturnPath(DOMAIN, KEY, 30 * 86_400, frozenset({"abuse", "fbl"}))
        self.reader = Reader(path, self.ledger, MemoryEngagement(self.state), execute, lambda: self.now, self.new_id)
        self.portal: Portal = feedback_portal(self.reader, reports_dialect())
        self.verp = verp(self.id, DOMAIN, KEY)

    def new_id(self) -> str:
        return ulid(self.now, next(self.numbers).to_bytes(10, "big"))

    def transaction(self) -> ISubmission:
        _, connection, logout = fired(self.portal.login(AddressLogin(PEER, "feedback"), None, IConnection))  # type: ignore[misc]
        verifyObject(IConnection, connection)
        made: ISubmission = connection.submission(PEER)
        verifyObject(ISubmission, made)
        logout()
        return made

    def send(self, to: str, source: bytes) -> str:
        transaction = self.transaction()
        fired(transaction.mail(None, MailParameters()))
        fired(transaction.rcpt(parse_mailbox(to)))
        transaction.write(source.replace(b"\n", b"\r\n"))
        return str(fired(transaction.finish()))

    def dsn(self, reply: str = "550 5.1.1 User unknown") -> bytes:
        facts = Undelivered(
            "M",
            self.id,
            parse_mailbox(self.verp),
            "ann@b.example",
            State.BOUNCED,
            reply,
            "in.b.example",
            NOW,
            NOW,
            NOW,
            b"Subject: x\n",
        )
        return report(facts, "mx.b.example").replace(b"\r\n", b"\n")

    def forged(self, letter: str) -> str:
        local, _, domain = self.verp.partition("@")
        return f"{local[:-28]}{letter * 28}@{domain}"

    def complaint(self, kind: str = "abuse", mail_from: str = "<>", shown: str = "") -> bytes:
        return COMPLAINT.format(kind=kind, mail_from=mail_from, shown=shown).encode()

    @property
    def entry(self) -> tuple[State, str]:
        found = self.state.recipients[self.id]
        return found.state, self.state.suppressions.get(("shop", "ann@b.example"), "")

    def refused(self, to: str) -> str:
        refusal = self.failureResultOf(self.transaction().rcpt(parse_mailbox(to)), Refusal).value
        assert isinstance(refusal, Refusal)
        return refusal.key

    def test_bounce(self) -> None:
        """A DSN to the signed address makes the delivered recipient bounce and suppresses it; a second does nothing."""
        self.send(self.verp.upper(), self.dsn())
        self.assertEqual(self.entry, (State.BOUNCED, "hard_bounce"))
        self.assertEqual(self.state.recipients[self.id].last, "550 5.1.1 User unknown")
        self.send(self.verp, self.dsn("550 5.7.1 spam"))
        self.assertEqual(self.state.recipients[self.id].last, "550 5.1.1 User unknown")

    def test_not_over_yet(self) -> None:
        """A notice that it takes longer, that it arrived, or is no report (an auto-reply), changes nothing."""
        late = self.dsn().replace(b"Action: failed", b"Action: delayed")
        for source in (
            late,
            self.dsn().replace(b"Action: failed", b"Action: relayed"),
            b"Subject: Away\n\nI am away.\n",
        ):
            self.send(self.verp, source)
            self.assertEqual(self.entry, (State.DELIVERED, ""))

    def test_odd(self) -> None:
        """A bounce of no standard is read by its words, and classed by what is said of the address."""
        self.send(self.verp, QMAIL)
        self.assertEqual(self.entry, (State.BOUNCED, "hard_bounce"))

    def test_forged(self) -> None:
        """A forged address, an old one, one that is no recipient's, another mailbox or domain: 550, and each is logged
        once, however often it is tried (O14)."""
        forged = self.forged("a")
        stranger = self.verp.replace(DOMAIN, "relay.example")
        nobody = verp("NOID", DOMAIN, KEY)
        for to in (forged, stranger, nobody, f"ann@{DOMAIN}", f"postmaster@{DOMAIN}", forged):
            self.assertEqual(self.refused(to), "mailbox_unknown")
        self.now += 31 * DAY
        self.assertEqual(self.refused(self.verp), "mailbox_unknown")
        self.assertEqual(len(self.reader._logged), 6)
        for number in range(1200):
            self.reader.turned_down(str(number))
        self.assertEqual(len(self.reader._logged), 1000)

    def test_complaint(self) -> None:
        """A complaint at the address for them suppresses whom its header names, by any signed address in it."""
        self.send(f"FBL@{DOMAIN}", self.complaint(shown=f"Return-Path: <{self.verp}>\n"))
        self.assertEqual(self.entry, (State.DELIVERED, "complaint"))
        (act,) = self.state.acts[self.id]
        self.assertEqual((act.act, act.target, act.agent), (Event.COMPLAINED, "abuse", "Provider-Feedback/2.0"))
        self.send(f"abuse@{DOMAIN}", self.complaint(mail_from=f"<{self.verp}>"))
        self.assertEqual(len(self.state.acts[self.id]), 1)

    def test_complaint_at_the_return_path(self) -> None:
        """A complaint that comes to the signed address itself needs no other proof."""
        self.send(self.verp, self.complaint())
        self.assertEqual(self.entry, (State.DELIVERED, "complaint"))

    def test_not_believed(self) -> None:
        """A complaint that knows no signed address, only a forged one, or one in the body, hurts nobody; one that says
        that the mail was wanted does not either."""
        forged = self.forged("b")
        shown = f"Return-Path: <{forged}>\n"
        in_body = self.complaint().replace(b"Hello", f"Hello {self.verp}".encode())
        for source in (self.complaint(), self.complaint(shown=shown), in_body):
            self.send(f"fbl@{DOMAIN}", source)
        for kind in ("not-spam", "auth-failure"):
            self.send(self.verp, self.complaint(kind))
        self.assertEqual(self.entry, (State.DELIVERED, ""))

    def test_no_report_where_complaints_come(self) -> None:
        """What a person writes to the address of complaints is refused in the session, so that they know; a DSN too."""
        for source in (b"Subject: stop it\n\nplease\n", self.dsn()):
            with self.assertRaises(Refusal) as caught:
                self.send(f"abuse@{DOMAIN}", source)
            self.assertEqual(caught.exception.key, "message_unreadable")

    def test_bounded(self) -> None:
        """Of a report the first megabyte is kept in memory, whatever comes."""
        transaction = self.transaction()
        fired(transaction.rcpt(parse_mailbox(self.verp)))
        transaction.write(self.dsn().replace(b"\n", b"\r\n"))
        for _ in range(40):
            transaction.write(b"x" * 65_536)
        self.assertLessEqual(len(transaction._kept), MAX_READ)  # type: ignore[attr-defined]
        fired(transaction.finish())
        self.assertEqual(self.entry[0], State.BOUNCED)
        transaction.abort()

    def test_words(self) -> None:
        """The reply is what the host said; where it says less, the status tells, and without it a refusal is."""
        for fate, expected in (
            (Fate("", "failed", "5.1.1", "550 5.1.1 No such user"), Reply(550, "5.1.1", "No such user")),
            (Fate("", "failed", "5.1.1", "No such user"), Reply(550, "5.1.1", "No such user")),
            (Fate("", "failed", "4.4.7", "delivery time expired"), Reply(450, "4.4.7", "delivery time expired")),
            (Fate("", "failed", "5.0.0", "554 no"), Reply(554, "5.0.0", "no")),
            (Fate("", "failed", "", ""), Reply(550, None, "the report does not say why")),
        ):
            self.assertEqual(reply_in(fate), expected)

    def test_odd_bounds(self) -> None:
        """The detectors see no endless line, and one that fails makes nothing of a message."""
        self.assertEqual(fates(QMAIL + b"x" * 3000), ())
        (fate,) = fates(QMAIL)
        self.assertEqual((fate.recipient, fate.action), ("ann@b.example", "failed"))
        self.assertIn("no mailbox here by that name", fate.diagnostic)
        told = QMAIL.replace(b"Sorry, no mailbox here by that name. (#5.1.1)", b"host said: 550 5.7.1 not wanted")
        self.assertEqual(fates(told)[0].diagnostic, "550 5.7.1 not wanted")
