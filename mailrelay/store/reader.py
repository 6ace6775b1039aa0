"""Looking up: two threads that read, and everything that is asked while one is busy is taken together.

What people ask for may take long, and has a reader of its own, whose threads take one question after the other: no mail
waits for it. Connections are read-only and see one snapshot per batch; a look-up that takes too long is cut off. A lost
connection is opened again and its batch asked once more. This module never writes and never blocks the reactor.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..mail.reply import Refusal
from .engine import Database
from .jobs import Gathering, Job, Operation, carry_out, fire
from .work import Work
from .writer import Reactor

_log = Logger()

THREADS = 2
#: The longest that one batch of look-ups may take, in seconds.
LIMIT = 10.0


class Reader:
    """Threads that look up what is asked of them."""

    def __init__(self, database: Database, *, reactor: Reactor | None, together: bool = True) -> None:
        """Without a `reactor` everything is looked up before `ask` returns; not `together`, jobs go one by one."""
        self._database = database
        self._together = together
        self._reactor = reactor
        self._gathering = Gathering()
        self._awake = threading.Semaphore(0)
        self._stopping = False
        self._running = 0 if reactor is None else THREADS
        self._ended: Deferred[None] = Deferred()
        self._inline: list[sa.Connection] = []
        if reactor is not None:
            for number in range(THREADS):
                threading.Thread(
                    target=self._loop, args=(reactor,), name=f"mailrelay-reader-{number}", daemon=True
                ).start()

    def ask(self, operation: Operation, argument: Any) -> Deferred[Any]:
        """Have something looked up together with whatever else waits; fires with its result."""
        job = Job(operation, argument, False, 0.0)
        if self._stopping:
            job.deferred.errback(Refusal("temporary", rule="store_closed"))
            return job.deferred
        first = self._gathering.add(job)
        if self._reactor is None:
            self._turn(self._inline, fire)
        elif first or not self._together:
            self._awake.release()
        return job.deferred

    def close(self) -> Deferred[None]:
        """Answer what was asked, then let go of the database."""
        if not self._stopping:
            self._stopping = True
            if self._reactor is None:
                _let_go(self._inline)
                self._ended.callback(None)
            else:
                for _ in range(THREADS):
                    self._awake.release()
        return self._ended

    def _loop(self, reactor: Reactor) -> None:
        held: list[sa.Connection] = []
        while not self._stopping or len(self._gathering):
            self._awake.acquire()
            self._turn(held, lambda jobs, results: reactor.callFromThread(fire, jobs, results))
        _let_go(held)
        reactor.callFromThread(self._thread_ended)

    def _thread_ended(self) -> None:
        self._running -= 1
        if not self._running:
            self._ended.callback(None)

    def _turn(self, held: list[sa.Connection], answer: Callable[[list[Job], list[Any]], None]) -> None:
        jobs = self._gathering.take() if self._together else self._gathering.take_first()
        if not jobs:
            return
        try:
            results = self._look_up(held, jobs)
        except Exception as error:
            _let_go(held)
            if not self._database.is_trouble(error):
                _log.failure("a look-up failed")
                return answer(jobs, [error] * len(jobs))
            try:
                results = self._look_up(held, jobs)
            except Exception as again:
                _log.error("the store cannot be read: {error}", error=again)
                _let_go(held)
                results = [again] * len(jobs)
        answer(jobs, results)

    def _look_up(self, held: list[sa.Connection], jobs: list[Job]) -> list[Any]:
        if not held:
            held.append(self._database.open_reader())
        connection = held[0]
        self._database.limit(connection, LIMIT)
        with connection.begin():
            return carry_out(Work(self._database, connection, ""), jobs)


def _let_go(held: list[sa.Connection]) -> None:
    while held:
        connection = held.pop()
        try:
            connection.invalidate()
            connection.close()
        except Exception as error:
            _log.debug("closing a connection: {error}", error=error)
