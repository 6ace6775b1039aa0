"""The sandbox's receiving host keeps what it accepts as it came; some recipients make it refuse, put off or wait."""

from __future__ import annotations

import os

from twisted.cred.portal import Portal
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.sandbox import Kept
from mailrelay.interfaces.submission import AddressLogin, IConnection, ISubmission, MailParameters, Peer
from mailrelay.mail.address import Mailbox
from mailrelay.mail.reply import Refusal
from mailrelay.run.inbox import SqliteInbox
from mailrelay.run.sink import SLOW, Act, Sink, _Attempts, sink_dialect, sink_portal, subject_of

PEER = Peer("127.0.0.1", "sink", "s1")
SOURCE = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n"


class SinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = self.mktemp()
        os.makedirs(folder)
        self.clock = Clock()
        self.inbox = SqliteInbox(os.path.join(folder, "box"), lambda call: call(), lambda call: call())
        self.addCleanup(self.inbox.close)
        self.sink = Sink(self.inbox, sink_dialect(), self.clock, lambda: 42)

    def begin(self, *recipients: str, sender: Mailbox | None = None) -> ISubmission:
        submission = self.sink.submission(PEER)
        self.assertIsNone(self.successResultOf(submission.mail(sender, MailParameters())))
        for recipient in recipients:
            local, _, domain = recipient.partition("@")
            self.successResultOf(submission.rcpt(Mailbox(local, domain)))
        return submission

    def send(self, *recipients: str, source: bytes = SOURCE) -> str:
        """The queue id, or the reply to what was turned down after the message."""
        submission = self.begin(*recipients)
        submission.write(source)
        return self.answer(submission)

    def answer(self, submission: ISubmission) -> str:
        replies: list[str] = []
        submission.finish().addCallbacks(replies.append, lambda failure: replies.append(self.reply_to(failure.value)))
        return replies[0]

    def reply_to(self, refusal: Refusal) -> str:
        self.assertIsInstance(refusal, Refusal)
        return str(self.sink.dialect.reply(refusal.key, **refusal.fields))

    def refused(self, recipient: str) -> str:
        local, _, domain = recipient.partition("@")
        return self.reply_to(self.failureResultOf(self.begin().rcpt(Mailbox(local, domain)), Refusal).value)

    def kept(self) -> list[Kept]:
        return list(self.successResultOf(self.inbox.messages(100)))

    def test_login(self) -> None:
        """Whoever reaches the port is let in, without AUTH, to a connection that speaks the sink's own texts."""
        portal = sink_portal(self.sink)
        self.assertIsInstance(portal, Portal)
        login = portal.login(AddressLogin(PEER, "sink"), None, IConnection)
        _, avatar, logout = self.successResultOf(login)
        verifyObject(IConnection, avatar)
        verifyObject(ISubmission, avatar.submission(PEER))
        self.assertNotIn("AUTH", avatar.dialect.extensions)
        for offered in ("PIPELINING", "8BITMIME", "SIZE", "SMTPUTF8", "ENHANCEDSTATUSCODES"):
            self.assertIn(offered, avatar.dialect.extensions)
        logout()

    def test_keeps_one_record_per_transaction(self) -> None:
        """A transaction is one record: all recipients in one text, the octets as received, the subject decoded."""
        submission = self.begin("Bob@example.com", "ann@example.org", sender=Mailbox("b-1", "bounce.example"))
        submission.write(SOURCE[:10])
        submission.write(SOURCE[10:])
        id = self.answer(submission)
        (kept,) = self.kept()
        self.assertEqual(
            kept, Kept(id, 42, "b-1@bounce.example", "Bob@example.com, ann@example.org", "Grüße", len(SOURCE))
        )
        self.assertEqual(self.successResultOf(self.inbox.source(id)), SOURCE)

    def test_null_sender(self) -> None:
        """A bounce is taken as any mail."""
        self.send("bob@example.com")
        self.assertEqual(self.kept()[0].mail_from, "")

    def test_refused_recipients(self) -> None:
        """`hard-bounce` and `mailbox-full` are refused at RCPT: any domain, any case, with `+anything` or without."""
        for local in ("hard-bounce", "HARD-Bounce", "hard-bounce+1", "hard-bounce+a+b", "Hard-bounce+"):
            self.assertTrue(self.refused(f"{local}@any.example").startswith("550 5.1.1 "), local)
        for local in ("mailbox-full", "Mailbox-FULL+x"):
            self.assertTrue(self.refused(f"{local}@other.example").startswith("552 5.2.2 "), local)

    def test_ordinary_recipients(self) -> None:
        """What only resembles such a recipient is ordinary."""
        for local in ("hard-bounce-1", "xhard-bounce", "+hard-bounce", "hardbounce", "slow.", "a+slow", ""):
            self.assertIs(Act.of(Mailbox(local, "example.com")), Act.ACCEPT, local)

    def test_refused_beside_accepted(self) -> None:
        """A recipient that was refused is not part of the record."""
        submission = self.begin("bob@example.com")
        self.failureResultOf(submission.rcpt(Mailbox("hard-bounce", "example.com")), Refusal)
        submission.write(SOURCE)
        self.answer(submission)
        self.assertEqual(self.kept()[0].rcpt_to, "bob@example.com")

    def test_soft_bounce(self) -> None:
        """`soft-bounce` puts a message off twice, then takes it; only the third attempt is kept."""
        for _ in range(2):
            self.assertTrue(self.send("Soft-Bounce+x@example.com").startswith("450 4.2.0 "))
        self.assertEqual(self.kept(), [])
        id = self.send("Soft-Bounce+x@example.com")
        self.assertEqual([kept.id for kept in self.kept()], [id])

    def test_soft_bounce_counts_per_message(self) -> None:
        """Each message, and each recipient of it, is counted alone, however the attempts are mixed."""
        answers = [
            self.send(f"soft-bounce+{recipient}@example.com", source=b"Subject: %d\r\n\r\n" % number)
            for _ in range(3)
            for number in range(3)
            for recipient in "ab"
        ]
        self.assertEqual([answer[:4] == "450 " for answer in answers], [True] * 12 + [False] * 6)

    def test_soft_bounce_begins_anew_after_acceptance(self) -> None:
        """The same octets once more are a new message."""
        answers = [self.send("soft-bounce@example.com")[:4] for _ in range(4)]
        self.assertEqual([answer == "450 " for answer in answers], [True, True, False, True])

    def test_counts_are_bounded(self) -> None:
        """No more messages are counted than there is room for; the one not seen for longest begins anew."""
        attempts = _Attempts(room=2)
        for number in (1, 2, 1, 3):
            attempts.puts_off(["a"], b"%d" % number)
        self.assertFalse(attempts.puts_off(["a"], b"1"))
        self.assertTrue(attempts.puts_off(["a"], b"2"))
        self.assertTrue(attempts.puts_off(["a"], b"2"))

    def test_slow(self) -> None:
        """`slow` is kept and answered five seconds after the message, not before."""
        submission = self.begin("slow+1@example.com")
        submission.write(SOURCE)
        answer = submission.finish()
        self.clock.advance(SLOW - 0.01)
        self.assertNoResult(answer)
        self.assertEqual(self.kept(), [])
        self.clock.advance(0.01)
        self.assertEqual(self.successResultOf(answer), self.kept()[0].id)

    def test_slow_and_gone(self) -> None:
        """A client that goes away while it waits leaves no mail and no timer."""
        submission = self.begin("slow@example.com")
        submission.write(SOURCE)
        answer = submission.finish()
        submission.abort()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(SLOW)
        self.assertEqual(self.kept(), [])

    def test_aborted(self) -> None:
        """A transaction without a message leaves nothing."""
        submission = self.begin("bob@example.com")
        submission.write(SOURCE)
        submission.abort()
        self.assertEqual(self.kept(), [])

    def test_subject(self) -> None:
        """The subject is one decoded line, and "" when there is none."""
        self.assertEqual(subject_of(b"From: a\r\nSUBJECT: a\r\n b\r\n\r\n"), "a b")
        self.assertEqual(subject_of(b"no header at all"), "")
        self.assertEqual(subject_of(b""), "")
