"""The audit log over a database: `IChanges`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.changes import Change, IChanges, Wanted
from .accept import clean
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import changes
from .work import BULK, Work
from .writer import Writer


@implementer(IChanges)
class Changes:
    """The audit log in a database."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    def write(self, change: Change) -> Deferred[None]:
        row = {name: clean(value) if isinstance(value, str) else value for name, value in asdict(change).items()}

        def write(work: Work) -> None:
            work.execute(sa.insert(changes), row)

        return self._writer.ask(CALL, write)

    def page(self, wanted: Wanted, limit: int) -> Deferred[Sequence[Change]]:
        columns = changes.c
        statement = sa.select(changes).order_by(columns.id.desc()).limit(limit)
        if wanted.who:
            statement = statement.where(columns.who == clean(wanted.who))
        if wanted.action:
            action = clean(wanted.action)
            # what begins with the word and a point: "/" is the character behind the point
            inside = sa.and_(columns.action > f"{action}.", columns.action < f"{action}/")
            statement = statement.where(sa.or_(columns.action == action, inside))
        if wanted.account:
            statement = statement.where(sa.or_(columns.account == wanted.account, columns.acting == wanted.account))
        if wanted.since:
            statement = statement.where(columns.at >= wanted.since)
        if wanted.until:
            statement = statement.where(columns.at < wanted.until)
        if wanted.before:
            statement = statement.where(columns.id < clean(wanted.before))
        return self._reader.ask(LOOK_UP, lambda work: [Change(*row) for row in work.execute(statement)])

    def forget(self, before: int) -> Deferred[int]:
        return Deferred.fromCoroutine(self._forget(before))

    async def _forget(self, before: int) -> int:
        old = sa.select(changes.c.id).where(changes.c.at < before).limit(BULK)
        total, some = 0, BULK
        while some == BULK:
            delete = sa.delete(changes).where(changes.c.id.in_(old))
            some = await self._writer.ask(CALL, lambda work, delete=delete: work.execute(delete).rowcount)
            total += some
        return total
