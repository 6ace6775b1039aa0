"""What messages that are coming in may take of memory, of all sessions together."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.ledger import Undecided
from mailrelay.smtp.budget import Budget, Share
from mailrelay.smtp.listener import Limits
from mailrelay.smtp.session import IN_MEMORY, STEP

from ..examples import at_most
from .inward import Backend, Line, Recorded, codes, line, refusal

START = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
DECLARED = f"MAIL FROM:<a@b.example> SIZE={IN_MEMORY}\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"


class BudgetTests(SynchronousTestCase):
    @given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 60)), max_size=40))
    @at_most(100)
    def test_never_more_than_there_is(self, steps: list[tuple[int, int]]) -> None:
        """Whatever sessions ask for and give back, they never hold more than the bound, and no octet is lost."""
        budget = Budget(100)
        shares = [Share(budget) for _ in range(4)]
        for which, octets in steps:
            if which == 4:
                shares[octets % 4].give_back()
            else:
                before = shares[which].held
                room = 100 - sum(share.held for share in shares)
                self.assertEqual(shares[which].cover(octets), octets - before <= room)
            self.assertLessEqual(sum(share.held for share in shares), 100)
        for share in shares:
            share.give_back()
        self.assertTrue(budget.take(100))
        self.assertFalse(budget.take(1))

    def test_no_bound(self) -> None:
        """Nought is no bound."""
        self.assertTrue(Share(Budget(0)).cover(1 << 40))


class SessionTests(SynchronousTestCase):
    """Sessions of one process share what there is."""

    def setUp(self) -> None:
        self.budget = Budget(IN_MEMORY + STEP)

    def free(self) -> bool:
        """Nobody holds anything."""
        whole = self.budget.take(IN_MEMORY + STEP)
        if whole:
            self.budget.give(IN_MEMORY + STEP)
        return whole

    def client(self, backend: Backend | None = None, **more: Any) -> Line:
        return line(backend, budget=self.budget, **more)

    def test_no_room_for_a_message(self) -> None:
        """Where there is no room no message begins: 421, as in any overload; what has begun goes on (L4)."""
        large, other = self.client(), self.client()
        self.assertEqual(large.codes(DECLARED), [250, 250, 354])
        self.assertEqual(other.codes(DECLARED), [250, 250, 421])
        self.assertTrue(other.transport.disconnecting)
        self.assertEqual(other.backend.submissions[0].ended, "abort")
        self.assertEqual(large.codes("x\r\n.\r\n"), [250])
        self.assertTrue(self.free())

    def test_more_than_was_declared(self) -> None:
        """Who declares little and sends much is closed as soon as there is no room for it (L4)."""
        large, liar = self.client(), self.client()
        large.send(DECLARED)
        self.assertEqual(liar.codes(START.replace("> ", "> SIZE=10 ")), [250, 250, 354])
        self.assertEqual(liar.codes(b"x" * STEP), [])
        self.assertEqual(liar.codes(b"x" * STEP), [421])
        self.assertEqual((liar.backend.submissions[0].ended, liar.backend.messages), ("abort", []))
        large.send("RSET\r\n.\r\n")
        self.assertTrue(self.free())

    def test_room_is_needed_once(self) -> None:
        """A message beyond what is kept in memory needs no more room than that, however large it is."""
        client = self.client()
        client.send(START)
        for _ in range(40):
            self.assertEqual(client.codes(b"x" * STEP), [])
        self.assertEqual(client.codes("\r\n.\r\n"), [250])
        self.assertTrue(self.free())

    def test_given_back_at_every_end(self) -> None:
        """However a transaction ends, its room is free again."""
        for end in (
            lambda client: client.send("x\r\n.\r\n"),
            lambda client: client.lose(),
            lambda client: client.clock.advance(400),
            lambda client: client.protocol.readConnectionLost(),
            lambda client: client.factory.cut() or client.lose(),
        ):
            client = self.client()
            client.send(DECLARED)
            self.assertFalse(self.free())
            end(client)
            self.assertTrue(self.free())

    def test_given_back_after_a_refusal(self) -> None:
        """Refused, broken or undecided at the end of the message: the room is free again."""
        for failure in (refusal("bad_content"), OSError("disk"), Undecided(), refusal("nonsense")):
            client = self.client()
            client.backend.refusals["finish"] = failure
            client.send(DECLARED + "x\r\n.\r\n")
            self.assertTrue(self.free(), failure)
        self.flushLoggedErrors()

    def test_held_until_the_commit(self) -> None:
        """A client that leaves behind the final dot does not free what the store still has in hand."""
        slow = Backend(slow=True)
        client = Line(slow, login="address", budget=self.budget)
        client.send("EHLO x\r\n" + DECLARED + "x\r\n.\r\n")
        for _ in range(3):
            slow.answer()
        client.lose()
        self.assertFalse(self.free())
        slow.answer("finish")
        self.assertTrue(self.free())


def write_slowly(submission: Recorded, chunk: bytes) -> Deferred[None]:
    """Take a piece, and ask for time."""
    submission.chunks.append(chunk)
    waiting: Deferred[None] = Deferred()
    submission.backend.asked.append(("room", waiting, None))
    return waiting


class BackPressureTests(SynchronousTestCase):
    """While the back end puts octets away, no more are read."""

    def begin(self, **more: Any) -> Line:
        self.patch(Recorded, "write", write_slowly)
        client = line(**more)
        client.send(START)
        client.send("one\r\n")
        return client

    def test_reading_stops(self) -> None:
        """The line is not read until there is room again; what is there already is taken (L5)."""
        client = self.begin()
        self.assertEqual(client.transport.producerState, "paused")
        client.send("two\r\n.\r\nNOOP\r\n")
        self.assertEqual(codes(client.said()), [])
        client.backend.answer("room")
        self.assertEqual(client.transport.producerState, "paused")
        client.backend.answer("room")
        self.assertEqual(client.transport.producerState, "producing")
        self.assertEqual(client.backend.messages[0][2], b"one\r\ntwo\r\n")

    def test_our_time_is_not_the_client_s(self) -> None:
        """However long we take, the client is neither silent nor slow by it (S-11)."""
        client = self.begin(limits=Limits(idle=100, transaction=1e6))
        client.clock.pump([90] * 50)
        self.assertFalse(client.transport.disconnecting)
        client.backend.answer("room")
        client.clock.advance(90)
        self.assertFalse(client.transport.disconnecting)
        client.clock.pump([60, 60])
        self.assertTrue(client.transport.disconnecting)

    def test_our_time_is_counted_once(self) -> None:
        """Pieces that come while we take our time do not shorten it: a modest rate is judged by the client's time alone
        (L2)."""
        client = self.begin(limits=Limits(idle=100, transaction=1e6, data_rate=500))
        for _ in range(50):
            client.clock.advance(90)
            client.send(b"x" * 100)
        client.backend.answer_all()
        self.assertEqual(client.transport.producerState, "producing")
        client.clock.advance(90)
        self.assertFalse(client.transport.disconnecting)

    def test_gone_meanwhile(self) -> None:
        """Room that comes when the client is gone does no harm."""
        client = self.begin()
        client.lose()
        client.backend.answer("room")
        self.assertEqual(client.backend.submissions[0].ended, "abort")
        self.assertEqual(client.clock.getDelayedCalls(), [])
