"""What recipients do, on its way to the store: gathered, looked at together, and written a few seconds later.

An answer never waits for it. What cannot be written is tried again until it can, and beyond `ROOM` acts the newest are
counted and lost, so that a flood or a dead store costs no memory. Acts are held for as long as a burst takes to show:
what no person does at once is a machine's (`policy.machines`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..interfaces.engagement import Engagement, IEngagement
from ..mail.envelope import SECOND
from ..mail.event import Event
from ..policy.machines import BURST, Burst

ROOM = 20_000  #: acts in memory
BATCH = 1000  #: acts written at a time
HOLD = 2.0  #: seconds that an act is held
RETRY = 5.0  #: seconds after a failure

log = Logger()


class Acts:
    """Takes acts and writes them to `engagement`, from `add` on until `stop`."""

    def __init__(
        self, engagement: IEngagement, clock: IReactorTime, now: Callable[[], int], burst: Burst = BURST
    ) -> None:
        self._engagement = engagement
        self._clock = clock
        self._now = now
        self._burst = burst
        self._held: list[Engagement] = []
        self._lost = 0
        self._failing = False
        self._timer: IDelayedCall | None = None
        self._writing: Deferred[None] | None = None

    def __len__(self) -> int:
        return len(self._held)

    def add(self, engagement: Engagement) -> None:
        """Take an open or a click."""
        if len(self._held) >= ROOM:
            self._lost += 1
            return
        self._held.append(engagement)
        self._later(HOLD)

    def stop(self) -> Deferred[None]:
        """Write what is held, as far as it can be written at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._writing is not None:
            await self._writing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._write(len(self._held))
        if self._held:
            log.error("{count} opens and clicks could not be written", count=len(self._held))

    def _later(self, seconds: float) -> None:
        if self._timer is None and self._writing is None:
            self._timer = self._clock.callLater(seconds, self._turn)

    def _turn(self) -> None:
        self._timer = None
        ripe = self._now() - round(HOLD * SECOND)
        count = sum(each.at <= ripe for each in self._held)
        self._writing = Deferred.fromCoroutine(self._write(count))
        self._writing.addBoth(self._wrote)

    def _wrote(self, result: object) -> None:
        self._writing = None
        if self._held:
            self._later(RETRY if self._failing else HOLD)

    async def _write(self, count: int) -> None:
        """Write the oldest, judged beside all that are held."""
        self._held = judged(self._held, self._burst)
        while count > 0:
            batch, self._held = self._held[: min(count, BATCH)], self._held[min(count, BATCH) :]
            count -= len(batch)
            try:
                await self._engagement.record(batch)
            except Exception as error:
                self._held[:0] = batch
                if not self._failing:
                    log.error("opens and clicks cannot be written, they wait: {error}", error=error)
                self._failing = True
                return
            if self._failing:
                log.info("opens and clicks can be written again, {lost} were lost", lost=self._lost)
            elif self._lost:
                log.warn("{lost} opens and clicks were lost, too many came at once", lost=self._lost)
            self._failing, self._lost = False, 0


def judged(acts: list[Engagement], burst: Burst) -> list[Engagement]:
    """The acts, with those of a burst said to be a machine's. All of one mail, or of one address, are judged alike."""
    mails: dict[str, list[Engagement]] = {}
    addresses: dict[str, list[Engagement]] = {}
    for each in acts:
        if not each.machine:
            mails.setdefault(each.recipient, []).append(each)
            if each.act is Event.CLICKED:
                addresses.setdefault(each.address, []).append(each)
    machines: set[str] = set()
    for recipient, done in mails.items():
        clicks = [each for each in done if each.act is Event.CLICKED]
        if _at_once(clicks, burst.window, burst.targets, lambda each: each.target) or _at_once(
            done, burst.window, burst.acts, lambda each: each.id
        ):
            machines.add(recipient)
    crowded = {
        address
        for address, done in addresses.items()
        if _at_once(done, burst.window, burst.mails, lambda each: each.recipient)
    }
    if not machines and not crowded:
        return acts
    return [
        replace(each, machine="burst")
        if not each.machine and (each.recipient in machines or (each.act is Event.CLICKED and each.address in crowded))
        else each
        for each in acts
    ]


def _at_once(done: list[Engagement], window: int, many: int, what: Callable[[Engagement], str]) -> bool:
    """Are there so many different ones within one window?"""
    if len(done) < many:
        return False
    done = sorted(done, key=lambda each: each.at)
    seen: dict[str, int] = {}
    first = 0
    for each in done:
        seen[what(each)] = seen.get(what(each), 0) + 1
        while each.at - done[first].at > window:
            gone = what(done[first])
            seen[gone] -= 1
            if not seen[gone]:
                del seen[gone]
            first += 1
        if len(seen) >= many:
            return True
    return False
