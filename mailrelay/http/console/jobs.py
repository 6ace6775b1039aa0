"""Long work that a page has begun and that goes on without it: how far it is, and what came of it.

A job lives in this process: when the daemon ends it is cut off, and what it has done so far stands. The last `MOST` are
remembered. Each belongs to an account, and is there for nobody who may not see that.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ...manage.errors import Invalid, Unknown
from ..markup import Markup

MOST = 100

log = Logger()


@dataclass(slots=True)
class Job:
    """Something under way: `shown` gives how far it is, or what came of it; `fault` is why it ended early."""

    id: str
    account: str
    title: str
    shown: Callable[[], tuple[Markup, ...]]
    over: bool = False
    fault: str = ""
    ended: Deferred[None] = field(default_factory=Deferred)


class Jobs:
    """The jobs of one console."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Job] = OrderedDict()

    @contextmanager
    def under_way(self, job: Job) -> Iterator[None]:
        """A job that goes on inside; it says by itself how far it is."""
        self._kept[job.id] = job
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        try:
            yield
        finally:
            job.over = True
            job.ended.callback(None)

    def begin(self, job: Job, work: Awaitable[object]) -> Job:
        """Let work go on that nobody waits for."""

        async def done() -> None:
            with self.under_way(job):
                try:
                    await work
                except Invalid as wrong:
                    job.fault = wrong.reason
                except Exception:
                    job.fault = "It was cut off by a failure inside."
                    log.failure("a job of the console failed: {title}", title=job.title)

        Deferred.fromCoroutine(done())
        return job

    def find(self, id: str) -> Job:
        """A job by its id."""
        found = self._kept.get(id)
        if found is None:
            raise Unknown("work under way", id)
        return found
