"""Whether a worker can take mail, and what it has done: what a port of its own tells to whoever watches.

The port is the first to be served and the last to be closed, so that a start and a drain can be watched. Being ready
means that a message would be taken: the store takes a write within `PATIENCE`, the disk has room, and nobody paused or
stopped the relay. One look serves all who ask within `KEPT` seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from ..mail.reply import Refusal
from ..manage.measures import Reading
from ..store import Store
from .measuring import readings
from .wiring import Wired

PATIENCE = 2.0  #: seconds
KEPT = 1.0  #: seconds
API = "http"  #: in the place of a listener's name


class Watched(Protocol):
    """What is needed of a worker."""

    began: int
    serving: bool
    stopping: bool

    @property
    def wired(self) -> Wired | None: ...

    @property
    def paused(self) -> bool: ...

    @property
    def store(self) -> Store: ...

    async def writes(self) -> None: ...


class Health:
    """Looks at one worker; `now` reads the wall clock in microseconds."""

    def __init__(self, worker: Watched, clock: IReactorTime, now: Callable[[], int]) -> None:
        self._worker = worker
        self._clock = clock
        self._now = now
        self._looking: Deferred[None] | None = None
        self._looked_at = -KEPT
        self._found: Sequence[str] = ()

    async def obstacles(self) -> Sequence[str]:
        """Why no mail can be taken, one line each; none: it can."""
        worker = self._worker
        if worker.stopping:
            return ["stopping"]
        if not worker.serving:
            return ["starting"]
        if self._looking is None and self._clock.seconds() - self._looked_at < KEPT:
            return self._found
        looking = self._looking
        if looking is None:
            looking = self._looking = Deferred.fromCoroutine(self._look())
            looking.addBoth(self._looked)
        waiting: Deferred[None] = Deferred()
        # who goes away must not end the look of the others
        looking.addCallback(lambda _: waiting.callback(None))
        await waiting
        return self._found

    def _looked(self, _: object) -> None:
        self._looking = None
        self._looked_at = self._clock.seconds()

    async def _look(self) -> None:
        worker, wired = self._worker, self._worker.wired
        assert wired is not None, "a worker that serves is wired"
        found = ["paused"] if worker.paused else []
        if wired.free_space < wired.free_space_floor:
            found.append(f"disk: {wired.free_space} octets are free, {wired.free_space_floor} are the floor")
        if why := await self._store_refuses():
            found.append(f"store: {why}")
        self._found = found

    async def _store_refuses(self) -> str:
        try:
            await Deferred.fromCoroutine(self._worker.writes()).addTimeout(PATIENCE, self._clock)
        except TimeoutError:
            return f"nothing could be written within {PATIENCE:.0f} s"
        except Refusal as refusal:
            return str(refusal.facts.get("error", refusal.rule))
        except Exception as error:
            return type(error).__name__
        return ""

    async def read(self) -> Sequence[Reading]:
        """All figures; until the worker serves only that it does not."""
        worker, wired = self._worker, self._worker.wired
        ready = Reading("mailrelay_ready", int(not await self.obstacles()))
        if wired is None or not worker.serving or worker.stopping:
            return [ready]
        tallies = [
            (name, dialect, tally)
            for name, factory in wired.servers.items()
            for dialect, tally in factory.tallies.items()
        ]
        tallies += [(API, dialect, tally) for dialect, tally in wired.posts.tallies.items()]
        found = await readings(
            worker.store, wired, tallies=tallies, paused=worker.paused, now=self._now(), began=worker.began
        )
        return [*found, ready]


def metrics_site(health: Health, clock: Any) -> Any:
    """The factory of the port on which it is told; this imports the reactor."""
    from ..http.metrics import make_metrics_site

    return make_metrics_site(health.read, health.obstacles, clock)
