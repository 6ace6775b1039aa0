"""Figures: every attempt is counted once, by the provider of its host, however many hosts there are."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import Bounced, Deferred, Delivered
from mailrelay.relay import figures as module
from mailrelay.relay.figures import Figures
from tests.examples import at_most

from .fakes import LATER, NEVER, OK

KINDS = {"delivered": (Delivered, OK), "deferred": (Deferred, LATER), "bounced": (Bounced, NEVER)}


class FiguresTests(SynchronousTestCase):
    @at_most(50)
    @given(st.lists(st.tuples(st.sampled_from(["a1", "a2", "b1", "c1", "d1"]), st.sampled_from([*KINDS]))))
    def test_sums(self, attempts: list[tuple[str, str]]) -> None:
        """The sums agree with what happened, asked for in between or not, and beyond the number of hosts that are
        counted apart."""
        self.patch(module, "HOSTS", 3)
        figures = Figures(lambda host: host[0])
        expected: Counter[tuple[str, str]] = Counter()
        for number, (host, name) in enumerate(attempts):
            kind, reply = KINDS[name]
            figures.ended(kind(reply, host, 1))
            expected[host[0], name] += 1
            if number % 4 == 0:
                self.assertEqual(figures.outcomes, expected)
        self.assertEqual(figures.outcomes, expected)
        by_name = Counter(name for _, name in attempts)
        self.assertEqual(
            (figures.delivered, figures.deferred, figures.bounced),
            (by_name["delivered"], by_name["deferred"], by_name["bounced"]),
        )
        self.assertEqual(figures.security.total(), by_name["delivered"])
