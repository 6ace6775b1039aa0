"""What is kept back by the pace of its destination, told apart by how long."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import Delivery
from mailrelay.relay.rests import Rests

ONE = Delivery("R1", "M", "A", "C", "s@a.test", "a@b.test", "b.test", "", 0, 0, 1 << 60)


class RestsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 0
        self.rests = Rests(lambda: self.now)

    def test_since_it_came(self) -> None:
        """A delivery is told the rest since it came, and no other destination's; rests add up."""
        late, other = replace(ONE, recipient="R2"), replace(ONE, recipient="R3", destination="c.test")
        self.rests.put(ONE)
        self.rests.begin("b.test")
        self.now = 10
        self.rests.begin("b.test")
        self.rests.put(late)
        self.rests.put(other)
        self.now = 15
        self.rests.end("b.test")
        self.rests.end("b.test")
        self.now = 100
        self.rests.begin("b.test")
        self.now = 102
        self.assertEqual([self.rests.taken(each) for each in (ONE, late, other)], [17, 7, 0])

    def test_nothing_rests(self) -> None:
        """As a rule nothing does, and nothing is remembered."""
        self.rests.put(ONE)
        self.assertEqual(self.rests.taken(ONE), 0)

    def test_bounded(self) -> None:
        """What is remembered of destinations has a bound."""
        for number in range(20_000):
            self.rests.begin(f"{number}.test")
            self.now += 1
            self.rests.end(f"{number}.test")
        self.assertLessEqual(len(self.rests._rested), 10_000)
