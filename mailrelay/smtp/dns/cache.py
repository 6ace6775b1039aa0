"""What was answered of late, for as long as it holds: bounded in number and in time.

A value that holds for no time is never kept. Keys and values are the caller's; the clock is handed in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IReactorTime

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """At most `size` values; when it is full, the one that was not asked for the longest goes."""

    def __init__(self, clock: IReactorTime, size: int) -> None:
        self._clock = clock
        self._size = size
        self._kept: OrderedDict[K, tuple[V, float]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value that is kept under a key and holds."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        value, until = kept
        if until <= self._clock.seconds():
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return value

    def put(self, key: K, value: V, seconds: float) -> None:
        """Keep a value for so long."""
        if seconds <= 0:
            return
        self._kept[key] = value, self._clock.seconds() + seconds
        self._kept.move_to_end(key)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
