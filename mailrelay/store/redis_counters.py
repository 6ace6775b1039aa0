"""Throttles and login failures in Redis: `ICounters` for processes that share them, one round trip for each answer.

Time is Redis' own, because the clocks of those who share it may differ; it answers as `policy.limit.gcra` does and as
`MemoryCounters` do. While Redis is away each process counts alone: a throttle lets its steady rate pass and no burst,
since others may do the same, and failures count from those that this process saw itself. Nothing that was counted alone
is carried over when Redis is back, so nothing counts twice. Keys expire when they mean nothing any more. This module
never waits for longer than its `Link`.
"""

from __future__ import annotations

import re
from operator import methodcaller
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from ..interfaces.counters import ICounters, Taken
from ..policy.limit import GRAIN, check, left
from .counters import Clock, MemoryCounters
from .redis import Away, Link, Redis

T = TypeVar("T")

#: Both scripts get the time as first argument, in seconds; without it they ask Redis.
_TIME = b"""
local now = tonumber(ARGV[1])
if not now then
    local time = redis.call('TIME')
    now = time[1] + time[2] / 1e6
end
"""

#: KEYS: the throttle. ARGV: time, units, rate, period, burst. Microseconds to wait, 0: taken; and those by which the
#: state is ahead of the time.
THROTTLE = _TIME + (
    b"""
local grain = %.17g
local units, rate, period, burst = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local interval = period / rate
local tat = tonumber(redis.call('GET', KEYS[1]) or 0) or 0
tat = math.min(tat, now + burst * interval + 2 * grain)
local earned = math.max(tat, now) + units * interval
local wait = earned - burst * interval - now
if wait > grain then
    return {math.ceil(wait * 1e6), math.ceil(math.max(0, tat - now) * 1e6)}
end
redis.call('SET', KEYS[1], string.format('%%.17g', earned), 'PX', math.ceil((earned - now) * 1e3) + 1)
return {0, math.ceil((earned - now) * 1e6)}
"""
    % GRAIN
)

#: KEYS: the failures, oldest first. ARGV: time, window in seconds, 1 to add one. How many are within the window.
FAILURES = (
    _TIME
    + b"""
local window = tonumber(ARGV[2])
local oldest = redis.call('LINDEX', KEYS[1], 0)
while oldest and tonumber(oldest) <= now - window do
    redis.call('LPOP', KEYS[1])
    oldest = redis.call('LINDEX', KEYS[1], 0)
end
if ARGV[3] == '1' then
    redis.call('RPUSH', KEYS[1], string.format('%.17g', now))
    redis.call('PEXPIRE', KEYS[1], math.ceil(window * 1e3))
end
return redis.call('LLEN', KEYS[1])
"""
)

#: Keys that Redis looks at in one step of a search, and what is no plain letter in its patterns.
_STEP = 1000
_SPECIAL = re.compile(rb"[*?\[\]\\^-]")


async def greet(redis: Redis, prefix: str, username: str = "", password: str = "", database: int = 0) -> None:
    """Log in, and make sure that keys under the prefix can be written: a server that is full, or that only reads, is
    no better than none."""
    if password:
        await redis.auth(password, username or None)
    if database:
        await redis.select(database)
    await redis.eval(THROTTLE, [f"{prefix}greeting".encode()], _words("", 1, 1000, 1, 1000))


@implementer(ICounters)
class RedisCounters:
    """Counts of all processes that use one prefix of one Redis; `clock` is for what this process counts alone."""

    def __init__(self, link: Link, prefix: str, clock: Clock, time: Clock | None = None) -> None:
        """With `time`, for tests, that clock stands in for Redis' own."""
        self._link = link
        self._prefix = prefix
        self._time = time
        self._alone = MemoryCounters(clock)

    @property
    def shared(self) -> bool:
        """Whether Redis counts; else this process does alone."""
        return self._link.open

    def start(self) -> Deferred[None]:
        """Connect; fires when it is known whether Redis is there."""
        return self._link.start()

    def stop(self) -> None:
        """Close the connection."""
        self._link.stop()

    def throttle(self, key: str, units: int, rate: int, period: int, burst: int) -> Deferred[float]:
        return self.take(key, units, rate, period, burst).addCallback(_wait)

    def take(self, key: str, units: int, rate: int, period: int, burst: int) -> Deferred[Taken]:
        try:
            check(units, rate, period, burst)
        except ValueError:
            return fail()

        def alone(failure: Any) -> Deferred[Taken]:
            failure.trap(Away)
            return self._alone.take(key, units, rate, period, units)

        def told(answer: list[int]) -> Taken:
            wait, ahead = answer
            return Taken(wait / 1e6, left(ahead / 1e6, 0.0, rate, period, burst))

        words = _words(self._now(), units, rate, period, burst)
        asked = self._link.ask(lambda redis: redis.eval(THROTTLE, [self._key("throttle", key)], words))
        return asked.addCallbacks(told, alone)

    def fail(self, key: str, window: float) -> Deferred[int]:
        alone = self._alone.fail(key, window)
        return self._count(key, window, "1").addErrback(_instead, alone)

    def failures(self, key: str, window: float) -> Deferred[int]:
        return self._count(key, window, "").addErrback(_instead, self._alone.failures(key, window))

    def _count(self, key: str, window: float, add: str) -> Deferred[int]:
        words = _words(self._now(), repr(window), add)
        return self._link.ask(lambda redis: redis.eval(FAILURES, [self._key("failures", key)], words))

    def clear(self, key: str) -> Deferred[None]:
        alone = self._alone.clear(key)
        asked = self._link.ask(lambda redis: redis.delete([self._key("failures", key)]))
        return asked.addCallbacks(_nothing, _instead, errbackArgs=(alone,))

    def forget(self, key: str) -> Deferred[int]:
        return Deferred.fromCoroutine(self._forget(key.removesuffix(":")))

    async def _forget(self, key: str) -> int:
        alone = await self._alone.forget(key)
        whole = self._key("failures", key)
        pattern = _SPECIAL.sub(rb"\\\g<0>", whole) + b"*"
        cursor, dropped = 0, 0
        try:
            while True:
                step = await self._link.ask(methodcaller("scan", cursor, pattern, _STEP))
                cursor = int(step[0])
                if parts := [known for known in step[1] if known == whole or known.startswith(whole + b":")]:
                    dropped += await self._link.ask(methodcaller("delete", parts))
                if not cursor:
                    return dropped
        except Away:
            return alone

    def _now(self) -> str:
        return "" if self._time is None else repr(self._time.seconds())

    def _key(self, kind: str, key: str) -> bytes:
        # user names may hold octets that were no text
        return f"{self._prefix}{kind}:{key}".encode("utf-8", "surrogatepass")


def _words(*words: object) -> list[bytes]:
    return [str(word).encode("ascii") for word in words]


def _wait(taken: Taken) -> float:
    return taken.wait


def _nothing(_: object) -> None:
    pass


def _instead(failure: Any, alone: Deferred[T]) -> Deferred[T]:
    """What this process counted alone is the answer when Redis is away."""
    failure.trap(Away)
    return alone
