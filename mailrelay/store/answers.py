"""Answers under idempotency keys over a database: `IAnswers`."""

from __future__ import annotations

from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.answers import LIFETIME, Answered, IAnswers
from .jobs import CALL
from .schema import answers
from .work import BULK, Work
from .writer import Writer

_add = {
    True: sqlite.insert(answers).on_conflict_do_nothing().returning(answers.c.key),
    False: postgresql.insert(answers).on_conflict_do_nothing().returning(answers.c.key),
}


@implementer(IAnswers)
class Answers:
    """Answers in a database."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def begin(self, answered: Answered) -> Deferred[Answered | None]:
        same = _same(answered.caller, answered.key)

        def begin(work: Work) -> Answered | None:
            work.execute(sa.delete(answers).where(same, answers.c.at <= answered.at - LIFETIME))
            if work.execute(_add[work.sqlite], asdict(answered)).first() is not None:
                return None
            return Answered(*work.execute(sa.select(answers).where(same)).one())

        return self._writer.ask(CALL, begin)

    def end(self, answered: Answered) -> Deferred[None]:
        values = {"status": answered.status, "type": answered.type, "sealed": answered.sealed}

        def end(work: Work) -> None:
            work.execute(sa.update(answers).where(_same(answered.caller, answered.key)).values(values))

        return self._writer.ask(CALL, end)

    def drop(self, caller: str, key: str) -> Deferred[None]:
        def drop(work: Work) -> None:
            work.execute(sa.delete(answers).where(_same(caller, key)))

        return self._writer.ask(CALL, drop)

    def forget(self, before: int) -> Deferred[int]:
        return Deferred.fromCoroutine(self._forget(before))

    async def _forget(self, before: int) -> int:
        total, some = 0, BULK
        while some == BULK:
            some = await self._writer.ask(CALL, lambda work: _forget_some(work, before))
            total += some
        return total


def _same(caller: str, key: str) -> sa.ColumnElement[bool]:
    return sa.and_(answers.c.caller == caller, answers.c.key == key)


def _forget_some(work: Work, before: int) -> int:
    old = work.execute(sa.select(answers.c.caller, answers.c.key).where(answers.c.at < before).limit(BULK)).all()
    for caller, key in old:
        work.execute(sa.delete(answers).where(_same(caller, key), answers.c.at < before))
    return len(old)
