"""Pipelining: whatever the speed of the back end and the cut of the segments, replies keep their order."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ..examples import at_most
from .inward import PLAIN, Backend, Line, codes, line, refusal

WHOLE = (
    f"EHLO client.example\r\nAUTH PLAIN {PLAIN}\r\n"
    "MAIL FROM:<a@b.example> SIZE=5\r\nRCPT TO:<1@d.example>\r\nRCPT TO:<bad>\r\nRCPT TO:<no@d.example>\r\n"
    "RCPT TO:<2@d.example>\r\nNOOP\r\nDATA\r\n..dot\r\n\r.\r\n\n.\nend\r\n.\r\nRSET\r\n"
    "AUTH LOGIN\r\nMAIL FROM:<>\r\nRCPT TO:<3@d.example>\r\nDATA\r\n.\r\n"
    + "NOOP "
    + "x" * 600
    + "\r\nQUIT\r\nNOOP\r\n"
).encode()
EXPECTED = [220, 250, 235, 250, 250, 501, 550, 250, 250, 354, 250, 250, 503, 250, 250, 354, 250, 500, 221]
MESSAGES = [
    ("a@b.example", ["1@d.example", "2@d.example"], b".dot\r\n\r.\r\n\n.\nend\r\n"),
    ("", ["3@d.example"], b""),
]


def backend(slow: bool = False) -> Backend:
    made = Backend(slow=slow)
    made.refusals["no@d.example"] = refusal("recipient_suppressed", address="no@d.example")
    return made


class SplitTests(SynchronousTestCase):
    """One whole session, cut anyhow."""

    def check(self, pieces: list[bytes]) -> None:
        client = Line(backend())
        for piece in pieces:
            client.protocol.dataReceived(piece)
        self.assertEqual(codes(client.said()), EXPECTED)
        self.assertEqual(client.backend.messages, MESSAGES)

    def test_one_segment(self) -> None:
        """A whole session in one write is answered like one in dialogue (P11, P13)."""
        self.check([WHOLE])

    def test_every_cut(self) -> None:
        """Cut in two at every octet: the same replies, the same mail (P12, S12)."""
        for place in range(1, len(WHOLE)):
            self.check([WHOLE[:place], WHOLE[place:]])

    def test_single_octets(self) -> None:
        """One octet at a time (P12)."""
        self.check([WHOLE[place : place + 1] for place in range(len(WHOLE))])

    def test_random_cuts(self) -> None:
        """Cuts at random, seeds 0 to 199 (P12)."""
        for seed in range(200):
            chance = random.Random(seed)
            places = [0, *sorted(chance.sample(range(1, len(WHOLE)), chance.randint(1, 40))), len(WHOLE)]
            self.check([WHOLE[a:b] for a, b in pairwise(places)])


class SlowBackendTests(SynchronousTestCase):
    """The back end takes its time."""

    @given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 60))
    @at_most(60)
    def test_answers_in_any_order(self, order: list[int], step: int) -> None:
        """Answers in any order at any moment never change the order of the replies (P11, S-5)."""
        slow = backend(slow=True)
        client = Line(slow)
        turns = iter(order)
        for place in range(0, len(WHOLE), step):
            client.protocol.dataReceived(WHOLE[place : place + step])
            if slow.asked and (turn := next(turns, 0)) % 2:
                slow.answer(slow.asked[turn % len(slow.asked)][0])
        while slow.asked:
            slow.answer(slow.asked[next(turns, 0) % len(slow.asked)][0])
        self.assertEqual(codes(client.said()), EXPECTED)
        self.assertEqual([(sender, sorted(to), body) for sender, to, body in slow.messages], MESSAGES)

    def test_recipients_are_asked_at_once(self) -> None:
        """The recipients of a pipeline are asked together; DATA waits for all of them (S-5, P11)."""
        slow = Backend(slow=True)
        client = Line(slow, login="address")
        slow.answer_all()
        client.send("EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<1@d.example>\r\n")
        self.assertEqual([name for name, _, _ in slow.asked], ["a@b.example"])
        slow.answer("a@b.example")
        client.send("RCPT TO:<2@d.example>\r\nDATA\r\n")
        self.assertEqual([name for name, _, _ in slow.asked], ["1@d.example", "2@d.example"])
        client.said()
        slow.answer("2@d.example")
        self.assertEqual(client.said(), "")
        slow.answer("1@d.example")
        self.assertEqual(codes(client.said()), [250, 250, 354])

    def test_a_late_verdict_stays_in_its_transaction(self) -> None:
        """RSET waits for the verdicts of its transaction: none falls into the next one (S-5)."""
        slow = Backend(slow=True)
        client = Line(slow, login="address")
        slow.answer_all()
        client.send("EHLO x\r\nMAIL FROM:<a@b.example>\r\n")
        slow.answer_all()
        client.send("RCPT TO:<1@d.example>\r\nRSET\r\nMAIL FROM:<c@b.example>\r\n")
        self.assertEqual([name for name, _, _ in slow.asked], ["1@d.example"])
        slow.answer_all()
        self.assertEqual([each.recipients for each in slow.submissions], [["1@d.example"], []])
        self.assertEqual([each.ended for each in slow.submissions], ["abort", ""])

    def test_login_bars(self) -> None:
        """MAIL behind AUTH in one segment waits for the login (A5)."""
        slow = Backend(slow=True)
        client = Line(slow)
        client.said()
        self.assertEqual(client.codes(f"EHLO x\r\nAUTH PLAIN {PLAIN}\r\nMAIL FROM:<a@b.example>\r\n"), [250])
        slow.answer("login")
        self.assertEqual([name for name, _, _ in slow.asked], ["a@b.example"])
        self.assertEqual(codes(client.said()), [235])

    def test_end_of_message_bars(self) -> None:
        """Nothing is answered between the final dot and its reply (S-5)."""
        slow = Backend(slow=True)
        client = Line(slow, login="address")
        slow.answer_all()
        client.send("EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<1@d.example>\r\nDATA\r\nx\r\n.\r\nNOOP\r\n")
        slow.answer("a@b.example")
        slow.answer("1@d.example")
        client.said()
        self.assertEqual([name for name, _, _ in slow.asked], ["finish"])
        slow.answer("finish")
        self.assertEqual(codes(client.said()), [250, 250])

    def test_input_is_bounded(self) -> None:
        """While the back end thinks, the line is not read beyond a bound (S-2)."""
        slow = Backend(slow=True)
        client = Line(slow)
        client.said()
        client.send(f"EHLO x\r\nAUTH PLAIN {PLAIN}\r\n")
        client.send(b"NOOP\r\n" * 20_000)
        self.assertEqual(client.transport.producerState, "paused")
        slow.answer("login")
        self.assertEqual(codes(client.said())[-1], 421)


class PipelineTests(SynchronousTestCase):
    """Verdicts within a pipeline."""

    def test_some_refused(self) -> None:
        """Two of five recipients refused: each reply stands in its place, the others get the mail (P13)."""
        client = line(backend())
        text = "MAIL FROM:<a@b.example>\r\n"
        text += "".join(f"RCPT TO:<{name}@d.example>\r\n" for name in ("1", "2", "no", "no", "3"))
        said = client.codes(text + "DATA\r\nx\r\n.\r\nQUIT\r\n")
        self.assertEqual(said, [250, 250, 250, 550, 550, 250, 354, 250, 221])
        self.assertEqual(client.backend.messages[0][1], ["1@d.example", "2@d.example", "3@d.example"])

    def test_all_refused(self) -> None:
        """All refused: DATA is refused, so what follows is no message (P14)."""
        client = line(backend())
        said = client.codes("MAIL FROM:<a@b.example>\r\nRCPT TO:<no@d.example>\r\nDATA\r\n.\r\nRSET\r\n")
        self.assertEqual(said, [250, 550, 554, 500, 250])
        self.assertEqual(client.backend.messages, [])

    def test_a_closing_verdict(self) -> None:
        """A 421 at RCPT is the last reply; those before it are given, those behind it never."""
        client = line()
        client.backend.refusals["2@d.example"] = refusal("unavailable")
        text = "MAIL FROM:<a@b.example>\r\n" + "".join(f"RCPT TO:<{name}@d.example>\r\n" for name in (1, 2, 3))
        self.assertEqual(client.codes(text + "DATA\r\nx\r\n.\r\n"), [250, 250, 421])
        self.assertTrue(client.transport.disconnecting)
        self.assertEqual(client.backend.submissions[0].ended, "abort")


COMMANDS = [
    "EHLO x", "HELO", "EHLO", "MAIL FROM:<a@b.example>", "MAIL FROM:<> SIZE=1", "MAIL FROM:<a@b.example> X=1", "MAIL",
    "RCPT TO:<c@d.example>", "RCPT TO:<no@d.example>", "RCPT TO:c", "RCPT", "RSET", "NOOP", "VRFY", "VRFY x", "HELP",
    "AUTH", "AUTH FOO", "AUTH PLAIN =", f"AUTH PLAIN {PLAIN}", "AUTH PLAIN AA==", "STARTTLS", "STARTTLS x", "FOO", "",
    "\x00", "é", "EXPN x", "NOOP " + "x" * 600, "\t", "DATA x",
]  # fmt: skip


class FuzzTests(SynchronousTestCase):
    """Any commands in any order."""

    @given(st.lists(st.sampled_from(COMMANDS), max_size=60), st.booleans())
    @at_most(80)
    def test_one_reply_for_each_line(self, commands: list[str], slow: bool) -> None:
        """Each line gets exactly one valid reply, or the session ends with 421 (P30, I7)."""
        chosen = backend(slow)
        client = Line(chosen)
        client.said()
        text = "".join(command + "\r\n" for command in commands)
        client.protocol.dataReceived(text.encode())
        chosen.answer_all()
        said = codes(client.said())
        if said and said[-1] == 421:
            self.assertLessEqual(len(said), len(commands))
            self.assertTrue(client.transport.disconnecting)
        else:
            self.assertEqual(len(said), len(commands))

    def test_a_thousand_steps(self) -> None:
        """A thousand random commands, each with its reply before the next is sent (P30)."""
        chance = random.Random(1)
        client = Line(backend())
        client.said()
        for _ in range(1000):
            if client.transport.disconnecting:
                client.connect()
                client.said()
            self.assertEqual(len(client.codes(chance.choice(COMMANDS) + "\r\n")), 1)

    @given(st.lists(st.binary(max_size=40), max_size=20))
    @at_most(80)
    def test_any_octets(self, pieces: list[bytes]) -> None:
        """Any octets at all: only valid replies, and no exception (P8, S-12)."""
        client = Line(login="address")
        for piece in pieces:
            client.protocol.dataReceived(piece)
        codes(client.said())
