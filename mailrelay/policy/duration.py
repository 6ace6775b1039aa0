"""How long delivered mail took: the time apart by whose it was, histograms that add up, and percentiles of them.

A histogram counts in buckets that grow with the time, two for each doubling: below 1 ms, then from 1, 2, 3, 4, 6, 8, 12
ms and so on. Counts of hours and connections are added up as they are; a percentile of the sum is right to within its
bucket.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..mail.envelope import SECOND

#: Parts of the time from acceptance to delivery: all of it; what passed before the first attempt and between ours and
#: the wire; what `policy.shaping` had it wait; and what the receiver took, from its first deferral on.
TOTAL, WAIT, THROTTLE, REMOTE = PHASES = ("total", "wait", "throttle", "remote")
#: Shares that are told.
PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class Timing:
    """One part: of how many deliveries, and its percentiles in seconds."""

    phase: str
    number: int
    p50: float
    p90: float
    p99: float


def apart(total: int, throttled: int, remote: int) -> Mapping[str, int]:
    """The parts of a time, in microseconds, each within what is left of it."""
    total = max(total, 0)
    throttled = min(max(throttled, 0), total)
    remote = min(max(remote, 0), total - throttled)
    return {TOTAL: total, WAIT: total - throttled - remote, THROTTLE: throttled, REMOTE: remote}


def bucket(microseconds: int) -> int:
    """The number of the bucket in which a time is counted."""
    ms = microseconds // 1000
    if ms < 2:
        return max(ms, 0)
    bits = ms.bit_length()
    return 2 * bits - 2 + (ms >> (bits - 2) & 1)


def beginning(bucket: int) -> int:
    """From how many milliseconds on a bucket counts; it ends where the next begins."""
    return bucket if bucket < 2 else (2 + (bucket & 1)) << (bucket // 2 - 1)


def percentile(counts: Mapping[int, int], percent: int) -> float:
    """So many percent of what was counted took at most so many seconds, evenly within a bucket; what is below 1 ms
    is 0, and so is that of nothing."""
    rank = sum(counts.values()) * percent / 100
    passed = 0
    for number in sorted(counts):
        if counts[number] > 0 and passed + counts[number] >= rank:
            begin, end = beginning(number), beginning(number + 1) if number else 0
            return round(begin + (end - begin) * (rank - passed) / counts[number]) * 1000 / SECOND
        passed += counts[number]
    return 0.0


def timings(counted: Mapping[str, Mapping[int, int]]) -> tuple[Timing, ...]:
    """Every part, of histograms by its name. Times of none are not counted in a part: those that are missing took no
    time there."""
    whole = sum(counted.get(TOTAL, {}).values())
    found = []
    for phase in PHASES:
        counts = dict(counted.get(phase, {}))
        missing = whole - sum(counts.values())
        if missing > 0:
            counts[0] = counts.get(0, 0) + missing
        found.append(Timing(phase, whole, *(percentile(counts, percent) for percent in PERCENTILES)))
    return tuple(found)
