"""Looks after connections whose recipients turn out to be nobody's, and blocks them by `policy.blocking`."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from ..interfaces.blocking import IBlocking
from ..mail.envelope import SECOND
from ..policy.blocking import WINDOW_HOURS, judge, judged_at_all

log = Logger()

_WINDOW = WINDOW_HOURS * 3600 * SECOND


class Blocker:
    """One look at all active connections; `now` reads microseconds. A connection that was activated begins anew."""

    def __init__(self, blocking: IBlocking, now: Callable[[], int]) -> None:
        self._blocking = blocking
        self._now = now

    async def look(self) -> int:
        """Block those that the rule asks for; gives how many."""
        blocked = 0
        for candidate in await self._blocking.candidates():
            if not judged_at_all(candidate.options):
                continue
            now = self._now()
            since = max(now - _WINDOW, candidate.active_since)
            block = judge(await self._blocking.figures(candidate.connection, since), candidate.options)
            if block is not None and await self._blocking.block(candidate, block, now):
                blocked += 1
                log.warn("connection {name} is blocked: {reason}", name=candidate.name, reason=block.reason)
        return blocked
