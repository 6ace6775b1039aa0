"""What is remembered, and for how long."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.smtp.dns.cache import Cache


class CacheTests(SynchronousTestCase):
    """Values that hold for a while."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.cache: Cache[str, int] = Cache(self.clock, 2)

    def test_until_it_ends(self) -> None:
        """A value is there until its time is over."""
        self.cache.put("a", 1, 10)
        self.clock.advance(9.9)
        self.assertEqual(self.cache.get("a"), 1)
        self.clock.advance(0.1)
        self.assertIsNone(self.cache.get("a"))

    def test_no_time(self) -> None:
        """What holds for no time is not kept."""
        self.cache.put("a", 1, 0)
        self.assertIsNone(self.cache.get("a"))

    def test_later_value(self) -> None:
        """A new value takes the place of the old one, with its own time."""
        self.cache.put("a", 1, 10)
        self.cache.put("a", 2, 20)
        self.clock.advance(15)
        self.assertEqual(self.cache.get("a"), 2)

    def test_bounded(self) -> None:
        """When it is full, what was not asked for the longest goes."""
        self.cache.put("a", 1, 10)
        self.cache.put("b", 2, 10)
        self.cache.get("a")
        self.cache.put("c", 3, 10)
        self.assertEqual([self.cache.get(key) for key in "abc"], [1, None, 3])
