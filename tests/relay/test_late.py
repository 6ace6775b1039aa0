"""Late login: who speaks is judged with the message, and until then only what can be asked of anybody."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface.verify import verifyObject

from mailrelay.interfaces.directory import ConnectionFacts
from mailrelay.interfaces.submission import IConnection, ISubmission, Peer
from mailrelay.mail.address import parse_mailbox
from mailrelay.mail.envelope import SECOND, State
from mailrelay.mail.reply import Refusal
from mailrelay.policy.control_header import ControlHeader, ControlHeaders
from mailrelay.relay.late import LateConnection

from .fakes import START
from .test_submission import SOURCE, SubmissionTests

KEYED = b"X-Auth-Key: from-header\r\n" + SOURCE


class LateTests(SubmissionTests):
    """C1 logs in by either of two keys."""

    def setUp(self) -> None:
        super().setUp()
        key = ControlHeader("X-Auth-Key", False, "api_key", "text")
        self.spoken = replace(self.spoken, headers=ControlHeaders((key,)), credentials_at="data", recipients=2)
        self.secret = "from-auth"
        self.asked: list[str] = []

    def log_in(self, peer: Peer, secret: str) -> Deferred[ConnectionFacts]:
        self.assertEqual(peer, self.peer)
        self.asked.append(secret)
        if not secret:
            return fail(Refusal("api_key_missing", rule="login"))
        if secret not in ("from-auth", "from-header"):
            return fail(Refusal("api_key_refused", rule="login"))
        return succeed(self.state.connections["C1"])

    def begin(self, sender: str = "app@acme.test", size: int = 0) -> ISubmission:
        transaction = self.late().submission(self.peer)
        self.successResultOf(self.mail(transaction, sender, size))
        return transaction

    def late(self) -> LateConnection:
        return LateConnection(self.intake(), self.spoken, self.log_in, self.secret)

    def test_interfaces(self) -> None:
        """Avatar and transaction are what their borders say."""
        verifyObject(IConnection, self.late())
        verifyObject(ISubmission, self.late().submission(self.peer))

    def test_by_header_or_by_auth(self) -> None:
        """The header beats AUTH, AUTH serves without a header; the key is stored nowhere (law 10)."""
        for source, secret in ((SOURCE, "from-auth"), (KEYED, "from-header")):
            id = self.successResultOf(self.submit("a@b.test", source=source))
            submission = self.state.submissions[id]
            self.assertEqual((self.asked[-1], submission.account, submission.connection), (secret, "A", "C1"))
            self.assertTrue(submission.source.endswith(b"\r\n" + SOURCE))
            self.assertNotIn(secret, repr(submission))
        rules = [verdict["rule"] for verdict in submission.verdicts]
        self.assertEqual([rules.count(rule) for rule in ("listener", "login", "domain_known", "rate")], [1] * 4)
        self.assertEqual(self.state.balance["A"], 8)

    def test_no_key_or_a_wrong_one(self) -> None:
        """Without a key, or with a wrong one, the message is refused by the reply for that; what is kept of it names no
        connection and no key."""
        for secret, reply in (("", "api_key_missing"), ("wrong", "api_key_refused")):
            self.secret = secret
            self.assertEqual(self.data_refused(SOURCE).key, reply)
            name, account, address, stage, verdicts = self.verdicts.kept[-1]
            self.assertEqual((name, account, address, stage), ("", "", "192.0.2.1", "login"))
            self.assertEqual([verdict["rule"] for verdict in verdicts], ["listener", "login"])
            self.assertNotIn("wrong", repr(verdicts))
        self.secret = "from-auth"
        self.assertEqual(self.data_refused(KEYED.replace(b"from-h", b"h")).key, "api_key_refused")

    def test_anybody_is_asked_little(self) -> None:
        """At MAIL and RCPT only what holds for everybody refuses."""
        self.state.balance["A"] = 0
        transaction = self.begin("a@unknown.test")
        self.take(transaction, "a@b.test", "A@b.test", "b@b.test", "a@b.test")
        self.assertEqual(self.rcpt_refused(transaction, "c@b.test").key, "too_many_recipients")
        self.paused = True
        self.assertEqual(self.refusal(self.mail(self.late().submission(self.peer))).key, "unavailable")
        self.paused, self.free_space = False, 0
        self.assertEqual(self.refusal(self.mail(self.late().submission(self.peer))).key, "storage_full")
        self.free_space = 1000
        self.assertEqual(self.refusal(self.mail(self.late().submission(self.peer), size=1 << 30)).key, "size_exceeded")

    def test_everything_is_judged_in_the_end(self) -> None:
        """Once it is known who speaks, every rule of MAIL and RCPT is asked, and the first that refuses answers for the
        message."""
        self.assertEqual(self.refusal(self.submit("b@b.test", sender="a@unknown.test")).key, "domain_unknown")
        self.state.full["A", "full@b.test"] = START
        self.assertEqual(self.refusal(self.submit("a@b.test", "full@b.test")).key, "mailbox_limit")
        self.assertEqual(self.verdicts.kept[-1][:2], ("C1", "A"))
        self.state.balance["A"] = 1
        self.assertEqual(self.refusal(self.submit("a@b.test", "b@b.test")).key, "balance_short")
        self.change(rate=1, rate_period=60, rate_burst=1)
        self.successResultOf(self.submit("a@b.test"))
        self.state.balance["A"] = 9
        self.assertEqual(self.refusal(self.submit("a@b.test")).key, "rate_limited")
        self.clock.advance(60 * SECOND)
        self.change(status="blocked")
        self.assertEqual(self.refusal(self.submit("a@b.test")).key, "connection_inactive")

    def test_suppressed_in_silence(self) -> None:
        """A suppressed recipient is found out at the end, too, and is on record."""
        self.spoken = replace(self.spoken, suppressed="drop")
        self.state.suppressions["A", "out@b.test"] = "unsubscribe"
        self.successResultOf(self.submit("out@b.test", "in@b.test"))
        states = {entry.key: entry.state for entry in self.state.recipients.values()}
        self.assertEqual(states, {"out@b.test": State.SUPPRESSED, "in@b.test": State.QUEUED})

    def test_abort(self) -> None:
        """After abort nothing of the transaction is kept."""
        transaction = self.begin()
        self.take(transaction, "a@b.test")
        transaction.abort()
        self.assertEqual((self.successResultOf(transaction.rcpt(parse_mailbox("a@b.test"))), self.asked), (None, []))
