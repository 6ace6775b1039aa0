"""Throttles and login failures in memory."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.counters import ICounters
from mailrelay.store import MemoryCounters

from .worlds import result


class MemoryCountersTests(SynchronousTestCase):
    """Counts of one process, by a clock that stands still."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.counters = MemoryCounters(self.clock)

    def test_interface(self) -> None:
        """They provide their interface."""
        verifyObject(ICounters, self.counters)

    def test_a_throttle_takes_until_it_waits(self) -> None:
        """A burst passes at once, then one at a time; what waits takes nothing, and the wait told is enough."""
        waits = [result(self.counters.throttle("a", 1, 60, 60, 2)) for _ in range(4)]
        self.assertEqual(waits, [0.0, 0.0, 1.0, 1.0])
        self.clock.advance(1)
        self.assertEqual(result(self.counters.throttle("a", 1, 60, 60, 2)), 0.0)
        self.assertEqual(result(self.counters.throttle("b", 2, 60, 60, 2)), 0.0)

    def test_units_that_can_never_pass(self) -> None:
        """More units than ever fit fail the Deferred, not the caller."""
        self.failureResultOf(self.counters.throttle("a", 3, 60, 60, 2), ValueError)

    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=30))
    @settings(max_examples=50, deadline=None, derandomize=True, database=None)
    def test_failures_are_those_of_the_window(self, steps: list[tuple[bool, int]]) -> None:
        """The count is exactly that of the failures within the window, however they are spread."""
        clock = Clock()
        counters = MemoryCounters(clock)
        failed: list[float] = []
        for fails, seconds in steps:
            clock.advance(seconds)
            if fails:
                failed.append(clock.seconds())
            expected = sum(instant > clock.seconds() - 60 for instant in failed)
            found = counters.fail("k", 60) if fails else counters.failures("k", 60)
            self.assertEqual(result(found), expected)

    def test_forgetting_by_prefix_and_by_key(self) -> None:
        """All keys of a prefix are dropped and counted; one key is cleared alone."""
        for key in ("login:1:a", "login:1:b", "login:2:a"):
            result(self.counters.fail(key, 60))
        self.assertEqual(result(self.counters.forget("login:1:")), 2)
        self.assertEqual(result(self.counters.failures("login:1:a", 60)), 0)
        self.assertEqual(result(self.counters.failures("login:2:a", 60)), 1)
        result(self.counters.clear("login:2:a"))
        result(self.counters.clear("unknown"))
        self.assertEqual(result(self.counters.failures("login:2:a", 60)), 0)

    def test_memory_is_bounded(self) -> None:
        """A flood of names keeps no more than there is room for: the stale go first, else who failed longest ago."""
        with patch("mailrelay.store.counters.ROOM", 10):
            for number in range(100):
                self.clock.advance(0.1)
                result(self.counters.fail(f"k{number}", 60))
                result(self.counters.throttle(f"k{number}", 1, 600, 60, 1))
            self.assertLessEqual(len(self.counters._failures), 10)
            self.assertEqual(result(self.counters.failures("k99", 60)), 1)
            self.assertEqual(result(self.counters.failures("k0", 60)), 0)
            self.clock.advance(100)
            result(self.counters.fail("new", 60))
            self.assertEqual(len(self.counters._failures), 1)
            self.assertLessEqual(len(self.counters._throttles), 10)
