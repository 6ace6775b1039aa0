"""How long a client may take: for its next word, for a message at a modest rate, for a whole transaction or a login.

Only readings of the clock go in, in seconds, and seconds come out. The time that we take ourselves is never counted
against the client.
"""

from __future__ import annotations

from .listener import Limits


class Deadlines:
    """Those of one session, which begins `now`."""

    __slots__ = ("_data", "_heard", "_held_since", "_holds", "_limits", "_stretch")

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._data: float | None = None
        self._held_since = 0.0
        self._holds = 0
        self.begin(now)

    def begin(self, now: float) -> None:
        """A stretch begins that must come to its end: to log in, or to bring a message."""
        self._heard = self._stretch = now

    def heard(self, now: float) -> None:
        """The client was answered, or its message goes on."""
        self._heard = now

    def data(self, now: float) -> None:
        """Octets of a message came."""
        self._heard = now
        if self._data is None:
            self._data = now

    def data_ended(self) -> None:
        """The message is whole, or is none any more."""
        self._data = None

    def hold(self, now: float) -> None:
        """We cannot take more for the moment; may be said again before `go_on` is."""
        if not self._holds:
            self._held_since = now
        self._holds += 1

    def go_on(self, now: float) -> None:
        """One of the reasons to hold is gone."""
        self._holds -= 1
        if not self._holds:
            self._heard = now
            if self._data is not None:
                self._data += now - self._held_since

    @property
    def holding(self) -> bool:
        """The client waits for us to take more."""
        return self._holds > 0

    @property
    def longest(self) -> float:
        """The longest that may pass until the deadlines are looked at again."""
        return min(self._limits.idle, self._limits.transaction)

    def left(self, now: float, at_rest: bool, size: int) -> float:
        """Seconds until the first of those that run; `at_rest`: no stretch does, `size`: octets of the message."""
        limits = self._limits
        end = self._heard + limits.idle
        if not at_rest:
            end = min(end, self._stretch + limits.transaction)
        if self._data is not None and limits.data_rate:
            end = min(end, self._data + limits.idle + size / limits.data_rate)
        return end - now
