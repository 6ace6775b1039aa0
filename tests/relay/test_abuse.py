"""Hostile and large messages through whole transactions: who is judged is who is seen, and nothing is half taken."""

from __future__ import annotations

import email
from email import policy

from twisted.internet.defer import Deferred, fail

from mailrelay.interfaces.ledger import Undecided
from mailrelay.interfaces.submission import ISubmission
from mailrelay.mail.address import parse_mailbox
from mailrelay.mail.envelope import Capabilities
from mailrelay.mail.reply import Refusal
from mailrelay.relay.compose import compose
from mailrelay.relay.source import CHUNK
from mailrelay.store.memory import MemoryBodies, MemorySpool

from .test_submission import SOURCE, SubmissionTests

BODY = b"\r\nHello\r\n"


class RefusingSpool(MemorySpool):
    """Puts the first two chunks away, and no more."""

    def put(self, message: str, number: int, octets: bytes) -> Deferred[None]:
        return super().put(message, number, octets) if number < 3 else fail(Refusal("temporary", rule="store_busy"))


class AuthorTests(SubmissionTests):
    """Whose mail it is."""

    def test_from_tricks(self) -> None:
        """A message whose author can be read in two ways, or not at all, is refused (A11)."""
        for header, key in (
            (b"From: app@acme.test\r\nFrom: boss@bank.test\r\n", "from_ambiguous"),
            (b"From: app@acme.test\r\nfrom : boss@bank.test\r\n", "from_ambiguous"),
            (b"From: app@acme.test\nFrom: boss@bank.test\n", "from_ambiguous"),
            (b"From: app@acme.test\rFrom: boss@bank.test\r\n", "from_ambiguous"),
            (b"From: app@acme.test, boss@bank.test\r\n", "from_ambiguous"),
            (b"From: team: app@acme.test, other@acme.test;\r\n", "from_ambiguous"),
            (b"From:\r\n boss@bank.test\r\n", "domain_unknown"),
            (b"From : boss@bank.test\r\n", "domain_unknown"),
            (b'From: "app@acme.test" <boss@bank.test>\r\n', "domain_unknown"),
            (b"From: app@acme.test <boss@bank.test>\r\n", "domain_unknown"),
            (b"From: <app@acme.test> <boss@bank.test>\r\n", "from_unreadable"),
            (b"From: =?utf-8?q?app=40acme.test?=\r\n", "from_unreadable"),
            (b"From: boss@bank.test\r\nSender: app@acme.test\r\n", "domain_unknown"),
            (b"Sender: app@acme.test\r\n", "from_missing"),
            (b"Resent-From: app@acme.test\r\n", "from_missing"),
            (b"X: y\r\n\r\nFrom: app@acme.test\r\n", "from_missing"),
            (b"no field\r\nFrom: app@acme.test\r\n", "from_missing"),
        ):
            self.assertEqual(self.data_refused(header + BODY).key, key, header)

    def test_what_is_judged_is_what_is_read(self) -> None:
        """However line ends and fields are bent, the From that was judged is the one that another reader finds in what
        leaves (S14)."""
        for source in (
            b"From: app@acme.test\nSubject: a\nBcc: x@y.test\n\nb",
            b"From: app@acme.test\rSubject: a\r\rb",
            b"From: app@acme.test\r\n \r\n\t\r\nSubject: a\r\n\r\nFrom: boss@bank.test\r\n",
            b"From: app@acme.test\r\ncolonless\r\nFrom: boss@bank.test\r\n\r\nb",
            b">From x\r\nFrom: app@acme.test\r\n\r\nb",
            b"From\t: app@acme.test\r\n\r\nb",
        ):
            id = self.successResultOf(self.submit("b@b.test", source=source))
            ((delivery,), message) = self.scheduler.taken[-1]
            assert message is not None
            self.assertEqual(delivery.message, id)
            octets = compose(message, delivery, Capabilities(), "relay.test")
            self.assertEqual(octets.count(b"\r\n"), octets.count(b"\n"))
            read = email.message_from_bytes(octets, policy=policy.SMTP)
            self.assertEqual(read.get_all("From"), ["app@acme.test"], source)
            self.assertIsNone(read["Bcc"])


class RecipientTests(SubmissionTests):
    """Whose mailbox it is."""

    def test_one_domain_everywhere(self) -> None:
        """The domain that a recipient is routed, counted and suppressed by is the one of its address (P23, P25)."""
        for text, domain in (
            ('"victim@gmail.com x"@internal.test', "internal.test"),
            (r'"a\"@evil.test"@good.test', "good.test"),
            ('"=?utf-8?q?a=40b?="@h.test', "h.test"),
            ("a@bücher.example", "xn--bcher-kva.example"),
            ("a@XN--BCHER-KVA.example.", "xn--bcher-kva.example"),
        ):
            self.state.suppressions.clear()
            transaction = self.begin()
            mailbox = parse_mailbox(text)
            self.take(transaction, text)
            transaction.write(SOURCE)
            id = self.successResultOf(transaction.finish())
            (recipient,) = self.state.submissions[id].recipients
            self.assertEqual((recipient.destination, recipient.key.rpartition("@")[2]), (domain, domain))
            self.assertTrue(recipient.address.endswith(f"@{domain}"))
            self.state.suppressions["A", recipient.key] = "unsubscribe"
            self.assertEqual(self.rcpt_refused(self.begin(), text).key, "recipient_suppressed")
            self.assertEqual(mailbox.key, recipient.key)

    def test_suppressed_however_it_is_written(self) -> None:
        """Case, a trailing dot and the form of letters are no way around a suppression; a tag is another name (P26)."""
        self.state.suppressions["A", parse_mailbox("José@ex.test").key] = "complaint"
        for text in ("jose\u0301@EX.test", "JOSÉ@ex.test.", '"José"@Ex.Test'):
            self.assertEqual(self.rcpt_refused(self.begin(), text).key, "recipient_suppressed", text)
        self.take(self.begin(), "José+tag@ex.test")

    def test_far_too_many(self) -> None:
        """Of ten thousand recipients the first thousand are taken and sent to, the others put off (L3)."""
        self.state.balance["A"] = 100_000
        transaction = self.begin()
        for number in range(10_001):
            judged = transaction.rcpt(parse_mailbox(f"{number}@b.test"))
            if number < 1000:
                self.successResultOf(judged)
            else:
                self.assertEqual(self.refusal(judged).key, "too_many_recipients")
        transaction.write(SOURCE)
        id = self.successResultOf(transaction.finish())
        self.assertEqual(len(self.state.submissions[id].recipients), 1000)


class CredentialTests(SubmissionTests):
    def test_blocked_within_a_session(self) -> None:
        """A connection that is blocked while it is in session sends nothing from its next MAIL on (A9)."""
        self.successResultOf(self.submit("b@b.test"))
        avatar = self.avatar()
        self.change(status="blocked")
        self.assertEqual(self.refusal(self.mail(avatar.submission(self.peer))).key, "connection_inactive")


class LargeTests(SubmissionTests):
    """Messages that are put away while they come in."""

    def large(self, source: bytes) -> ISubmission:
        transaction = self.begin()
        self.take(transaction, "b@b.test")
        for start in range(0, len(source), 50_000):
            transaction.write(source[start : start + 50_000])
        return transaction

    def test_accepted(self) -> None:
        """A large message is stored whole, our Received on top, and is to be read back by who sends it (L5)."""
        source = SOURCE + b"x" * 76 + b"\r\n" + b"\n".join([b"y" * 70] * 20_000)
        id = self.successResultOf(self.large(source).finish())
        submission = self.state.submissions[id]
        stored = self.successResultOf(MemoryBodies(self.state).read(id))
        self.assertTrue(stored.startswith(b"Received: by us id " + id.encode()))
        self.assertEqual(stored.partition(b"\r\n")[2], source.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        self.assertEqual((submission.size, submission.subject), (len(stored), "Grüße"))
        ((_, message),) = self.scheduler.taken
        self.assertIsNone(message)

    def test_refused(self) -> None:
        """Whatever is refused at the end leaves nothing in the spool (law 2)."""
        tail = b"x" * 300_000
        for source, key in (
            (SOURCE.replace(b"acme", b"unknown") + tail, "domain_unknown"),
            (SOURCE + tail + b"\0" + tail, "bad_content"),
            (SOURCE + b"x" * 26_214_400, "message_too_big"),
        ):
            self.assertEqual(self.refusal(self.large(source).finish()).key, key)
            self.assertEqual(self.state.spooled, {})
        self.state.failures.append(Refusal("temporary", rule="not_committed"))
        self.assertEqual(self.refusal(self.large(SOURCE + tail).finish()).key, "temporary")
        self.assertEqual(self.state.spooled, {})

    def test_undecided(self) -> None:
        """Where nobody knows whether the message was committed, its spool is left alone (law 1)."""
        for failure in (Undecided(), OSError("disk")):
            self.state.spooled.clear()
            self.state.failures.append(failure)
            self.assertIs(self.failureResultOf(self.large(SOURCE + b"x" * 300_000).finish()).value, failure)
            self.assertEqual(len(self.state.spooled), 1)

    def test_aborted(self) -> None:
        """A client that leaves within a message leaves nothing in the spool (P16)."""
        transaction = self.large(SOURCE + b"x" * 600_000)
        self.assertEqual(len(self.state.spooled), 1)
        transaction.abort()
        self.assertEqual((self.state.spooled, self.state.submissions), ({}, {}))

    def test_spool_that_fails(self) -> None:
        """A chunk that could not be committed puts off the whole message, and nothing of it stays (D4)."""
        self.spool = RefusingSpool(self.state)
        refused = self.refusal(self.large(SOURCE + b"x" * 5 * CHUNK).finish())
        self.assertEqual((refused.key, self.state.spooled, self.state.submissions), ("temporary", {}, {}))

    def test_headers(self) -> None:
        """A header without measure is refused whatever it is made of, and at no cost; a large body is none (L6)."""
        for header in (
            b"X: " + b"y" * 1_000_000 + b"\r\n",
            b"X: y\r\n" * 100_000,
            b"X:\r\n" + b" y\r\n" * 400_000,
            b"Y: z\r\n" * 1_700_000,
        ):
            for source in (SOURCE.partition(b"\r\n\r\n")[0] + b"\r\n" + header + BODY, header + SOURCE):
                self.assertEqual(self.refusal(self.large(source).finish()).key, "header_too_big")
                self.assertEqual(self.state.spooled, {})
        self.successResultOf(self.large(SOURCE + b"X: y\r\n" * 100_000).finish())
        self.successResultOf(self.large(SOURCE + b"y" * 1_000_000).finish())
        self.successResultOf(
            self.large(SOURCE.replace(b"\r\n\r\n", b"\r\nX: " + b"y" * 130_000 + b"\r\n\r\n")).finish()
        )
