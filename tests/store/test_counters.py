"""Throttles and login failures, in memory and in a real Redis: rates, sliding windows, and how much is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from typing import Any, cast
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.counters import ICounters, login_key
from mailrelay.policy.limit import gcra
from mailrelay.store import counters as module
from mailrelay.store.counters import MemoryCounters
from mailrelay.store.redis import Link
from mailrelay.store.redis_counters import RedisCounters, greet

from ..examples import at_most
from ..live.redis import server
from .asked_at_once import BlockingTransport, connect

#: Does one fail, and how many seconds after the step before?
spreads = st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=30)

_prefixes = count(1)


def redis_counters(clock: Clock) -> RedisCounters:
    """Counters in Redis that live by a clock of the test, under a prefix of their own."""
    prefix = f"t{next(_prefixes)}:"
    link = Link(lambda: connect(server().path), lambda redis: greet(redis, prefix), "here", clock, 1.0)
    counters = RedisCounters(link, prefix, clock, clock)
    counters.start()
    return counters


class Laws:
    """What holds wherever counts are kept; `make` gives the counters."""

    make: Callable[[Clock], Any]

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.counters = type(self).make(self.clock)
        self.addCleanup(self.counters.stop)

    def fail_at(self, key: str, window: float = 60.0) -> int:
        return self.successResultOf(self.counters.fail(key, window))

    def failures(self, key: str, window: float = 60.0) -> int:
        return self.successResultOf(self.counters.failures(key, window))

    def take(self, key: str = "k", units: int = 1) -> float:
        """Ten units a minute, three at once."""
        return self.successResultOf(self.counters.throttle(key, units, 10, 60, 3))

    def test_interface(self) -> None:
        """It is what the relay asks for."""
        verifyObject(ICounters, self.counters)


class ThrottleLaws(Laws):
    def test_burst_and_rate(self) -> None:
        """A burst passes at once, then one unit every six seconds; who waits as long as told is let through."""
        self.assertEqual([self.take() for _ in range(3)], [0.0] * 3)
        for _ in range(5):
            self.assertAlmostEqual(self.take(), 6.0, 5)
            self.clock.advance(5.9)
            self.assertAlmostEqual(self.take(), 0.1, 5)
            self.clock.advance(0.1)
            self.assertEqual(self.take(), 0.0)

    def test_refusal_takes_nothing(self) -> None:
        """However often one asks in vain, the wait grows no longer."""
        self.take(units=3)
        self.assertEqual(len({self.take() for _ in range(20)}), 1)

    def test_left(self) -> None:
        """With each answer comes how many could be taken at once from then on."""
        asked = [self.successResultOf(self.counters.take("k", 1, 10, 60, 3)) for _ in range(4)]
        self.assertEqual([left for _, left in asked], [2, 1, 0, 0])
        self.assertEqual([wait == 0.0 for wait, _ in asked], [True, True, True, False])
        self.clock.advance(12)
        self.assertEqual(self.successResultOf(self.counters.take("k", 1, 10, 60, 3)), (0.0, 1))

    def test_keys_are_apart(self) -> None:
        """One key's burst leaves another's whole."""
        self.take("a", 3)
        self.assertGreater(self.take("a"), 0)
        self.assertEqual(self.take("b", 3), 0.0)

    def test_never_more_than_the_rate(self) -> None:
        """Whoever tries all the time gets burst + rate · time, and not a unit more (L12)."""
        passed = 0
        for _ in range(1200):
            passed += self.take() == 0.0
            self.clock.advance(0.5)
        self.assertEqual(passed, 3 + 10 * 600 // 60 - 1)

    def test_impossible(self) -> None:
        """More at once than could ever pass is a mistake of the caller, told as a failed Deferred."""
        self.failureResultOf(self.counters.throttle("k", 4, 10, 60, 3), ValueError)


class FailureLaws(Laws):
    def test_window_slides(self) -> None:
        """A failure counts for as long as the window, from its own instant on."""
        self.assertEqual(self.failures("k"), 0)
        self.assertEqual(self.fail_at("k"), 1)
        self.clock.advance(40)
        self.assertEqual(self.fail_at("k"), 2)
        self.clock.advance(19.9)
        self.assertEqual(self.failures("k"), 2)
        self.clock.advance(0.1)
        self.assertEqual(self.failures("k"), 1)
        self.clock.advance(40)
        self.assertEqual(self.failures("k"), 0)
        self.assertEqual(self.fail_at("k"), 1)

    def check_spread(self, steps: list[tuple[bool, int]]) -> None:
        """The count is exactly that of the failures within the window, however they are spread."""
        clock = Clock()
        counters = type(self).make(clock)
        failed: list[float] = []
        for fails, seconds in steps:
            clock.advance(seconds)
            if fails:
                failed.append(clock.seconds())
            expected = sum(instant > clock.seconds() - 60 for instant in failed)
            found = counters.fail("k", 60) if fails else counters.failures("k", 60)
            self.assertEqual(self.successResultOf(found), expected)
        counters.stop()

    def test_clear(self) -> None:
        """Clearing drops one key only, not those that begin alike."""
        for key in ("k", "k:ann", "kk"):
            self.fail_at(key)
        self.assertIsNone(self.successResultOf(self.counters.clear("k")))
        self.successResultOf(self.counters.clear("never failed"))
        self.assertEqual([self.failures(key) for key in ("k", "k:ann", "kk")], [0, 1, 1])

    def test_forget(self) -> None:
        """Forgetting an address drops its user names with it, and no other address that begins alike."""
        addresses = ("10.0.0.1", "10.0.0.10", "2001:db8::1", "2001:db8::1:5")
        keys = {(at, who): login_key(at, who) for at in addresses for who in ("", "ann", "Ann.b")}
        for key in keys.values():
            self.fail_at(key)

        def left(*cleared: str) -> set[tuple[str, str]]:
            self.successResultOf(self.counters.forget(login_key(*cleared)))
            return {pair for pair, key in keys.items() if not self.failures(key)}

        gone = {("10.0.0.1", "ann")}
        self.assertEqual(left("10.0.0.1", "ANN"), gone)
        gone |= {("10.0.0.1", who) for who in ("", "Ann.b")}
        self.assertEqual(left("10.0.0.1"), gone)
        gone |= {("2001:db8::1", who) for who in ("", "ann", "Ann.b")}
        self.assertEqual(left("2001:db8::1"), gone)
        self.assertEqual(left(), set(keys))

    def test_forget_counts(self) -> None:
        """It tells how many keys there were, and leaves throttles alone."""
        self.take("login:10.0.0.1", 3)
        for key in ("login:10.0.0.1", "login:10.0.0.1:ann", "login:10.0.0.10"):
            self.fail_at(key)
        self.assertEqual(self.successResultOf(self.counters.forget("login:10.0.0.1")), 2)
        self.assertEqual(self.successResultOf(self.counters.forget("login:")), 1)
        self.assertEqual(self.successResultOf(self.counters.forget("login:")), 0)
        self.assertGreater(self.take("login:10.0.0.1"), 0)

    def test_odd_names(self) -> None:
        """Names that look like patterns, or are no text, are names like any other."""
        names = ("a*", "a?", "[ab]", "a\\", "^a", "a-b", "\udcff", "ab", "a b", "5", "0.5", "ü")
        for name in names:
            self.fail_at(login_key("10.0.0.1", name))
        for number, name in enumerate(names, 1):
            key = login_key("10.0.0.1", name)
            self.assertEqual(self.successResultOf(self.counters.forget(key)), 1, name)
            rest = [each for each in names if self.failures(login_key("10.0.0.1", each))]
            self.assertEqual(rest, list(names[number:]))


class MemoryThrottleTests(ThrottleLaws, SynchronousTestCase):
    """In memory."""

    make = MemoryCounters

    def test_bounded(self) -> None:
        """What has earned its units back is dropped when there are too many keys; what still waits is kept."""
        with patch.object(module, "ROOM", 10):
            for number in range(10):
                self.take(f"old {number}")
            self.clock.advance(30)
            self.take("busy", 3)
            self.take("another")
            self.assertEqual(set(self.counters._throttles), {"busy", "another"})
            self.assertGreater(self.take("busy"), 0)


class MemoryFailureTests(FailureLaws, SynchronousTestCase):
    """In memory."""

    make = MemoryCounters

    @given(spreads)
    @at_most(50)
    def test_any_spread(self, steps: list[tuple[bool, int]]) -> None:
        """A failure counts for as long as the window, however failures are spread."""
        self.check_spread(steps)

    def test_bounded(self) -> None:
        """Beyond its room it keeps what a window still reaches; when that is everything, the freshest."""
        with patch.object(module, "ROOM", 3):
            self.fail_at("long", 600)
            for key in ("a", "b"):
                self.clock.advance(1)
                self.fail_at(key)
            self.clock.advance(1)
            self.fail_at("c")
            self.assertEqual(set(self.counters._failures), {"a", "b", "c"})
            self.clock.advance(58)
            self.fail_at("d")
            self.assertEqual(set(self.counters._failures), {"b", "c", "d"})
            self.fail_at("d")
            self.assertEqual(self.failures("d"), 2)
            self.assertEqual(len(self.counters._failures), 3)


class RedisThrottleTests(ThrottleLaws, SynchronousTestCase):
    """In a real Redis."""

    make = redis_counters

    @given(
        st.integers(1, 100),
        st.sampled_from([1, 7, 60, 3600]),
        st.integers(1, 10),
        st.lists(st.tuples(st.floats(0, 30), st.integers(1, 10)), max_size=20),
    )
    @at_most(60)
    def test_same_answers(self, rate: int, period: int, burst: int, steps: list[tuple[float, int]]) -> None:
        """Redis answers as the algorithm itself does, to the microsecond in which it is told."""
        clock = Clock()
        clock.advance(1_800_000_000.0)
        counters, tat = redis_counters(clock), 0.0
        for pause, units in steps:
            clock.advance(pause)
            units = min(units, burst)
            wait, tat = gcra(tat, clock.seconds(), units, rate, period, burst)
            found = self.successResultOf(counters.throttle("k", units, rate, period, burst))
            self.assertEqual(found, math.ceil(wait * 1e6) / 1e6)
        counters.stop()

    def test_time_is_redis_own(self) -> None:
        """However wrong the clocks of two processes are, together they get one rate (L12)."""
        link = Link(lambda: connect(server().path), lambda redis: greet(redis, "own:"), "here", self.clock, 1.0)
        ours = RedisCounters(link, "own:", self.clock)
        ours.start()
        taken = 0
        for _ in range(5):
            taken += self.successResultOf(ours.throttle("k", 1, 1, 3600, 3)) == 0.0
            self.clock.advance(86400)
        self.assertEqual(taken, 3)
        ours.stop()

    def test_keys_expire(self) -> None:
        """A throttle is forgotten when its burst is whole again, a failure with its window."""
        prefix = self.counters._prefix
        self.take(units=2)
        self.fail_at("f", 40)
        for key, most in ((f"{prefix}throttle:k", 12_000), (f"{prefix}failures:f", 40_000)):
            left = int(server().say("PTTL", key)[1:])
            self.assertTrue(most - 2000 < left <= most + 1, (key, left))


class RedisFailureTests(FailureLaws, SynchronousTestCase):
    """In a real Redis."""

    make = redis_counters

    @given(spreads)
    @at_most(50)
    def test_any_spread(self, steps: list[tuple[bool, int]]) -> None:
        """A failure counts for as long as the window, however failures are spread."""
        self.check_spread(steps)

    def test_shared(self) -> None:
        """What one process counts another one sees, and drops."""
        other = RedisCounters(self.counters._link, self.counters._prefix, Clock(), self.clock)
        self.fail_at("k")
        self.assertEqual(self.successResultOf(other.fail("k", 60)), 2)
        self.assertEqual(self.failures("k"), 2)
        self.successResultOf(other.clear("k"))
        self.assertEqual(self.failures("k"), 0)

    def test_one_round_trip(self) -> None:
        """Each answer costs one round trip, also when Redis has forgotten the script but for the first."""
        wire = cast(BlockingTransport, self.counters._link._redis.transport)
        for again in range(2):
            self.fail_at("k")
            self.successResultOf(self.counters.throttle("k", 1, 10, 60, 3))
            before = wire.round_trips
            self.fail_at("k")
            self.failures("k")
            self.successResultOf(self.counters.throttle("k", 1, 10, 60, 3))
            self.successResultOf(self.counters.clear("k"))
            self.assertEqual(wire.round_trips - before, 4)
            if not again:
                server().say("SCRIPT", "FLUSH")

    def test_forget_among_many(self) -> None:
        """What is not ours stays, however much there is of it."""
        wanted = [login_key("10.0.0.1", f"u{n}") for n in range(30)]
        for number in range(3000):
            self.counters._link._redis.execute_command("SET", f"else:{number}", "x")
        for key in wanted:
            self.fail_at(key)
        self.fail_at(login_key("10.0.0.11"))
        self.assertEqual(self.successResultOf(self.counters.forget(login_key("10.0.0.1"))), 30)
        self.assertEqual(self.failures(login_key("10.0.0.11")), 1)
        self.assertEqual(server().say("EXISTS", "else:0", "else:2999"), b":2\r\n")
        server().say("FLUSHALL")


class LoginKeyTests(SynchronousTestCase):
    def test_keys(self) -> None:
        """One spelling for each: user names in any case, IPv6 addresses in brackets."""
        self.assertEqual(login_key(), "login:")
        self.assertEqual(login_key("192.0.2.7"), "login:192.0.2.7")
        self.assertEqual(login_key("192.0.2.7", "Web@Shop"), "login:192.0.2.7:web@shop")
        self.assertEqual(login_key("::1", "web"), "login:[::1]:web")
