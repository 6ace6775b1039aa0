"""Posts: the way of SMTP's messages in the dialect's words, and rehearsals that leave no trace of any kind."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, execute, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.ledger import Undecided
from mailrelay.interfaces.posting import IPostOffice, Post, Posted, Rehearsed
from mailrelay.interfaces.submission import Peer
from mailrelay.mail.address import parse_mailbox
from mailrelay.mail.envelope import Capabilities, Delivery
from mailrelay.mail.message import Message
from mailrelay.relay.intake import Intake
from mailrelay.relay.posting import PostOffice
from mailrelay.relay.source import CHUNK
from mailrelay.store.counters import MemoryCounters
from mailrelay.store.memory import MemoryDirectory, MemoryLedger, MemorySpool, MemoryState
from mailrelay.store.memory.files import MemoryFiles
from tests.rendering import RenderHere

from .fakes import DIALECTS, START, KeptVerdicts, connection, logged
from .test_submission import Scheduled

SOURCE = b"From: Shop <app@acme.test>\r\nSubject: Hi\r\n\r\nHello\r\n"
PEER = Peer("192.0.2.1", "http", "", via="HTTP")


class Posts(SynchronousTestCase):
    """Account A with three sends; C1 sends for acme.test."""

    def setUp(self) -> None:
        self.state = MemoryState(balance={"A": 3})
        self.state.domains = {("A", "acme.test"): "verified"}
        self.state.connections["C1"] = connection(rate=2, rate_period=60, rate_burst=2)
        self.ledger = MemoryLedger(self.state, "N1")
        self.scheduler, self.verdicts, numbers = Scheduled(), KeptVerdicts(), count()
        self.spool = MemorySpool(self.state)
        self.intake = Intake(
            directory=MemoryDirectory(self.state),
            ledger=self.ledger,
            spool=self.spool,
            counters=MemoryCounters(Clock()),
            verdicts=self.verdicts,
            scheduler=self.scheduler,
            trace=lambda id, at, peer: f"Received: by us with {peer.via} id {id}; {at}\r\n".encode(),
            paused=lambda: False,
            free_space=lambda: 1000,
            free_space_floor=1000,
            renderer=RenderHere(),
            files=MemoryFiles(),
            now=lambda: START,
            random=lambda octets: next(numbers).to_bytes(octets, "big"),
            lifetime=3600,
            mailbox_full=86_400,
            aside=execute,
        )
        self.composed: Any = None
        self.office = PostOffice(self.intake, DIALECTS, self.compose, lambda delivery: "r@bounces.acme.test")

    def compose(self, message: Message, delivery: Delivery, capabilities: Capabilities) -> Deferred[bytes]:
        self.composed = delivery
        return succeed(b"To: %s\r\n" % delivery.address.encode() + message.encode())

    def post(self, *to: str, source: bytes = SOURCE, sender: str = "app@acme.test", **said: object) -> Post:
        recipients = tuple(map(parse_mailbox, to or ("bob@b.test",)))
        return Post("C1", parse_mailbox(sender) if sender else None, recipients, source, PEER, said)

    def submit(self, *to: str, **more: Any) -> Posted:
        found: Posted = self.successResultOf(self.office.submit(self.post(*to, **more)))
        return found

    def rehearse(self, *to: str, **more: Any) -> Rehearsed:
        found: Rehearsed = self.successResultOf(self.office.rehearse(self.post(*to, **more)))
        return found

    def test_taken(self) -> None:
        """What is said beside a message holds over its control headers, the rest of them is read and cut; the id comes
        after the commit, and it is told how the message came."""
        verifyObject(IPostOffice, self.office)
        headers = b"X-Relay-Tag: theirs\r\nX-Relay-Reference: r\r\n"
        posted = self.submit("a@b.test", "c@b.test", source=headers + SOURCE, tag="ours")
        self.assertEqual([each.reply.code for each in posted.answers], [250, 250])
        ((deliveries, message),) = self.scheduler.taken
        self.assertEqual({each.message for each in deliveries}, {posted.id})
        assert message is not None
        self.assertTrue(message.encode().startswith(b"Received: by us with HTTP id "))
        self.assertEqual((message.get("X-Relay-Tag"), self.state.balance["A"]), (None, 1))
        (kept,) = self.state.submissions.values()
        self.assertEqual((kept.instructions.tag, kept.instructions.client_ref), ("ours", "r"))
        self.assertEqual(self.office.tallies["standard"].accepted, 1)

    def test_refused(self) -> None:
        """A refusal is the dialect's, at MAIL, for one recipient, for all, or at the end; each is counted."""
        posted = self.submit(sender="app@other.test")
        assert posted.refusal is not None
        self.assertEqual((posted.refusal.key, posted.refusal.stage, posted.id), ("domain_unknown", "mail", ""))
        self.assertEqual(posted.refusal.reply.text, "Sender domain other.test is not registered")
        posted = self.submit(source=b"Subject: x\r\n\r\n")
        assert posted.refusal is not None
        self.assertEqual((posted.refusal.key, posted.refusal.stage), ("from_missing", "data"))
        self.assertEqual(self.office.tallies["standard"].refused, {("domain_unknown", 5): 1, ("from_missing", 5): 1})
        posted = self.submit("a@b.test", "c@b.test", "d@b.test", "e@b.test")
        self.assertEqual([each.key for each in posted.answers], ["rcpt_ok"] * 3 + ["balance_short"])
        self.assertTrue(posted.id)
        posted = self.submit()
        assert posted.refusal is not None
        self.assertEqual(posted.refusal.reply.code, 452)

    def test_failures_inside(self) -> None:
        """What fails inside is refused for now and logged once; so is what nobody knows the outcome of."""
        for error, times in ((RuntimeError("secret"), 1), (Undecided(), 0)):
            with logged() as lines:
                self.patch(self.ledger, "accept", lambda *_, error=error: fail(error))
                posted = self.submit()
            assert posted.refusal is not None
            self.assertEqual((posted.refusal.key, posted.refusal.reply.code), ("temporary", 451))
            self.assertNotIn("secret", repr(posted.refusal))
            self.assertEqual(len(self.flushLoggedErrors()), times)
            self.assertTrue(lines)

    def test_unknown(self) -> None:
        """A connection that there is not fails with its name."""
        self.failureResultOf(self.office.submit(replace(self.post(), connection="C9")), KeyError)

    def test_rehearsed(self) -> None:
        """A rehearsal tells what would leave and what it would cost, as often as one likes, and changes nothing: no
        balance, no rate, no verdict, no piece in the spool, nothing scheduled, nothing in the log."""
        self.state.balance["A"] = 5
        large = SOURCE + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * (2 * CHUNK // 72)
        for _ in range(4):
            with logged() as lines:
                found = self.rehearse("a@b.test", "c@b.test", source=large)
            self.assertEqual(lines, [])
            self.assertEqual((found.available, found.cost, found.return_path), (5, 2, "r@bounces.acme.test"))
            self.assertIsNone(found.posted.refusal)
            self.assertEqual(found.octets, b"To: a@b.test\r\n" + found.source)
            self.assertTrue(found.source.endswith(large), "what would be stored is the whole of it")
        refused = self.rehearse(source=b"Subject: x\r\n\r\n").posted.refusal
        assert refused is not None
        self.assertEqual(refused.key, "from_missing")
        self.assertEqual((self.state.balance["A"], self.state.submissions, self.scheduler.taken), (5, {}, []))
        self.assertEqual((self.verdicts.kept, self.office.tallies, self.state.spooled), ([], {}, {}))
        self.assertTrue(self.submit().id, "no unit of the rate was taken")

    def test_rehearsed_short(self) -> None:
        """What the balance would not cover is told as it would be."""
        found = self.rehearse(*(f"{name}@b.test" for name in "abcd"))
        self.assertEqual([each.key for each in found.posted.answers], ["rcpt_ok"] * 3 + ["balance_short"])
        self.assertEqual((found.cost, found.available), (3, 3))

    def test_cannot_be_composed(self) -> None:
        """Why a message would not leave as it is, a missing key for instance, is told and no failure."""
        self.compose = lambda *_: fail(ValueError("no key"))  # type: ignore[method-assign]
        self.office = PostOffice(self.intake, DIALECTS, self.compose, lambda delivery: "")
        found = self.rehearse()
        self.assertEqual((found.fault, found.octets, found.posted.refusal), ("no key", b"", None))
