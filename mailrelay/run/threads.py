"""Threads for the many short and heavy things of one kind, signatures above all.

Twisted's pool costs more per job than hashing a message does: it wakes the reactor for each result and decides anew
how many threads there are. Here jobs lie in one queue, and results that are ready together wake the reactor once.
It promises one result for each job, in any order, and to keep nothing of a job that is done; jobs still waiting when it
stops are done first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


class Reactor(Protocol):
    """What the threads need of a reactor."""

    def callFromThread(self, callable: Callable[..., Any], *args: Any) -> None: ...


class Threads:
    """`count` threads of a name, from `start` to `stop`."""

    def __init__(self, reactor: Reactor, count: int, name: str) -> None:
        self._reactor = reactor
        self._jobs: SimpleQueue[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._done: list[tuple[Deferred[Any], Any]] = []
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(count)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def defer(self, function: Callable[..., T], *arguments: Any) -> Deferred[T]:
        """Have something done by the next thread that is free; fires in the reactor's thread."""
        deferred: Deferred[T] = Deferred()
        self._jobs.put((deferred, function, arguments))
        return deferred

    def stop(self) -> None:
        """Do what waits, and end."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            deferred, function, arguments = job
            result: Any
            try:
                result = function(*arguments)
            except Exception:
                result = Failure()  # type: ignore[no-untyped-call]
            with self._lock:
                self._done.append((deferred, result))
                first = len(self._done) == 1
            # a thread that waits would keep its last job, which may be as large as a message
            del job, deferred, function, arguments, result
            if first:
                self._reactor.callFromThread(self._tell)

    def _tell(self) -> None:
        with self._lock:
            done: Iterable[tuple[Deferred[Any], Any]] = self._done
            self._done = []
        for deferred, result in done:
            deferred.callback(result)
