"""Which hosts took no session of late, so that others are tried first: the last that was well comes first by itself.

A host is thought down for `PAUSE` seconds after a session with it failed before any recipient was named, and is well
again as soon as one succeeds. Nobody is ever left out for it. Forgotten at a restart; bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from ..mail.envelope import SECOND, Hop

PAUSE = 300  #: seconds
HOSTS = 10_000  #: remembered

#: host, port, address
Key = tuple[str, int, str]


class DownHosts(Collection[Key]):
    """The hosts thought down; `now` gives microseconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._until: dict[Key, int] = {}

    def failed(self, hop: Hop) -> None:
        """No session came about."""
        now = self._now()
        if len(self._until) >= HOSTS:
            self._until = {key: until for key, until in self._until.items() if until > now}
        if len(self._until) < HOSTS:
            self._until[hop.host, hop.port, hop.address] = now + PAUSE * SECOND

    def well(self, hop: Hop) -> None:
        """A session came about."""
        self._until.pop((hop.host, hop.port, hop.address), None)

    def __len__(self) -> int:
        return len(self._until)

    def __iter__(self) -> Iterator[Key]:
        return iter(tuple(self._until))

    def __contains__(self, key: object) -> bool:
        until = self._until.get(key)  # type: ignore[call-overload]
        if until is None:
            return False
        if until > self._now():
            return True
        del self._until[key]  # type: ignore[arg-type]
        return False
