"""What admission and login need to count: throttles and login failures."""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.defer import Deferred
from zope.interface import Interface


def login_key(address: str = "", username: str = "") -> str:
    """The key under which failed logins are counted: of a user name from an address, of an address, or of all.

    An IPv6 address stands in brackets, so that no key is the beginning of another address's.
    """
    if not address:
        return "login:"
    key = f"login:[{address}]" if ":" in address else f"login:{address}"
    return f"{key}:{username.casefold()}" if username else key


class Taken(NamedTuple):
    """What came of asking for units: 0.0 when they were taken, else the seconds to `wait`; and how many are `left` that
    could be taken at once from now on."""

    wait: float
    left: int


class ICounters(Interface):
    """Short-lived counts, in memory or shared."""

    def throttle(key: str, units: int, rate: int, period: int, burst: int) -> Deferred[float]:
        """Take `units` under GCRA if they conform to `rate` units per `period` seconds with `burst` at once.

        Fires with 0.0 when taken, else with the seconds to wait (nothing is taken).
        """

    def take(key: str, units: int, rate: int, period: int, burst: int) -> Deferred[Taken]:
        """The same, and how many units are left."""

    def fail(key: str, window: float) -> Deferred[int]:
        """Count one failure; fires with the failures under `key` within the last `window` seconds."""

    def failures(key: str, window: float) -> Deferred[int]:
        """The failures under `key` within the last `window` seconds."""

    def clear(key: str) -> Deferred[None]:
        """Drop the failures under one key."""

    def forget(key: str) -> Deferred[int]:
        """Drop the failures under a key and under all that are parts of it (``key:…``); fires with how many keys."""
