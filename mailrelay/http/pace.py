"""How many requests a caller of the API may send: GCRA, counted where everything of the kind is counted.

Every answer tells the state in the usual headers: RateLimit-Limit, how many pass at once; RateLimit-Remaining, how many
still do; RateLimit-Reset, in how many seconds all of them do again. Who sends more is told 429 with Retry-After, and
nothing was done. Each token has a count of its own, whatever address it is used from.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from twisted.web.iweb import IRequest

from ..interfaces.counters import ICounters
from ..manage.caller import Caller
from .problem import Problem

PERIOD = 60  #: seconds


@dataclass(frozen=True, slots=True)
class Pace:
    """So many requests `per_minute` (0: any number), so many of them `at_once`."""

    per_minute: int = 0
    at_once: int = 1

    async def keep(self, counters: ICounters | None, caller: Caller, request: IRequest) -> None:
        """Let a request pass, and tell its sender how many more may; fails with the `Problem` of one too many."""
        if not self.per_minute or counters is None:
            return
        key = f"api:{caller.id or caller.name}"
        wait, left = await counters.take(key, 1, self.per_minute, PERIOD, self.at_once)
        whole = (self.at_once - left) * PERIOD / self.per_minute
        for name, value in (("Limit", self.at_once), ("Remaining", left), ("Reset", ceil(whole))):
            request.setHeader(f"RateLimit-{name}".encode("ascii"), b"%d" % value)
        if wait:
            raise Problem(429, "too many requests; wait a little", headers={"Retry-After": str(max(1, ceil(wait)))})


#: No bound.
ANY = Pace()
