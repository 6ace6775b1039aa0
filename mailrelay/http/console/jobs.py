"""Long work that a page has begun and that goes on without it: how far it is, and what came of it.

A job lives in this process: when the daemon ends it is cut off, and what it has done so far stands. The last `MOST` are
remembered. Each belongs to an account, and is there for nobody who may not see that.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

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

    def begin(self, job: Job, work: Awaitable[object]) -> Job:
        """Let work go on; it says by itself how far it is."""
        self._kept[job.id] = job
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)

        async def done() -> None:
            await work

        def failed(failure: Failure) -> None:
            wrong = failure.value
            if isinstance(wrong, Invalid):
                job.fault = wrong.reason
            else:
                job.fault = "It was cut off by a failure inside."
                log.failure("a job of the console failed: {title}", failure, title=job.title)

        def over(_: object) -> None:
            job.over = True
            job.ended.callback(None)

        Deferred.fromCoroutine(done()).addErrback(failed).addBoth(over)
        return job

    def find(self, id: str) -> Job:
        """A job by its id."""
        found = self._kept.get(id)
        if found is None:
            raise Unknown("work under way", id)
        return found
