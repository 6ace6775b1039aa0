"""What a worker does by the clock beside relaying: it reads the switches of the command line, ends what expired, gives
back leases that nobody means to hold, buries dead processes, and sweeps what no message refers to.

A chore that fails is tried again at its next turn, and logged once until it succeeds. Nothing here waits for a chore.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ..interfaces.counters import ICounters
from ..interfaces.directory import IDirectory
from ..interfaces.ledger import ILedger
from ..interfaces.nodes import INodes
from ..manage.settings import PAUSED, RECALLED
from ..manage.switches import LOGIN_GUARD_CLEARED
from ..policy.link_keys import SETTING as LINK_KEYS

log = Logger()

SWITCHES = 0.5  #: seconds between looks at the switches
QUEUE = 10.0  #: seconds between looks for what expired or was left behind
SWEEP = 3600.0  #: seconds between sweeps


class Chore(NamedTuple):
    """Something else that is done every so many seconds, the first time `at_once` or when they have passed; `name`
    stands in the log when it fails."""

    seconds: float
    name: str
    work: Callable[[], Awaitable[object]]
    at_once: bool = False


class Chores:
    """The chores of one worker.

    `in_hand` are the recipients whose leases it means to hold, as a live view; `sweep` and `forget` take the wall
    clock's reading; `weigh` is told the weights of accounts; `recall` gives back what has not begun; `now` reads the
    wall clock, in microseconds.
    """

    def __init__(
        self,
        ledger: ILedger,
        nodes: INodes,
        directory: IDirectory,
        counters: ICounters,
        *,
        in_hand: Collection[str],
        sweep: Callable[[int], Deferred[int]],
        forget: Callable[[int], Deferred[int]],
        set_aside: Callable[[int], Deferred[int]],
        read_link_keys: Callable[[str], None],
        weigh: Callable[[Mapping[str, int]], None],
        recall: Callable[[], object],
        clock: IReactorTime,
        now: Callable[[], int],
        more: Sequence[Chore] = (),
    ) -> None:
        self._ledger = ledger
        self._nodes = nodes
        self._directory = directory
        self._counters = counters
        self._in_hand = in_hand
        self._sweep = sweep
        self._forget = forget
        self._set_aside = set_aside
        self._read_link_keys = read_link_keys
        self._weigh = weigh
        self._recall = recall
        self._clock = clock
        self._now = now
        self._more = more
        self._loops: list[LoopingCall] = []
        self._failing: set[str] = set()
        self._strays: frozenset[str] = frozenset()
        self._cleared: str | None = None
        self._recalled: str | None = None
        self.paused = False  #: no mail is taken

    def start(self) -> None:
        """Begin; the first turn of each chore comes when its time has passed once."""
        self._every(SWITCHES, "reading the switches", self.read_switches)
        self._every(QUEUE, "looking after the queue", self.look_after_queue)
        self._every(SWEEP, "sweeping", self._sweep_once)
        self._every(SWEEP, "forgetting what is old", self._forget_once, at_once=True)
        self._every(SWEEP, "looking for damaged rows", self._set_aside_once, at_once=True)

        for each in self._more:
            self._every(each.seconds, each.name, each.work, at_once=each.at_once)

    def stop(self) -> None:
        """Begin nothing more."""
        loops, self._loops = self._loops, []
        for loop in loops:
            loop.stop()

    def _every(
        self, seconds: float, name: str, work: Callable[[], Awaitable[object]], *, at_once: bool = False
    ) -> None:
        async def turn() -> None:
            try:
                await work()
                self._failing.discard(name)
            except Exception:
                if self._loops and name not in self._failing:
                    log.failure("{name} failed, it is tried again", name=name)
                self._failing.add(name)

        loop = LoopingCall(lambda: Deferred.fromCoroutine(turn()))
        loop.clock = self._clock
        self._loops.append(loop)
        loop.start(seconds, now=at_once)

    async def read_switches(self) -> None:
        """Do what the command line asked for since the last look."""
        settings = await self._directory.settings()
        self.paused = bool(settings.get(PAUSED))
        self._read_link_keys(settings.get(LINK_KEYS, ""))
        self._weigh(await self._directory.weights())
        recalled = settings.get(RECALLED, "")
        if self._recalled not in (None, recalled):
            self._recall()
        self._recalled = recalled
        cleared = settings.get(LOGIN_GUARD_CLEARED, "")
        # what was cleared before this process looked was cleared then; counts that others share have gone on since
        if cleared and self._cleared not in (None, cleared):
            await self._counters.forget(json.loads(cleared)["prefix"])
        self._cleared = cleared

    async def look_after_queue(self) -> None:
        """End what expired, bury the dead, and give back what is leased to us and unknown here twice in a row.

        Once is not enough: a commit that leased it may not have been told to the scheduler yet.
        """
        await self._ledger.expire(self._now())
        await self._nodes.bury()
        strays = frozenset(await self._ledger.leases()).difference(self._in_hand)
        lost = strays & self._strays
        self._strays = strays
        if lost and (released := await self._ledger.release(lost)):
            log.warn("{count} leases that nobody meant to hold were released", count=released)

    async def _sweep_once(self) -> None:
        await self._sweep(self._now())

    async def _forget_once(self) -> None:
        await self._forget(self._now())

    async def _set_aside_once(self) -> None:
        await self._set_aside(self._now())
