"""Looking into the store: what waits there and is due is claimed, lane by lane, as far as there is room for it.

A look comes once a second, or earlier when something is known to fall due, but never so often that it takes more than a
fifth of the time. One look sees a page of the lanes of each account and priority; the next one goes on behind it, so
that no number of lanes holds the others up. Claims of one look are asked together and committed together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..interfaces.ledger import ILedger, Lane
from ..mail.envelope import SECOND, Delivery
from .hand import Hand

log = Logger()

#: Lanes of one account and priority that one look sees, and claims that are asked for together.
PAGE, TOGETHER = 500, 32

#: Lanes of which it is remembered that more waits there than was claimed.
REMEMBERED = 10_000


class Looks:
    """Looks into the store from `start` to `stop`.

    `poll` are the seconds between looks, `gap` the least, `claim` the most that is taken from one lane at a time;
    `found` is given what was claimed. What is claimed counts in `hand` before it is there.
    """

    def __init__(
        self,
        ledger: ILedger,
        hand: Hand,
        found: Callable[[Sequence[Delivery]], None],
        *,
        clock: IReactorTime,
        now: Callable[[], int],
        poll: float,
        gap: float,
        claim: int,
    ) -> None:
        self._ledger = ledger
        self._hand = hand
        self._found = found
        self._clock = clock
        self._now = now
        self._poll = poll
        self._gap = gap
        self._claim = claim
        self._running = False
        self._looking = False
        self._blind = False
        self._began = 0.0
        self._took = 0.0
        self._paused_until = 0.0
        self._next_due: int | None = None
        self._timer: IDelayedCall | None = None
        self._behind: dict[tuple[str, int], str] = {}
        self._left: set[tuple[str, str, int]] = set()

    def start(self) -> None:
        """Look for the first time, and then again and again."""
        self._running = True
        self._look()

    def stop(self) -> None:
        """Claim nothing more."""
        self._running = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def pause(self, seconds: float) -> None:
        """Claim nothing for so long; what is being claimed comes all the same."""
        self._paused_until = self._clock.seconds() + seconds

    def has_left(self, account: str, destination: str, priority: int) -> bool:
        """Was there more in that lane, at the last look, than could be taken?"""
        return (account, destination, priority) in self._left

    def freed(self, delivery: Delivery) -> None:
        """A delivery left the hand: where more waits in its lane it may follow now."""
        if (delivery.account, delivery.destination, delivery.priority) in self._left:
            self.wake(self._now())

    def wake(self, due_at: int) -> None:
        """Look when a delivery falls due, if that is before the next look."""
        if self._looking:  # the look under way may have come too early to see it
            self._next_due = due_at if self._next_due is None else min(due_at, self._next_due)
        elif self._timer is not None and self._timer.active() and not self._hand.full:
            delay = max(self._gap, 4 * self._took, (due_at - self._now()) / SECOND)
            if self._clock.seconds() + delay < self._timer.getTime():
                self._timer.reset(delay)

    def _look(self) -> None:
        self._looking = True
        self._began = self._clock.seconds()
        self._next_due = None
        Deferred.fromCoroutine(self._claim_what_is_due()).addErrback(self._not_looked).addCallback(self._looked)

    def _not_looked(self, failure: Failure) -> None:
        if not self._blind:
            log.failure("looking into the queue failed, trying again", failure)
        self._blind = True

    def _looked(self, _: None) -> None:
        self._looking = False
        self._took = self._clock.seconds() - self._began
        if self._running:
            self._timer = self._clock.callLater(self._poll, self._look)
            if self._next_due is not None:
                self.wake(self._next_due)

    async def _claim_what_is_due(self) -> None:
        """Claim from every lane of the page that is due; what falls due next wakes us."""
        if self._clock.seconds() < self._paused_until:
            return
        lanes: Sequence[Lane] = await self._ledger.lanes(self._behind, PAGE)
        self._blind = False
        asked: list[Deferred[None]] = []
        for queue, found in groupby(lanes, lambda lane: (lane.account, lane.priority)):
            page = list(found)
            going_on = page[-1].destination if len(page) == PAGE else ""
            before = self._behind.get(queue, "")
            for lane in page:
                if lane.due_at > self._now():
                    self.wake(lane.due_at)
                elif self._running and self._hand.room(lane.account) > 0:
                    asked.append(self._ask(lane))
                    if len(asked) >= TOGETHER:
                        await gatherResults(asked, consumeErrors=True)
                        asked = []
                else:  # the next look goes on where this one has no room any more
                    self._leave(lane)
                    going_on = before
                    break
                before = lane.destination
            if not going_on:
                self._behind.pop(queue, None)
            elif self._behind.get(queue) != going_on:
                self._behind[queue] = going_on
                self.wake(self._now())
        await gatherResults(asked, consumeErrors=True)

    def _ask(self, lane: Lane) -> Deferred[None]:
        """Claim as much of a lane as there is room for."""
        limit = min(self._claim, self._hand.room_in(lane.account, lane.destination))
        if limit <= 0:
            self._leave(lane)
            return succeed(None)
        self._hand.expect(lane.account, lane.destination, limit)

        def claimed(deliveries: Sequence[Delivery] | Failure) -> Failure | None:
            self._hand.came(lane.account, lane.destination, limit)
            if isinstance(deliveries, Failure):
                return deliveries
            if len(deliveries) < limit:
                self._left.discard((lane.account, lane.destination, lane.priority))
            else:
                self._leave(lane)
                if limit == self._claim:
                    self.wake(lane.due_at)
            self._found(deliveries)
            return None

        return self._ledger.claim(lane, limit, self._now()).addBoth(claimed)

    def _leave(self, lane: Lane) -> None:
        if len(self._left) < REMEMBERED:
            self._left.add((lane.account, lane.destination, lane.priority))
