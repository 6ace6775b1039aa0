"""What goes on when nobody waits for it any more.

Klein cancels the route of a request whose connection is lost. A change that has begun is not cut off by that: it would
be made and not be noted, and whoever asks again under its idempotency key could not be told what came of it.
"""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..manage.errors import Forbidden, Invalid, Unknown
from .problem import Problem

T = TypeVar("T")
log = Logger()


def carried_on(started: Deferred[T]) -> Deferred[T]:
    """Fires as `started` does; who cancels it stops waiting, and nothing else."""
    waiting: Deferred[T] = Deferred()

    def done(result: T) -> None:
        if not waiting.called:
            waiting.callback(result)

    def failed(failure: Failure) -> None:
        if not waiting.called:
            waiting.errback(failure)
        elif not failure.check(Problem, Invalid, Unknown, Forbidden):
            log.failure("a request that nobody waited for any more failed", failure)

    started.addCallbacks(done, failed)
    return waiting
