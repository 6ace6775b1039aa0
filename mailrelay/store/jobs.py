"""What is asked of a database thread: a job, and the list in which jobs gather while another batch runs.

An operation takes all its members of one batch together and gives one result for each; a result that is an exception
fails that member alone. This module never touches a database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred

from ..interfaces.registry import Taken
from ..mail.reply import Refusal
from .work import Work

#: (the transaction, the arguments of all members) → one result for each member, in their order
Operation: TypeAlias = Callable[[Work, Sequence[Any]], Sequence[Any]]


class Job:
    """One member of a batch to be. A `lasting` one tells what has happened and is kept until it is committed; any
    other is turned down by its deadline. `deferred` is touched by the reactor's thread alone."""

    __slots__ = ("answered", "argument", "asked", "deferred", "lasting", "operation")

    def __init__(self, operation: Operation, argument: Any, lasting: bool, asked: float) -> None:
        self.operation = operation
        self.argument = argument
        self.lasting = lasting
        self.asked = asked
        self.deferred: Deferred[Any] = Deferred()
        self.answered = False


class Gathering:
    """The jobs that wait for the next batch; taken all at once, in their order, or when their deadline passes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._jobs: list[Job] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> bool:
        """Add a job; tells whether it is the first of its batch, so that somebody must be woken for it."""
        with self._lock:
            self._jobs.append(job)
            return len(self._jobs) == 1

    def put_back(self, jobs: Iterable[Job]) -> None:
        """Jobs that were taken and not done: first in the next batch."""
        with self._lock:
            self._jobs[:0] = jobs

    def take(self) -> list[Job]:
        with self._lock:
            jobs, self._jobs = self._jobs, []
        return jobs

    def take_first(self) -> list[Job]:
        """Take the one that has waited longest."""
        with self._lock:
            jobs, self._jobs = self._jobs[:1], self._jobs[1:]
        return jobs

    def take_overdue(self, before: float) -> list[Job]:
        """Take out the jobs asked before an instant that somebody waits for."""
        with self._lock:
            overdue = [job for job in self._jobs if not job.lasting and job.asked <= before]
            if overdue:
                self._jobs = [job for job in self._jobs if job not in overdue]
        return overdue


def carry_out(work: Work, jobs: Sequence[Job]) -> list[Any]:
    """Carry out jobs, all of one operation together, operations by their first member; one result for each job."""
    members: dict[Operation, list[int]] = {}
    for place, job in enumerate(jobs):
        members.setdefault(job.operation, []).append(place)
    results: list[Any] = [None] * len(jobs)
    for operation, places in members.items():
        found = operation(work, [jobs[place].argument for place in places])
        for place, result in zip(places, found, strict=True):
            results[place] = result
    return results


def fire(jobs: Sequence[Job], results: Sequence[Any]) -> None:
    """Fire each job's Deferred once; to be called in the reactor's thread."""
    for job, result in zip(jobs, results, strict=True):
        if job.answered:
            continue
        job.answered = True
        if isinstance(result, BaseException):
            job.deferred.errback(result)
        else:
            job.deferred.callback(result)


def _call(work: Work, members: Sequence[Callable[[Work], Any]]) -> Sequence[Any]:
    results = []
    for member in members:
        try:
            with work.whole():
                results.append(member(work))
        except (KeyError, ValueError, Taken, Refusal) as refused:
            results.append(refused)
    return results


#: The operation whose arguments are functions of the transaction, in the order asked; each is undone alone when it
#: fails.
CALL: Operation = _call


def _look_up(work: Work, members: Sequence[Callable[[Work], Any]]) -> Sequence[Any]:
    results = []
    for member in members:
        try:
            results.append(member(work))
        except KeyError as unknown:
            results.append(unknown)
    return results


#: The same for functions that only read.
LOOK_UP: Operation = _look_up
