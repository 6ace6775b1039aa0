"""The pace at which a receiver is sent to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.pace import FIRST_REST, LEAST, LONGEST_REST, ROUND, SAYING, Pace, take
from mailrelay.policy.shaping import Rate, Rule

RULE = Rule("default", connections=20, start=5)
LIMIT = 20


class PaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pace = Pace.first(RULE, 20)

    def halved(self, times: int) -> Pace:
        pace = self.pace
        for number in range(times):
            pace, rest = pace.troubled(number * ROUND)
            self.assertEqual(rest, 0)
        return pace

    def test_slow_start(self) -> None:
        """A receiver that nothing is known of gets a few connections, and one more for each success up to the limit."""
        pace = self.pace
        seen = [pace.connections(LIMIT, 0)]
        for _ in range(20):
            pace = pace.well(LIMIT)
            seen.append(pace.connections(LIMIT, 0))
        self.assertEqual(seen, [*range(5, 20), *[20] * 6])
        self.assertIs(pace.well(LIMIT), pace)

    def test_never_more_than_configured(self) -> None:
        """The configuration bounds what a rule allows, from the first connection on."""
        self.assertEqual(Pace.first(RULE, 3).connections(3, 0), 3)
        self.assertEqual(Pace.first(Rule("x", connections=2, start=5), 20).connections(2, 0), 2)

    def test_trouble_halves(self) -> None:
        """O17: trouble halves the connections, and they grow by one for each round of successes from then on."""
        pace = self.halved(1)
        self.assertEqual(pace.window, 2.5)
        pace = pace.well(LIMIT)
        self.assertAlmostEqual(pace.window, 2.9)
        for _ in range(400):
            pace = pace.well(LIMIT)
        self.assertEqual(pace.connections(LIMIT, 0), LIMIT)

    def test_trouble_of_one_round(self) -> None:
        """What fails together counts once."""
        once, _ = self.pace.troubled(100)
        self.assertEqual(once.troubled(100 + ROUND / 2), (once, 0.0))
        self.assertLess(once.troubled(100 + ROUND)[0].window, once.window)

    def test_rest(self) -> None:
        """A receiver with which nothing works on one connection rests, each time twice as long up to a bound; a success
        ends that."""
        pace, rests = self.halved(3), []
        self.assertEqual(pace.connections(LIMIT, 0), 1)
        for number in range(10):
            pace, rest = pace.troubled(1000.0 * number + 100)
            rests.append(rest)
        self.assertEqual(rests[:3], [FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST])
        self.assertEqual(rests[-1], LONGEST_REST)
        well = pace.well(1)
        for number, rest in enumerate((0, 0, FIRST_REST)):
            well, found = well.troubled(20_000.0 + number * ROUND)
            self.assertEqual(found, rest)

    def test_slowed(self) -> None:
        """Slowing holds for its time, multiplies when it is said again later, and is never to nothing."""
        full = Pace.first(Rule("x", connections=20, start=20), 20)
        slowed = full.slowed(0.5, 100, 0)
        self.assertEqual([slowed.connections(LIMIT, at) for at in (0, 99.9, 100)], [10, 10, 20])
        self.assertIs(slowed.slowed(0.5, 100, SAYING / 2), slowed)
        again = slowed.slowed(0.5, 50, SAYING)
        self.assertEqual([again.connections(LIMIT, at) for at in (99, 100)], [5, 20])
        self.assertEqual(slowed.slowed(0.5, 100, 200).share(201), 0.5)
        for number in range(1, 20):
            again = again.slowed(0.1, 1000, number * SAYING * 2)
        self.assertEqual((again.share(400), again.connections(LIMIT, 400)), (LEAST, 1))

    def test_rate(self) -> None:
        """A rate lets what one second allows go at once, then one after the other; slowed, in so much longer."""
        for share, expected in ((1.0, [0, 0, 0.5]), (0.5, [0, 0, 1.0])):
            tat, waits = 0.0, []
            for _ in range(3):
                wait, tat = take(Rate(120, 60), share, tat, 1000.0)
                waits.append(round(wait, 3))
            self.assertEqual(waits, expected)

    @given(st.lists(st.tuples(st.sampled_from(["well", "trouble", "slow"]), st.floats(0, 30)), max_size=60))
    def test_always_bounded(self, story: list[tuple[str, float]]) -> None:
        """Whatever happens, at least one connection may stand and never more than the limit."""
        pace, now = self.pace, 0.0
        for what, seconds in story:
            now += seconds
            match what:
                case "well":
                    pace = pace.well(LIMIT)
                case "trouble":
                    pace, rest = pace.troubled(now)
                    self.assertLessEqual(rest, LONGEST_REST)
                case _:
                    pace = pace.slowed(0.5, 60, now)
            self.assertTrue(1 <= pace.connections(LIMIT, now) <= LIMIT)
