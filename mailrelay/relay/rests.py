"""For how long mail in hand is kept back by the pace of its destination, so that statistics can tell it apart.

A clock for each destination runs while it rests; mail that comes notes where it stands, and what it has run on when its
turn comes is the time that shaping took. Only destinations that ever rested cost anything.
"""

from __future__ import annotations

from collections.abc import Callable

from ..mail.envelope import Delivery

#: Destinations that are remembered; beyond, all begin anew.
MOST = 10_000


class Rests:
    """The rests of all destinations; `now` gives microseconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._rested: dict[str, int] = {}
        self._since: dict[str, int] = {}
        self._noted: dict[str, int] = {}

    def begin(self, destination: str) -> None:
        """A destination rests from now on."""
        self._since.setdefault(destination, self._now())

    def end(self, destination: str) -> None:
        """It may go on."""
        since = self._since.pop(destination, None)
        if since is None:
            return
        if len(self._rested) >= MOST:
            self._rested.clear()
            self._noted.clear()
        self._rested[destination] = self._rested.get(destination, 0) + max(self._now() - since, 0)

    def put(self, delivery: Delivery) -> None:
        """A delivery begins to wait."""
        if (self._rested or self._since) and (stands := self._stands(delivery.destination)):
            self._noted[delivery.recipient] = stands

    def taken(self, delivery: Delivery) -> int:
        """Its turn has come, or it waits here no longer: the microseconds of rest since it came."""
        if not (self._rested or self._since):
            return 0
        return max(self._stands(delivery.destination) - self._noted.pop(delivery.recipient, 0), 0)

    def _stands(self, destination: str) -> int:
        since = self._since.get(destination)
        return self._rested.get(destination, 0) + (max(self._now() - since, 0) if since is not None else 0)
