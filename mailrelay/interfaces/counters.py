"""What admission and login need to count: throttles and login failures."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface


class ICounters(Interface):
    """Short-lived counts, in memory or shared."""

    def throttle(key: str, units: int, rate: int, period: int, burst: int) -> Deferred[float]:
        """Take `units` under GCRA if they conform to `rate` units per `period` seconds with `burst` at once.

        Fires with 0.0 when taken, else with the seconds to wait (nothing is taken).
        """

    def fail(key: str, window: float) -> Deferred[int]:
        """Count one failure; fires with the failures under `key` within the last `window` seconds."""

    def failures(key: str, window: float) -> Deferred[int]:
        """The failures under `key` within the last `window` seconds."""

    def clear(key: str) -> Deferred[None]:
        """Drop the failures under one key."""

    def forget(prefix: str) -> Deferred[int]:
        """Drop all failures whose key begins with `prefix`; fires with how many keys there were."""
