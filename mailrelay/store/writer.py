"""Group commit: one thread that writes, and everything that is asked meanwhile goes into its next transaction.

While a commit runs, jobs gather; the next commit takes them all; there is no timer. The thread is woken at the end of
the reactor's turn in which something was asked: so it takes all that this turn asked, and does not fight the reactor
for the interpreter meanwhile. Jobs are taken only once the transaction has begun, so a job can be turned down by its
deadline as long as nothing was written for it; from then on only the outcome of COMMIT answers it. A batch that fails
by its data is tried member by member. When COMMIT itself fails the outcome is unknown: nothing else is written before
it is decided (see `commit`, `doubt`).

This module never blocks the reactor's thread, never answers a job twice, and knows no table.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, Protocol

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ..interfaces.ledger import Undecided
from ..mail.reply import Refusal
from .commit import was_committed
from .doubt import Doubt
from .engine import Database, WriterLock
from .jobs import Gathering, Job, Operation, carry_out, fire
from .measured import Writes
from .work import Work

_log = Logger()

#: Seconds between two tries when the database cannot be written.
_PAUSE = 0.02


class Reactor(Protocol):
    """What the store's threads need of a reactor."""

    def callFromThread(self, callable: Callable[..., Any], *args: Any) -> None: ...

    def callLater(self, delay: float, callable: Callable[..., Any], *args: Any) -> IDelayedCall: ...

    def seconds(self) -> float: ...


class Writer:
    """The one writer of a process."""

    def __init__(
        self,
        database: Database,
        node: str,
        *,
        reactor: Reactor | None,
        patience: float,
        new_name: Callable[[], str],
        void: Callable[[Work, Sequence[Job]], None],
    ) -> None:
        """Without a `reactor` everything is done before `ask` returns. `patience` is the deadline in seconds; `void`
        takes back what members did that were answered `Undecided` and turn out to be committed."""
        self._database = database
        self._node = node
        self._reactor = reactor
        self._patience = patience
        self._new_name = new_name
        self._void = void
        self._lock = WriterLock(database.place.folder, patience if reactor is None else None)
        self.writes = Writes()
        self._gathering = Gathering()
        self._connection: sa.Connection | None = None
        self._doubt: Doubt | None = None
        self._trouble: Exception | None = None
        self._awake: SimpleQueue[None] = SimpleQueue()
        self._timer: IDelayedCall | None = None
        self._waking: IDelayedCall | None = None
        self._stop_at: float | None = None
        self._ended: Deferred[None] = Deferred()
        if reactor is not None:
            threading.Thread(target=self._loop, args=(reactor,), name="mailrelay-writer", daemon=True).start()

    def ask(self, operation: Operation, argument: Any, lasting: bool = False) -> Deferred[Any]:
        """Have something done in the next transaction; fires after its commit."""
        asked = 0.0 if self._reactor is None else self._reactor.seconds()
        job = Job(operation, argument, lasting, asked)
        if self._stop_at is not None:
            job.deferred.errback(Refusal("temporary", rule="store_closed"))
            return job.deferred
        self._gathering.add(job)
        if self._reactor is None:
            self._work_off(time.monotonic() + self._patience)
        else:
            if self._timer is None and not lasting:
                self._timer = self._reactor.callLater(self._patience, self._turn_down, self._reactor)
            if self._waking is None:
                self._waking = self._reactor.callLater(0, self._turn_ended)
        return job.deferred

    def _turn_ended(self) -> None:
        self._waking = None
        self._wake()

    def _wake(self) -> None:
        if self._awake.empty():
            self._awake.put(None)

    def close(self) -> Deferred[None]:
        """Write what was asked, for as long as patience lasts, then let go of the database; a thread that is stuck in a
        foreign lock is left to the end of the process."""
        if self._stop_at is None:
            self._stop_at = time.monotonic() + self._patience
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._reactor is None:
                self._give_up()
                self._let_go()
                self._lock.close()
                self._ended.callback(None)
            else:
                self._timer = self._reactor.callLater(2 * self._patience, self._end)
                self._wake()
        return self._ended

    def _end(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if not self._ended.called:
            self._ended.callback(None)

    def _turn_down(self, reactor: Reactor) -> None:
        """The deadline: jobs not begun are refused, those in doubt are left without an answer."""
        self._timer = None
        before = reactor.seconds() - self._patience
        overdue = self._gathering.take_overdue(before)
        if overdue:
            self.writes.turned_down += len(overdue)
            _log.error(
                "the store could not be written for {seconds} s: {count} turned down",
                seconds=self._patience,
                count=len(overdue),
            )
            fire(overdue, [Refusal("temporary", rule="store_busy") for _ in overdue])
        doubt = self._doubt
        if doubt is not None:
            late = doubt.abandon(before)
            fire(late, [Undecided() for _ in late])
        if len(self._gathering) or doubt is not None:
            self._timer = reactor.callLater(self._patience / 4, self._turn_down, reactor)

    def _answer(self, answers: Sequence[tuple[Job, Any]]) -> None:
        if not answers:
            return
        jobs, results = zip(*answers, strict=True)
        if self._reactor is None:
            fire(jobs, results)
        else:
            self._reactor.callFromThread(fire, jobs, results)

    # What follows runs in the writer's thread, or inline.

    def _loop(self, reactor: Reactor) -> None:
        while self._stop_at is None:
            self._awake.get()
            again = True
            while again and self._stop_at is None and (len(self._gathering) or self._doubt is not None):
                doubtful = self._doubt is not None
                if not self._turn():
                    time.sleep(_PAUSE)
                # only doubt and trouble go on by themselves
                again = doubtful or self._doubt is not None or self._trouble is not None
        self._work_off(self._stop_at)
        self._give_up()
        self._let_go()
        self._lock.close()
        reactor.callFromThread(self._end)

    def _work_off(self, until: float) -> None:
        """Write everything that waits, or try to until an instant of the monotonic clock."""
        while len(self._gathering) or self._doubt is not None:
            if not self._turn():
                if time.monotonic() > until:
                    self._give_up()
                    return
                time.sleep(_PAUSE)

    def _turn(self) -> bool:
        """One transaction, or one try to decide a doubt; False when the database is in trouble."""
        before, self._trouble = self._trouble, None
        answers: list[tuple[Job, Any]] = []
        try:
            with self._lock.held():
                if self._doubt is not None:
                    answers = self._decide(self._doubt)
                else:
                    work = self._begin()
                    answers = self._write(work, self._gathering.take())
        except Exception as error:
            self.writes.failures += 1
            self._trouble = error
            self._let_go()
            if self._database.is_full(error):  # there may be no room even to begin, and waiting makes none
                answers = self._failed(self._gathering.take(), error)
        if self._trouble is not None and before is None:
            _log.error("the store cannot be written, trying on: {error}", error=_words(self._trouble))
        elif self._trouble is None and before is not None:
            _log.info("the store can be written again")
        self._answer(answers)
        return self._trouble is None

    def _begin(self) -> Work:
        if self._connection is None:
            self._connection = self._database.open_writer()
        self._connection.begin()
        return Work(self._database, self._connection, self._node)

    def _write(self, work: Work, jobs: list[Job]) -> list[tuple[Job, Any]]:
        """Carry out the members and commit; gives those that can be answered."""
        batch = self._new_name()
        try:
            work.name_batch(batch)
            results = carry_out(work, jobs)
            work.finish()
        except Exception as error:
            self.writes.failures += 1
            self._let_go()
            return self._failed(jobs, error)
        begun = time.monotonic()
        try:
            work.connection.commit()
        except Exception as error:
            self.writes.failures += 1
            if self._database.is_full(error):
                self._let_go()
                return self._failed(jobs, error)
            self.writes.unknown += 1
            _log.error(
                "the outcome of a commit is unknown, batch {batch} of {count}: {error}",
                batch=batch,
                count=len(jobs),
                error=error,
            )
            self._doubt = Doubt(batch, jobs, results)
            self._let_go()
            return []
        self.writes.commits.add(time.monotonic() - begun)
        self.writes.batches.add(len(jobs))
        return list(zip(jobs, results, strict=True))

    def _failed(self, jobs: list[Job], error: Exception) -> list[tuple[Job, Any]]:
        """Nothing was committed. The database's trouble meets all members, anything else only the one whose fault it
        is."""
        if self._database.is_again(error):
            self._gathering.put_back(jobs)
            self._wake()
            return []
        if self._database.is_trouble(error):
            self._trouble = error
            self._gathering.put_back([job for job in jobs if job.lasting])
            key = "storage_full" if self._database.is_full(error) else "temporary"
            facts = {"error": _words(error)}  # and no cause: the log has it once, however many are refused
            return [(job, Refusal(key, rule="store_failed", facts=facts)) for job in jobs if not job.lasting]
        if len(jobs) == 1:
            _log.error("a write failed: {error}", error=error)
            return [(jobs[0], _refusal(error))]
        answers: list[tuple[Job, Any]] = []
        for place, job in enumerate(jobs):
            try:
                answers += self._write(self._begin(), [job])
            except Exception as trouble:
                self._trouble = trouble
                self._let_go()
                self._gathering.put_back(jobs[place:])
                break
            if self._doubt is not None or self._trouble is not None:
                self._gathering.put_back(jobs[place + 1 :])
                break
        return answers

    def _decide(self, doubt: Doubt) -> list[tuple[Job, Any]]:
        """Find out. What is there is answered, or voided when it was given up; what is not is refused or done again."""
        there = was_committed(self._database, self._node, doubt.batch)
        waiting = doubt.close()
        if there:
            answers = waiting
            if doubt.abandoned:
                self._answer(waiting)
                answers = []
                work = self._begin()
                work.name_batch(doubt.batch)
                self._void(work, doubt.abandoned)
                work.finish()
                work.connection.commit()
        else:
            self._gathering.put_back([job for job, _ in waiting if job.lasting])
            answers = [(job, Refusal("temporary", rule="not_committed")) for job, _ in waiting if not job.lasting]
        _log.info("batch {batch} is decided: {there}", batch=doubt.batch, there="there" if there else "not there")
        self._doubt = None
        return answers

    def _give_up(self) -> None:
        """Patience is over: nobody is left without an answer."""
        rest = self._gathering.take()
        self._answer([(job, Refusal("temporary", rule="store_busy")) for job in rest])
        if self._doubt is not None:
            self._answer([(job, Undecided()) for job in self._doubt.abandon()])

    def _let_go(self) -> None:
        """Close the connection, whatever state it is in; the next transaction opens one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.invalidate()
                connection.close()
            except Exception as error:
                _log.debug("closing a connection: {error}", error=error)


def _words(error: Exception) -> str:
    """What the driver said, without what was asked of it."""
    return str(getattr(error, "orig", error))


def _refusal(cause: Exception) -> Refusal:
    refusal = Refusal("temporary", rule="store_failed")
    refusal.__cause__ = cause
    return refusal
