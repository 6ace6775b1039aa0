"""Throttles and login failures in memory: `ICounters` for a process that shares them with nobody.

Everything is forgotten with the process. What is stale is dropped as it is met, and all of it when there is too much.
This module never waits.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from twisted.internet.defer import Deferred, execute, succeed
from zope.interface import implementer

from ..interfaces.counters import ICounters, Taken
from ..policy.limit import gcra, left

#: Keys of one kind kept before stale ones are looked for.
ROOM = 50_000


class Clock(Protocol):
    """Reads seconds that only grow."""

    def seconds(self) -> float: ...


@implementer(ICounters)
class MemoryCounters:
    """Counts of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._throttles: dict[str, float] = {}
        self._failures: dict[str, tuple[float, deque[float]]] = {}

    def start(self) -> Deferred[None]:
        """Memory is there at once."""
        return succeed(None)

    def stop(self) -> None:
        """Nothing is held."""

    def throttle(self, key: str, units: int, rate: int, period: int, burst: int) -> Deferred[float]:
        return self.take(key, units, rate, period, burst).addCallback(_wait)

    def take(self, key: str, units: int, rate: int, period: int, burst: int) -> Deferred[Taken]:
        return execute(self._take, key, units, rate, period, burst)

    def _take(self, key: str, units: int, rate: int, period: int, burst: int) -> Taken:
        now = self._clock.seconds()
        wait, state = gcra(self._throttles.get(key, 0.0), now, units, rate, period, burst)
        if len(self._throttles) >= ROOM and key not in self._throttles:
            self._throttles = {known: tat for known, tat in self._throttles.items() if tat > now}
        self._throttles[key] = state
        return Taken(wait, left(state, now, rate, period, burst))

    def fail(self, key: str, window: float) -> Deferred[int]:
        now = self._clock.seconds()
        if len(self._failures) >= ROOM and key not in self._failures:
            self._drop_stale(now)
        _, instants = self._failures.get(key, (window, deque[float]()))
        instants.append(now)
        self._failures[key] = (window, instants)
        return self.failures(key, window)

    def failures(self, key: str, window: float) -> Deferred[int]:
        known = self._failures.get(key)
        if known is None:
            return succeed(0)
        instants = known[1]
        oldest = self._clock.seconds() - window
        while instants and instants[0] <= oldest:
            instants.popleft()
        if not instants:
            del self._failures[key]
        return succeed(len(instants))

    def clear(self, key: str) -> Deferred[None]:
        self._failures.pop(key, None)
        return succeed(None)

    def forget(self, key: str) -> Deferred[int]:
        part = f"{key.removesuffix(':')}:"
        gone = [known for known in self._failures if f"{known}:".startswith(part)]
        for known in gone:
            del self._failures[known]
        return succeed(len(gone))

    def _drop_stale(self, now: float) -> None:
        """Drop what no window reaches any more; when that is nothing, the tenth that failed longest ago."""
        stale = [key for key, (window, instants) in self._failures.items() if instants[-1] <= now - window]
        if not stale:
            stale = sorted(self._failures, key=lambda key: self._failures[key][1][-1])[: max(1, ROOM // 10)]
        for key in stale:
            del self._failures[key]


def _wait(taken: Taken) -> float:
    return taken.wait
