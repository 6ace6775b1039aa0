"""How many pass, and how long the others wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.limit import Quota, gcra, left

#: A clock reading as a running daemon has it: seconds since 1970.
EPOCH = 1_800_000_000.0

rates = st.integers(1, 1000)
periods = st.sampled_from([1, 10, 60, 3600])
bursts = st.integers(1, 20)
steps = st.lists(st.floats(0, 30), min_size=1, max_size=60)


class QuotaTests(SynchronousTestCase):
    """A fixed number."""

    def test_left(self) -> None:
        """What is left is never below zero, and covers so many and no more."""
        for limit, used, rest in ((3, 0, 3), (3, 2, 1), (3, 3, 0), (3, 5, 0), (0, 0, 0), (-2, 0, 0)):
            quota = Quota(limit, used)
            self.assertEqual(quota.left, rest)
            self.assertTrue(quota.covers(rest))
            self.assertFalse(quota.covers(rest + 1))


class ThrottleTests(SynchronousTestCase):
    """The generic cell rate algorithm."""

    def test_by_hand(self) -> None:
        """Two at once, one each ten seconds: the third waits ten seconds, and after five it waits five."""
        wait, tat = gcra(0.0, EPOCH, 1, 6, 60, 2)
        self.assertEqual(wait, 0.0)
        wait, tat = gcra(tat, EPOCH, 1, 6, 60, 2)
        self.assertEqual(wait, 0.0)
        self.assertAlmostEqual(gcra(tat, EPOCH, 1, 6, 60, 2)[0], 10.0)
        self.assertAlmostEqual(gcra(tat, EPOCH + 5, 1, 6, 60, 2)[0], 5.0)
        self.assertEqual(gcra(tat, EPOCH + 10, 1, 6, 60, 2)[0], 0.0)

    def test_refused_takes_nothing(self) -> None:
        """A unit that has to wait leaves the state as it was."""
        _, tat = gcra(0.0, EPOCH, 1, 1, 60, 1)
        self.assertEqual(gcra(tat, EPOCH + 1, 1, 1, 60, 1), (59.0, tat))

    def test_burst_comes_back(self) -> None:
        """After a long silence a whole burst passes at once, and not one more."""
        _, tat = gcra(0.0, EPOCH, 5, 1, 1, 5)
        wait, tat = gcra(tat, EPOCH + 1000, 5, 1, 1, 5)
        self.assertEqual(wait, 0.0)
        self.assertGreater(gcra(tat, EPOCH + 1000, 1, 1, 1, 5)[0], 0.0)

    def test_clock_set_back(self) -> None:
        """C1: a clock that is set back costs at most the burst, never the time by which it was set back."""
        tat = 0.0
        for _ in range(3):
            _, tat = gcra(tat, EPOCH, 1, 6, 60, 3)
        wait, tat = gcra(tat, EPOCH - 3600, 1, 6, 60, 3)
        self.assertAlmostEqual(wait, 10.0, 5)
        self.assertEqual(gcra(tat, EPOCH - 3600 + wait, 1, 6, 60, 3)[0], 0.0)

    def test_impossible(self) -> None:
        """What could never pass is an error, not an endless wait."""
        for units, rate, period, burst in ((3, 1, 1, 2), (0, 1, 1, 2), (1, 0, 1, 1), (1, 1, 0, 1)):
            self.assertRaises(ValueError, gcra, 0.0, EPOCH, units, rate, period, burst)

    @given(rates, periods, bursts, steps)
    def test_never_more_than_promised(self, rate: int, period: int, burst: int, pauses: list[float]) -> None:
        """L12: in no window of t seconds do more than burst + rate·t/period units pass."""
        now, tat, passed = EPOCH, 0.0, []
        for pause in pauses:
            now += pause
            wait, tat = gcra(tat, now, 1, rate, period, burst)
            if not wait:
                passed.append(now)
        for first in range(len(passed)):
            for last in range(first, len(passed)):
                allowed = burst + rate * (passed[last] - passed[first]) / period
                self.assertLessEqual(last - first + 1, allowed + 0.001)

    @given(rates, periods, bursts, steps, st.data())
    def test_wait_is_exact(self, rate: int, period: int, burst: int, pauses: list[float], data: st.DataObject) -> None:
        """Who comes back after the wait passes; who comes back earlier does not."""
        now, tat = EPOCH, 0.0
        for pause in pauses:
            now += pause
            units = data.draw(st.integers(1, burst))
            wait, tat = gcra(tat, now, units, rate, period, burst)
            if wait:
                self.assertEqual(gcra(tat, now + wait, units, rate, period, burst)[0], 0.0)
                self.assertGreater(gcra(tat, now + wait * 0.99 - 1e-5, units, rate, period, burst)[0], 0.0)


class LeftTests(SynchronousTestCase):
    def test_left(self) -> None:
        """What a state leaves is what can be taken from it at once: no unit more, and none less."""
        self.assertEqual(left(0.0, EPOCH, 6, 60, 5), 5)
        for taken in range(1, 6):
            _, tat = gcra(0.0, EPOCH, taken, 6, 60, 5)
            self.assertEqual(left(tat, EPOCH, 6, 60, 5), 5 - taken)
            self.assertEqual(left(tat, EPOCH + 9.9, 6, 60, 5), 5 - taken)
            self.assertEqual(left(tat, EPOCH + 10, 6, 60, 5), 6 - taken)
        self.assertEqual(left(EPOCH + 1000, EPOCH, 6, 60, 5), 0)
