"""The ledger over a database: `ILedger` by jobs for the writer.

It promises what the interface does, on SQLite and PostgreSQL alike. It holds no state of its own; what one call does
in the database stands in `accept`, `claim` and `settle`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ..interfaces.ledger import ILedger, Lane, Once
from ..mail.envelope import Delivery, Return, Settlement, Submission
from .accept import CHUNK, accept, is_large
from .bodies import drop, put_chunk
from .claim import claim, expire, lanes, leases_of, release
from .jobs import LOOK_UP
from .once import accept_once
from .reader import Reader
from .report import Reports
from .returned import bounce_later
from .settle import settle
from .work import BULK
from .writer import Writer


@implementer(ILedger)
class Ledger:
    """Accept, claim, settle, release."""

    def __init__(self, writer: Writer, reader: Reader, node: str, reports: Reports | None) -> None:
        self._writer = writer
        self._reader = reader
        self._node = node
        # made once: the members of one batch that ask for the same operation are carried out together
        self._accept = partial(accept, reports=reports)
        self._accept_once = partial(accept_once, reports=reports)
        self._claim = partial(claim, reports=reports)
        self._settle = partial(settle, reports=reports)
        self._expire_some = partial(expire, reports=reports)

    def accept(self, submission: Submission, lease: bool) -> Deferred[Sequence[Delivery]]:
        if is_large(submission):
            return Deferred.fromCoroutine(self._accept_large(submission, lease))
        return self._writer.ask(self._accept, (submission, lease))

    async def _accept_large(self, submission: Submission, lease: bool) -> Sequence[Delivery]:
        await self._put_source(submission)
        deliveries: Sequence[Delivery] = await self._writer.ask(self._accept, (submission, lease))
        return deliveries

    def accept_once(self, submission: Submission, lease: bool) -> Deferred[Once]:
        if is_large(submission):
            return Deferred.fromCoroutine(self._accept_large_once(submission, lease))
        return self._writer.ask(self._accept_once, (submission, lease))

    async def _accept_large_once(self, submission: Submission, lease: bool) -> Once:
        await self._put_source(submission)
        once: Once = await self._writer.ask(self._accept_once, (submission, lease))
        if once.id != submission.id:
            await self._writer.ask(drop, submission.id)
        return once

    async def _put_source(self, submission: Submission) -> None:
        """Chunks first, each in a transaction of its own; without the accept they are orphans, swept later."""
        source = submission.source
        # behind what is spooled already there is one place for it, whatever its size
        step = len(source) if submission.spooled else CHUNK
        for number, start in enumerate(range(0, len(source), step)):
            row = (submission.id, number, submission.received_at, source[start : start + step])
            await self._writer.ask(put_chunk, row)

    def lanes(self, after: Mapping[tuple[str, int], str], limit: int) -> Deferred[Sequence[Lane]]:
        return self._reader.ask(LOOK_UP, lambda work: lanes(work, after, limit))

    def claim(self, lane: Lane, limit: int, now: int) -> Deferred[Sequence[Delivery]]:
        return self._writer.ask(self._claim, (lane, limit, now))

    def settle(self, settlement: Settlement) -> Deferred[bool]:
        return self._writer.ask(self._settle, settlement, lasting=True)

    def bounce_later(self, given: Return) -> Deferred[bool]:
        return self._writer.ask(bounce_later, given, lasting=True)

    def release(self, recipients: Collection[str]) -> Deferred[int]:
        if not recipients:
            return succeed(0)
        return self._writer.ask(release, tuple(recipients), lasting=True)

    def leases(self) -> Deferred[Collection[str]]:
        return self._reader.ask(LOOK_UP, lambda work: leases_of(work, self._node))

    def expire(self, now: int) -> Deferred[int]:
        return Deferred.fromCoroutine(self._expire(now))

    async def _expire(self, now: int) -> int:
        total = 0
        while True:
            ended: int = await self._writer.ask(self._expire_some, now)
            total += ended
            if ended < BULK:
                return total


def undo(jobs: Sequence[Any]) -> Sequence[Submission]:
    """The submissions among jobs that were given up."""
    return [job.argument[0] for job in jobs if getattr(job.operation, "func", None) in (accept, accept_once)]
