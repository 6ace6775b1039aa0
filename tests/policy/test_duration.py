"""Times of deliveries: their parts, buckets and percentiles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import SECOND
from mailrelay.policy.duration import PHASES, apart, beginning, bucket, percentile, timings

_times = st.integers(-5, 10 * 86_400 * SECOND)


class DurationTests(SynchronousTestCase):
    @given(_times, _times, _times)
    def test_parts(self, total: int, throttled: int, remote: int) -> None:
        """The parts add up to the whole, whatever was measured, and none is below zero."""
        parts = apart(total, throttled, remote)
        self.assertEqual(tuple(parts), PHASES)
        self.assertEqual(parts["total"], parts["wait"] + parts["throttle"] + parts["remote"])
        self.assertGreaterEqual(min(parts.values()), 0)

    @given(_times)
    def test_buckets(self, microseconds: int) -> None:
        """Every time lies in its bucket, which is at most half as wide again as where it begins."""
        number, ms = bucket(microseconds), max(microseconds, 0) // 1000
        self.assertLessEqual(beginning(number), ms)
        self.assertLess(ms, beginning(number + 1))
        self.assertLessEqual(beginning(number + 1), max(1, 2 * beginning(number)))

    @given(st.lists(st.integers(0, 86_400_000), min_size=1), st.sampled_from([50, 90, 99]))
    def test_percentiles(self, times: list[int], percent: int) -> None:
        """A percentile lies in the bucket of the time that has so many at or before it."""
        counts: dict[int, int] = {}
        for ms in times:
            counts[bucket(ms * 1000)] = counts.get(bucket(ms * 1000), 0) + 1
        exact = sorted(times)[max(0, -(-len(times) * percent // 100) - 1)]
        found = percentile(counts, percent) * 1000
        self.assertGreaterEqual(found, beginning(bucket(exact * 1000)) - 0.501)
        self.assertLessEqual(found, beginning(bucket(exact * 1000) + 1) + 0.501)

    def test_what_took_no_time(self) -> None:
        """A part in which nothing was counted took no time in any delivery; of no deliveries everything is 0."""
        found = {each.phase: each for each in timings({"total": {10: 3, 20: 1}, "remote": {10: 4}})}
        self.assertEqual((found["throttle"].number, found["throttle"].p99), (4, 0.0))
        self.assertEqual(found["total"].p50, 0.043)
        self.assertEqual({(each.number, each.p50) for each in timings({})}, {(0, 0.0)})
