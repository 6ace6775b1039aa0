"""The little of a reactor that the store's threads need, turned by hand: what threads hand over runs when a test
pumps."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from .worlds import result


class Pump(Clock):
    """A clock that follows the real one while it is pumped."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = SimpleQueue()
        self._started = time.monotonic()

    def callFromThread(self, callable: Callable[..., Any], *args: Any) -> None:
        self._calls.put((callable, args))

    def turn(self, wait: float = 0.01) -> None:
        """Run what was handed over, waiting a moment for it, and what is due."""
        self.advance(max(0.0, time.monotonic() - self._started - self.seconds()))
        try:
            call, args = self._calls.get(timeout=wait)
        except Empty:
            return
        call(*args)

    def until(self, deferred: Deferred[Any], limit: float = 20.0) -> Any:
        """Pump until a Deferred has fired; what it gave, or its exception."""
        end = time.monotonic() + limit
        while not deferred.called:
            if time.monotonic() > end:
                raise AssertionError(f"nothing within {limit} s")
            self.turn()
        return result(deferred)
