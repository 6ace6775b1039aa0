"""What is decided in a transaction is kept, each decision once."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.recurring import Recurring
from mailrelay.mail.reply import Refusal
from mailrelay.policy.admission import RateFacts, RcptFacts
from mailrelay.relay.decisions import Decisions, Judged

from .fakes import DIALECTS, START, KeptVerdicts, connection, peer

RCPT = RcptFacts(address="a@b.test", accepted=0, recipient_limit=1, available=1, now=START)


class DecisionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.book = KeptVerdicts()
        self.shared = Judged()
        self.decisions = self.make()

    def make(self) -> Decisions:
        return Decisions(self.book, DIALECTS.get("standard"), peer(), connection(), self.shared)

    def rules(self) -> list[object]:
        return [each["rule"] for each in self.decisions.made]

    def test_all_that_was_decided(self) -> None:
        """What was judged and what was noted stand in their order, behind how the client came."""
        self.decisions.judge("rcpt", RCPT, {"suppression"})
        self.decisions.note("elsewhere", why="so")
        self.assertEqual(self.rules(), ["listener", "login", "suppression", "elsewhere"])
        self.assertEqual(self.book.kept, [])

    def test_a_refusal_is_in_the_book(self) -> None:
        """A rule that refuses, and a refusal from elsewhere, are kept with their stage and how the client came."""
        self.assertRaises(Refusal, self.decisions.judge, "rcpt", replace(RCPT, accepted=1))
        self.decisions.turned_down("data", Refusal("temporary", rule="elsewhere", facts={"why": "so"}))
        (_, _, _, first, told), (_, _, _, second, other) = self.book.kept
        self.assertEqual((first, second), ("rcpt", "data"))
        self.assertEqual([each["rule"] for each in told], ["listener", "login", "recipient_count"])
        self.assertEqual(
            other[-1], {"rule": "elsewhere", "allowed": False, "facts": {"why": "so"}, "reply": "temporary"}
        )

    def test_the_same_facts(self) -> None:
        """Verdicts on facts that come again are the same, whether they allow or refuse."""
        for facts in (RateFacts(0.0), RateFacts(9.0, 1, 60)):
            made: list[object] = []
            for _ in range(2):
                self.decisions = self.make()
                try:
                    self.decisions.judge("rate", facts)
                except Refusal as refusal:
                    made.append(refusal.fields)
                made.append(self.decisions.made[2:])
            half = len(made) // 2
            self.assertEqual(made[:half], made[half:])

    def test_written_once(self) -> None:
        """What a rule says again is the very same decision, which need be written only once; another is its own."""
        made = []
        for accepted in (0, 0, 0, 1):
            self.decisions = self.make()
            with contextlib.suppress(Refusal):
                self.decisions.judge("rcpt", replace(RCPT, accepted=accepted), {"recipient_count"})
            made.append(self.decisions.made[-1])
        self.assertEqual([each["facts"] for each in made], [{"accepted": n, "limit": 1} for n in (0, 0, 0, 1)])
        self.assertIs(made[1], made[2])
        self.assertEqual([type(each) is Recurring for each in made], [False, True, True, False])
