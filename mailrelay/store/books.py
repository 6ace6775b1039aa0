"""The ledger's entries over a database: `IBooks`.

Movements have an index of their own in the order of their making. Entries of single recipients have none, since each
would cost every message: they are found by the account's recipients, newest first. This module changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.books import Entry, IBooks, Wanted
from ..interfaces.history import Selection
from .accept import clean
from .jobs import LOOK_UP
from .pages import bounds, reading
from .reader import Reader
from .schema import MOVED, entries, recipients
from .work import Work

#: Recipients that are looked at together.
AT_A_TIME = 100

_e = entries.c


@implementer(IBooks)
class Books:
    """The entries in a database."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def page(self, wanted: Wanted, limit: int) -> Deferred[Sequence[Entry]]:
        if wanted.of_recipients:
            return self._reader.ask(LOOK_UP, lambda work: of_recipients(work, wanted, limit))
        return self._reader.ask(LOOK_UP, lambda work: _read(work, movements(wanted).limit(limit)))


def movements(wanted: Wanted) -> sa.Select[*tuple[object, ...]]:
    """What moved a balance in whole, the newest first."""
    statement = sa.select(entries).where(_e.account == wanted.account, MOVED)
    if wanted.kind:
        statement = statement.where(_e.kind == clean(wanted.kind))
    if wanted.since:
        statement = statement.where(_e.at >= wanted.since)
    if wanted.until:
        statement = statement.where(_e.at < wanted.until)
    if (mark := wanted.before) is not None:
        before = (mark.at, clean(mark.subject), clean(mark.kind))
        statement = statement.where(sa.tuple_(_e.at, _e.subject, _e.kind) < sa.tuple_(*map(sa.literal, before)))
    return statement.order_by(_e.at.desc(), _e.subject.desc(), _e.kind.desc())


def of_recipients(work: Work, wanted: Wanted, limit: int) -> list[Entry]:
    """What single recipients were charged and given back, of the newest recipient first."""
    first, end = bounds(Selection(since=wanted.since, until=wanted.until))
    mark = wanted.before
    if mark is not None:
        end = min(end, f"{clean(mark.subject)} ")  # that recipient itself, of which there may be another entry
    number, found = max(limit, AT_A_TIME), list[Entry]()
    while len(found) < limit:
        ids = list(work.execute(reading(recipients.c.account == wanted.account, first, end, number)).scalars())
        statement = sa.select(entries).where(_e.subject.in_(ids))
        if wanted.kind:
            statement = statement.where(_e.kind == clean(wanted.kind))
        made = _read(work, statement.order_by(_e.subject.desc(), _e.kind.desc()))
        found += [each for each in made if mark is None or (each.subject, each.kind) < (mark.subject, mark.kind)]
        if len(ids) < number:
            break
        end = ids[-1]
    return found[:limit]


def _read(work: Work, statement: sa.Select[*tuple[object, ...]]) -> list[Entry]:
    return [Entry(*row) for row in work.execute(statement).all()]
