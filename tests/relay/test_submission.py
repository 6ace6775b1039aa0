"""One transaction: what is refused at which stage, what is kept of it, and when success may be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.directory import RecipientFacts
from mailrelay.interfaces.ledger import Undecided
from mailrelay.interfaces.submission import IConnection, ISubmission, MailParameters, Peer
from mailrelay.interfaces.templates import Template
from mailrelay.interfaces.verdicts import IVerdicts
from mailrelay.mail.address import parse_mailbox
from mailrelay.mail.envelope import SECOND, Delivery, State, Submission
from mailrelay.mail.message import Message
from mailrelay.mail.reply import Refusal
from mailrelay.relay.intake import Intake
from mailrelay.relay.submission import SubmittingConnection, Transaction
from mailrelay.store.counters import MemoryCounters
from mailrelay.store.memory import MemoryDirectory, MemoryLedger, MemorySpool, MemoryState
from mailrelay.store.memory.files import MemoryFiles
from tests.rendering import RenderHere

from .fakes import DIALECTS, START, KeptVerdicts, connection, logged, peer, told

SOURCE = b"From: Shop <app@acme.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n"


class HandLedger(MemoryLedger):
    """Commits when the test says so."""

    def __init__(self, state: MemoryState, node: str) -> None:
        super().__init__(state, node)
        self.asked: list[tuple[Submission, bool, Deferred[Sequence[Delivery]]]] = []

    def accept(self, submission: Submission, lease: bool) -> Deferred[Sequence[Delivery]]:
        answer: Deferred[Sequence[Delivery]] = Deferred()
        self.asked.append((submission, lease, answer))
        return answer

    def commit(self) -> None:
        submission, lease, answer = self.asked.pop(0)
        super().accept(submission, lease).chainDeferred(answer)


class SlowDirectory(MemoryDirectory):
    """Answers about recipients when the test says so."""

    def __init__(self, state: MemoryState) -> None:
        super().__init__(state)
        self.asked: list[tuple[str, str, Deferred[RecipientFacts]]] = []

    def recipient(self, account: str, key: str) -> Deferred[RecipientFacts]:
        answer: Deferred[RecipientFacts] = Deferred()
        self.asked.append((account, key, answer))
        return answer

    def answer(self) -> None:
        account, key, answer = self.asked.pop(0)
        super().recipient(account, key).chainDeferred(answer)


class Scheduled:
    """A scheduler that only notes what it is handed."""

    def __init__(self) -> None:
        self.room = True
        self.taken: list[tuple[Sequence[Delivery], Message | None]] = []

    def has_room(self, submission: Submission) -> bool:
        return self.room

    def take(self, deliveries: Sequence[Delivery], message: Message | None) -> None:
        self.taken.append((deliveries, message))


class SubmissionTests(SynchronousTestCase):
    """Account A with ten sends; acme.test and other.test are verified, new.test is not; C1 sends for acme.test."""

    dialect = "standard"

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START / SECOND)
        self.state = MemoryState(balance={"A": 10})
        self.state.domains = {
            ("A", "acme.test"): "verified",
            ("A", "other.test"): "verified",
            ("A", "new.test"): "unverified",
        }
        self.directory: MemoryDirectory = MemoryDirectory(self.state)
        self.ledger: MemoryLedger = MemoryLedger(self.state, "N1")
        self.spool = MemorySpool(self.state)
        self.scheduler = Scheduled()
        self.verdicts = KeptVerdicts()
        self.counters = MemoryCounters(self.clock)
        self.renderer = RenderHere()
        self.aside: Callable[..., Any] = execute
        self.files = MemoryFiles()
        self.paused = False
        self.free_space = 1000
        self.link_key = 0
        self.numbers = count()
        self.peer = peer()
        self.spoken = DIALECTS.get(self.dialect)
        self.change()

    def change(self, **changes: Any) -> None:
        """The connection is changed by the command line."""
        self.state.connections["C1"] = connection(dialect=self.dialect, **changes)

    def avatar(self) -> SubmittingConnection:
        return SubmittingConnection(self.intake(), self.state.connections["C1"], self.spoken)

    def intake(self) -> Intake:
        return Intake(
            directory=self.directory,
            ledger=self.ledger,
            spool=self.spool,
            counters=self.counters,
            verdicts=self.verdicts,
            scheduler=self.scheduler,
            trace=lambda id, at, peer: f"Received: by us id {id}; {at} {peer.session}\r\n".encode(),
            paused=lambda: self.paused,
            free_space=lambda: self.free_space,
            free_space_floor=1000,
            renderer=self.renderer,
            aside=self.aside,
            files=self.files,
            now=lambda: int(self.clock.seconds() * SECOND),
            random=lambda octets: next(self.numbers).to_bytes(octets, "big"),
            lifetime=3600,
            mailbox_full=86_400,
            routes=frozenset({"ours"}),
            link_key=lambda: self.link_key,
        )

    def begin(self, sender: str = "app@acme.test", size: int = 0) -> ISubmission:
        """A transaction whose MAIL was accepted."""
        transaction = self.avatar().submission(self.peer)
        self.successResultOf(self.mail(transaction, sender, size))
        return transaction

    def mail(self, transaction: ISubmission, sender: str = "app@acme.test", size: int = 0) -> Deferred[None]:
        return transaction.mail(parse_mailbox(sender) if sender else None, MailParameters(size=size))

    def mail_refused(self, sender: str = "app@acme.test", size: int = 0) -> Refusal:
        return self.refusal(self.mail(self.avatar().submission(self.peer), sender, size))

    def take(self, transaction: ISubmission, *recipients: str) -> None:
        for recipient in recipients:
            self.successResultOf(transaction.rcpt(parse_mailbox(recipient)))

    def rcpt_refused(self, transaction: ISubmission, recipient: str) -> Refusal:
        return self.refusal(transaction.rcpt(parse_mailbox(recipient)))

    def refusal(self, deferred: Deferred[Any]) -> Refusal:
        error = self.failureResultOf(deferred, Refusal).value
        assert isinstance(error, Refusal)
        return error

    def submit(self, *recipients: str, source: bytes = SOURCE, sender: str = "app@acme.test") -> Deferred[str]:
        """A whole transaction, all of whose envelope is accepted."""
        transaction = self.begin(sender)
        self.take(transaction, *recipients)
        step = 7 + len(source) // 100
        for start in range(0, len(source), step):
            transaction.write(source[start : start + step])
        return transaction.finish()

    def data_refused(self, source: bytes, sender: str = "app@acme.test") -> Refusal:
        refusal = self.refusal(self.submit("b@b.test", source=source, sender=sender))
        self.assertEqual((self.state.submissions, self.scheduler.taken), ({}, []))
        return refusal


class MailTests(SubmissionTests):
    def test_interfaces(self) -> None:
        """Avatar, transaction and the book of refusals are what their borders say."""
        verifyObject(IConnection, self.avatar())
        verifyObject(ISubmission, self.avatar().submission(self.peer))
        verifyObject(IVerdicts, self.verdicts)

    def test_refusals(self) -> None:
        """Each rule of MAIL refuses by its own reply; the first that refuses answers."""
        self.assertEqual(self.mail_refused("a@unknown.test").key, "domain_unknown")
        self.assertEqual(self.mail_refused("a@new.test").key, "domain_unverified")
        self.assertEqual(self.mail_refused(size=1 << 30).key, "size_exceeded")
        self.state.balance["A"] = 0
        self.assertEqual(self.mail_refused().key, "balance_short")
        self.change(status="blocked")
        self.assertEqual(self.mail_refused().key, "connection_inactive")
        self.free_space = 999
        self.assertEqual(self.mail_refused().key, "storage_full")
        self.paused = True
        self.assertEqual(self.mail_refused().key, "unavailable")

    def test_null_sender(self) -> None:
        """The null sender passes MAIL, whatever the account's domains are."""
        self.state.domains = {}
        self.begin("")

    def test_verdicts_of_a_refusal(self) -> None:
        """Of a refusal every decision up to it is kept, with what it saw (law 11)."""
        self.mail_refused("a@new.test")
        ((connection_id, account, address, stage, verdicts),) = self.verdicts.kept
        self.assertEqual((connection_id, account, address, stage), ("C1", "A", "192.0.2.1", "mail"))
        self.assertEqual([verdict["allowed"] for verdict in verdicts], [True] * (len(verdicts) - 1) + [False])
        self.assertEqual(verdicts[-1]["rule"], "domain_verified")
        self.assertEqual(verdicts[-1]["facts"], {"domain": "new.test", "status": "unverified"})

    def test_rate(self) -> None:
        """One unit for each message; who is too fast is told the seconds, rounded up."""
        self.change(rate=10, rate_period=60, rate_burst=2)
        self.begin()
        self.clock.advance(0.5)
        self.begin()
        refusal = self.mail_refused()
        self.assertEqual((refusal.key, refusal.fields["seconds"]), ("rate_limited", 6))
        self.assertEqual(self.verdicts.kept[-1][3], "rate")
        self.clock.advance(6)
        self.begin()

    def test_rate_unit_for_good_mail_only(self) -> None:
        """A MAIL that any other rule refuses takes no unit of the rate."""
        self.change(rate=1, rate_period=3600, rate_burst=1)
        for _ in range(5):
            self.mail_refused("a@unknown.test")
        self.paused = True
        self.mail_refused()
        self.paused = False
        self.begin()
        self.assertEqual(self.mail_refused().key, "rate_limited")

    def test_changes_hold_in_long_sessions(self) -> None:
        """What the command line changes about a connection holds from the session's next MAIL on."""
        avatar = self.avatar()
        self.successResultOf(self.mail(avatar.submission(self.peer)))
        self.change(rate=1, rate_period=60, rate_burst=1)
        self.successResultOf(self.mail(avatar.submission(self.peer)))
        self.assertEqual(self.refusal(self.mail(avatar.submission(self.peer))).key, "rate_limited")
        self.change(status="blocked")
        self.assertEqual(self.refusal(self.mail(avatar.submission(self.peer))).key, "connection_inactive")
        self.change()
        self.successResultOf(self.mail(avatar.submission(self.peer)))

    def test_inside_failure(self) -> None:
        """What fails inside is no refusal: it comes out as it is, for the server to log and to answer temporarily."""
        del self.state.connections["C1"]
        self.state.connections["C1"] = connection()
        avatar = self.avatar()
        del self.state.connections["C1"]
        self.failureResultOf(self.mail(avatar.submission(self.peer)), KeyError)
        self.assertEqual(self.verdicts.kept, [])


class OwnDomainTests(SubmissionTests):
    """A dialect in which a connection sends for its own domain alone."""

    dialect = "emailmassivo"

    def test_same_rule_for_mail_and_from(self) -> None:
        """MAIL FROM and the From field are judged by the same rule, each with its reply."""
        self.assertEqual(self.mail_refused("a@other.test").key, "sender_disallowed")
        foreign = SOURCE.replace(b"acme.test", b"other.test")
        self.assertEqual(self.data_refused(foreign).key, "from_disallowed")
        self.assertEqual(self.data_refused(foreign, sender="").key, "from_disallowed")
        self.begin("anybody@acme.test")


class RcptTests(SubmissionTests):
    def test_refusals(self) -> None:
        """Each rule of RCPT refuses its recipient alone; the others are sent to."""
        self.state.suppressions["A", "out@b.test"] = "unsubscribe"
        self.state.full["A", "full@b.test"] = START - 3600 * SECOND
        transaction = self.begin()
        self.assertEqual(self.rcpt_refused(transaction, "Out@b.test").key, "recipient_suppressed")
        self.assertEqual(self.rcpt_refused(transaction, "full@b.test").key, "mailbox_limit")
        self.take(transaction, "in@b.test")
        transaction.write(SOURCE)
        self.successResultOf(transaction.finish())
        self.assertEqual([entry.key for entry in self.state.recipients.values()], ["in@b.test"])

    def test_full_mailbox_for_a_day(self) -> None:
        """A mailbox found full is tried again after a day."""
        self.state.full["A", "full@b.test"] = START - 86_400 * SECOND
        self.take(self.begin(), "full@b.test")

    def test_balance(self) -> None:
        """No more recipients are taken than there are sends."""
        self.state.balance["A"] = 2
        transaction = self.begin()
        self.take(transaction, "a@b.test", "b@b.test")
        self.assertEqual(self.rcpt_refused(transaction, "c@b.test").key, "balance_short")

    def test_daily_limit(self) -> None:
        """No more recipients are taken than the connection may send to that day; the next day begins at midnight."""
        self.change(options={**self.spoken.options, "daily_limit": 2})
        transaction = self.begin()
        self.take(transaction, "a@b.test", "b@b.test")
        refusal = self.rcpt_refused(transaction, "c@b.test")
        self.assertEqual((refusal.key, refusal.fields), ("daily_limit", {"limit": 2}))
        transaction.write(SOURCE)
        self.successResultOf(transaction.finish())
        self.assertEqual(self.rcpt_refused(self.begin(), "d@b.test").key, "daily_limit")
        self.clock.advance(86_400 - self.clock.seconds() % 86_400)
        self.take(self.begin(), "d@b.test")

    def test_daily_limit_at_the_commit(self) -> None:
        """What others sent meanwhile counts: all of it is refused at the commit (law 2)."""
        self.change(options={**self.spoken.options, "daily_limit": 2})
        transaction = self.begin()
        self.take(transaction, "a@b.test")
        self.successResultOf(self.submit("b@b.test", "c@b.test"))
        transaction.write(SOURCE)
        self.assertEqual(self.refusal(transaction.finish()).key, "daily_limit")

    def test_repetition_with_nothing_left(self) -> None:
        """A repetition under an idempotency key gets its answer with the last send gone, and over the daily limit;
        another message does not, nor does a connection that never used a key get so far."""
        self.change(options={**self.spoken.options, "daily_limit": 2})
        self.state.balance["A"] = 2
        keyed = b"X-Relay-Idempotency-Key: k\r\n" + SOURCE
        first = self.successResultOf(self.submit("a@b.test", "b@b.test", source=keyed))
        self.assertEqual(self.state.balance["A"], 0)
        self.assertEqual(self.successResultOf(self.submit("a@b.test", "b@b.test", source=keyed)), first)
        for source in (SOURCE, keyed.replace(b": k", b": l")):
            self.assertIn(self.refusal(self.submit("a@b.test", source=source)).key, ("daily_limit", "balance_short"))
        self.assertEqual(self.refusal(self.submit("a@b.test", "c@b.test", source=keyed)).key, "daily_limit")
        self.state.keyed.clear()
        self.assertEqual(self.mail_refused().key, "balance_short")

    def test_urgency(self) -> None:
        """What the message says of its priority stands with each recipient, what it says of its use is their deadline;
        one that is of no use any more is refused, and the reason kept."""
        source = b"X-Relay-Priority: high\r\nX-Relay-Valid-Until: 300\r\n" + SOURCE
        id = self.successResultOf(self.submit("ann@b.test", source=source))
        (entry,) = (each for each in self.state.recipients.values() if each.delivery.message == id)
        self.assertEqual((entry.delivery.priority, entry.delivery.expires_at), (-1, START + 300 * SECOND))
        past = b"X-Relay-Valid-Until: 2020-01-31T09:30:00Z\r\n" + SOURCE
        refused = self.refusal(self.submit("ann@b.test", source=past))
        self.assertEqual((refused.key, refused.fields["reason"]), ("valid_until_invalid", "is in the past"))
        self.assertEqual(self.verdicts.kept[-1][3], "data")
        self.assertEqual(len(self.state.submissions), 1)

    def test_a_template_has_a_priority(self) -> None:
        """A message that does not say how urgent it is is as urgent as its template."""
        self.state.templates["A", "code"] = [Template("A", "code", 1, text="Your code", priority=-1)]
        for header, priority in ((b"", -1), (b"X-Relay-Priority: low\r\n", 1)):
            source = b"X-Relay-Template: code\r\n" + header + SOURCE
            id = self.successResultOf(self.submit("ann@b.test", source=source))
            (entry,) = (each for each in self.state.recipients.values() if each.delivery.message == id)
            self.assertEqual(entry.delivery.priority, priority)

    def test_no_keys_no_patience(self) -> None:
        """Where no header can make a repetition, an empty balance is told at MAIL whatever is on record."""
        self.spoken = DIALECTS.get("emailmassivo")
        self.state.keyed["C1", "k"] = ("M", "d", START, set())
        self.state.balance["A"] = 0
        self.assertEqual(self.mail_refused().key, "balance_short")

    def test_repeated(self) -> None:
        """A repeated recipient is answered alike and sent to once, however it is written, even with nothing left."""
        self.state.balance["A"] = 1
        transaction = self.begin()
        self.take(transaction, "ann@b.test", "ANN@B.test", "ann@b.test")
        transaction.write(SOURCE)
        self.successResultOf(transaction.finish())
        self.assertEqual([entry.delivery.address for entry in self.state.recipients.values()], ["ann@b.test"])
        self.assertEqual(self.state.balance["A"], 0)

    def test_repeated_while_looked_up(self) -> None:
        """The same when both are under way at once, as in a pipeline (P13)."""
        self.directory = slow = SlowDirectory(self.state)
        self.state.balance["A"] = 1
        transaction = self.begin()
        judged = [transaction.rcpt(parse_mailbox("ann@b.test")) for _ in range(3)]
        while slow.asked:
            slow.answer()
        self.assertEqual([self.successResultOf(each) for each in judged], [None] * 3)

    def test_looked_up_at_once(self) -> None:
        """Recipients do not wait for each other's look-ups."""
        self.directory = slow = SlowDirectory(self.state)
        transaction = self.begin()
        judged = [transaction.rcpt(parse_mailbox(f"{number}@b.test")) for number in range(3)]
        self.assertEqual(len(slow.asked), 3)
        slow.asked.reverse()
        while slow.asked:
            slow.answer()
        self.assertEqual([self.successResultOf(each) for each in judged], [None] * 3)

    def test_judged_in_turn(self) -> None:
        """What is left goes to whom was named first, whichever look-up ends first and though one fails."""
        self.directory = slow = SlowDirectory(self.state)
        self.state.balance["A"] = 1
        transaction = self.begin()
        judged = [transaction.rcpt(parse_mailbox(f"{number}@b.test")) for number in range(4)]
        _, _, answer = slow.asked.pop(0)
        slow.asked.reverse()
        while slow.asked:
            slow.answer()
        for each in judged:
            self.assertNoResult(each)
        answer.errback(Refusal("temporary"))
        self.assertEqual(self.failureResultOf(judged[0], Refusal).value.key, "temporary")
        self.successResultOf(judged[1])
        for each in judged[2:]:
            self.assertEqual(self.failureResultOf(each, Refusal).value.key, "balance_short")


class FinishTests(SubmissionTests):
    def test_accepted(self) -> None:
        """What is committed is the envelope in order, the source with our Received on top, and every verdict."""
        id = self.successResultOf(self.submit("a@b.test", "Ann@C.test"))
        submission = self.state.submissions[id]
        self.assertEqual(
            submission.source, f"Received: by us id {id}; {START} {self.peer.session}\r\n".encode() + SOURCE
        )
        self.assertEqual([each.address for each in submission.recipients], ["a@b.test", "Ann@c.test"])
        self.assertEqual([each.destination for each in submission.recipients], ["b.test", "c.test"])
        self.assertEqual(len({each.id for each in submission.recipients} | {id}), 3)
        self.assertEqual(
            (submission.sender, submission.peer, submission.dialect), ("app@acme.test", "192.0.2.1", "standard")
        )
        self.assertEqual((submission.subject, submission.received_at), ("Grüße", START))
        self.assertEqual(submission.expires_at, START + 3600 * SECOND)
        rules = [verdict["rule"] for verdict in submission.verdicts]
        stages = DIALECTS.get("standard").stages
        came = ["listener", "login"]
        self.assertEqual(rules, [*came, *stages["mail"], *stages["rate"], *stages["rcpt"] * 2, *stages["data"]])

    def test_how_the_client_came_is_kept(self) -> None:
        """Law 11: with what was accepted, and with what was refused, stands through which listener the client came, and
        as whom it was let in."""
        for login, by in (("web@acme.test", {"by": "user", "user": "web@acme.test"}), ("", {"by": "address"})):
            self.peer = Peer("192.0.2.7", "submission", "S1", "client.test", tls="TLSv1.3", login=login)
            id = self.successResultOf(self.submit("a@b.test"))
            wanted = [
                {
                    "listener": "submission",
                    "peer": "192.0.2.7",
                    "hello": "client.test",
                    "esmtp": True,
                    "tls": "TLSv1.3",
                    "session": "S1",
                },
                {"connection": "C1", "name": self.state.connections["C1"].name, **by},
            ]
            accepted = self.state.submissions[id].verdicts
            self.assertEqual([verdict["facts"] for verdict in accepted[:2]], wanted)
            self.state.suppressions["A", "out@b.test"] = "complaint"
            self.rcpt_refused(self.begin(), "out@b.test")
            refused = self.verdicts.kept[-1][4]
            self.assertEqual([verdict["facts"] for verdict in refused[:2]], wanted)

    def test_verdicts_of_refused_recipients_stay(self) -> None:
        """An accepted message tells of the recipients refused on its way, too (law 11)."""
        self.state.suppressions["A", "out@b.test"] = "complaint"
        transaction = self.begin()
        self.rcpt_refused(transaction, "out@b.test")
        self.take(transaction, "in@b.test")
        transaction.write(SOURCE)
        submission = self.state.submissions[self.successResultOf(transaction.finish())]
        refused = [verdict for verdict in submission.verdicts if not verdict["allowed"]]
        self.assertEqual([verdict["reply"] for verdict in refused], ["recipient_suppressed"])
        self.assertEqual(len(self.verdicts.kept), 1)

    def test_not_before_the_commit(self) -> None:
        """Success is told when the ledger has committed, no moment earlier; only then is anything sent (law 1)."""
        self.ledger = ledger = HandLedger(self.state, "N1")
        finished = self.submit("a@b.test", "b@b.test")
        self.assertNoResult(finished)
        self.assertEqual(self.scheduler.taken, [])
        ledger.commit()
        id = self.successResultOf(finished)
        ((deliveries, message),) = self.scheduler.taken
        self.assertEqual([delivery.address for delivery in deliveries], ["a@b.test", "b@b.test"])
        self.assertEqual({delivery.message for delivery in deliveries}, {id})
        assert message is not None
        self.assertEqual(message.encode(), self.state.submissions[id].source)

    def test_leased_only_with_room(self) -> None:
        """Without room the recipients wait in the queue for whoever claims them."""
        self.scheduler.room = False
        self.successResultOf(self.submit("a@b.test"))
        self.assertEqual([entry.lease for entry in self.state.recipients.values()], [""])
        self.assertEqual([deliveries for deliveries, _ in self.scheduler.taken], [()])

    def test_refusals(self) -> None:
        """Each rule of end of data refuses the whole message; nothing of it is kept but the verdicts."""
        body = b"\r\nHello\r\n"
        received = b"Received: by x; now\r\n"
        for source, key in (
            (b"Subject: x\r\n" + body, "from_missing"),
            (b"From:\r\n" + body, "from_unreadable"),
            (b"From: <<<\r\n" + body, "from_unreadable"),
            (b"From: a@acme.test\r\nFrom: b@acme.test\r\n" + body, "from_ambiguous"),
            (b"From: a@acme.test, b@acme.test\r\n" + body, "from_ambiguous"),
            (b"From: a@unknown.test\r\n" + body, "domain_unknown"),
            (b"From: a@new.test\r\n" + body, "domain_unverified"),
            (SOURCE + b"\0", "bad_content"),
            (received * 51 + SOURCE, "too_many_hops"),
            (SOURCE + b"x" * (26_214_400 - len(SOURCE) + 1), "message_too_big"),
        ):
            self.assertEqual(self.data_refused(source).key, key)
            self.assertEqual(self.verdicts.kept[-1][3], "data")

    def test_null_sender_is_judged_by_from(self) -> None:
        """A null sender gives nobody else's From a way out (A10)."""
        self.assertEqual(self.data_refused(SOURCE.replace(b"acme", b"unknown"), sender="").key, "domain_unknown")
        id = self.successResultOf(self.submit("b@b.test", sender=""))
        self.assertEqual(self.state.submissions[id].sender, "")

    def test_balance_short_at_the_commit(self) -> None:
        """When others spent the balance meanwhile, the whole transaction is refused, and why is kept (law 2)."""
        self.ledger = ledger = HandLedger(self.state, "N1")
        finished = self.submit("a@b.test", "b@b.test")
        self.state.balance["A"] = 1
        ledger.commit()
        self.assertEqual(self.refusal(finished).key, "balance_short")
        self.assertEqual((self.state.recipients, self.state.balance["A"], self.scheduler.taken), ({}, 1, []))
        _, _, _, stage, (*_, verdict) = self.verdicts.kept[-1]
        self.assertEqual((stage, verdict["rule"], verdict["reply"]), ("commit", "balance_covers", "balance_short"))

    def test_failures_of_the_ledger(self) -> None:
        """A commit that failed, or that nobody can tell of, is never told as success, and nothing is sent (law 1)."""
        for failure in (Refusal("temporary", rule="not_committed"), Undecided(), OSError(5, "Input/output error")):
            self.state.failures.append(failure)
            self.assertIs(self.failureResultOf(self.submit("a@b.test")).value, failure)
            self.assertEqual(self.scheduler.taken, [])

    def test_billing(self) -> None:
        """The moment of billing is the dialect's."""
        id = self.successResultOf(self.submit("a@b.test"))
        self.assertEqual(self.state.submissions[id].billing, DIALECTS.get("standard").billing)
        self.assertEqual({entry.state for entry in self.state.recipients.values()}, {State.QUEUED})

    def test_logged(self) -> None:
        """One line tells of an accepted message, and none of what stands in it."""
        with logged() as events:
            id = self.successResultOf(self.submit("a@b.test"))
        self.assertEqual(len(events), 1)
        self.assertIn(f"{id} accepted from C1 for 1 recipients", told(events))
        self.assertNotIn("Hello", told(events))


class AbortTests(SubmissionTests):
    def test_nothing_stays(self) -> None:
        """After abort nothing of the transaction is kept, neither in the store nor in memory."""
        transaction = self.begin()
        self.take(transaction, "a@b.test")
        transaction.write(SOURCE)
        transaction.abort()
        self.assertEqual((self.state.submissions, self.scheduler.taken, self.verdicts.kept), ({}, [], []))
        assert isinstance(transaction, Transaction)
        self.assertEqual((transaction._source._pieces, transaction._recipients), ([], {}))

    def test_answers_that_come_too_late(self) -> None:
        """An answer that comes after abort does no harm."""
        self.directory = slow = SlowDirectory(self.state)
        transaction = self.begin()
        judged = transaction.rcpt(parse_mailbox("a@b.test"))
        transaction.abort()
        slow.answer()
        self.assertIsNone(self.successResultOf(judged))
