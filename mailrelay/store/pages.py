"""Pages of the send history, found in a time that does not grow with it, whatever filters are combined.

One filter leads: the entries of its index are read from the newest on, and each row is asked whether the others fit. An
index ends with the recipient's id, and so with time, since an id begins with the instant of its making: a page and a
span of time are ranges of each. What leads is a filter that few rows fit, if there is one; after `LOOKED_AT` rows a
page ends as it is, and tells where to go on. This module changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any

import sqlalchemy as sa

from ..interfaces.erasure import ERASED
from ..interfaces.history import Selection
from ..mail.envelope import State, ulid
from . import waiting
from .schema import PENDING, REFERRED, TAGGED, TROUBLED, TROUBLED_STATES, messages, recipients
from .work import Work

#: Rows that are looked at for one page, and at a time.
LOOKED_AT, CHUNK = 20_000, 1000
#: What fits no more rows than this leads before anything else.
FEW = 2000

_r = recipients.c
_END = "~"  # behind every id


@dataclass(frozen=True, slots=True)
class Lead:
    """A filter that may lead: each of the `conditions` is a range of an index that is in the order of ids."""

    conditions: tuple[sa.ColumnElement[bool], ...]


@dataclass(frozen=True, slots=True)
class Few:
    """A filter whose rows come in no order: a statement that gives the ids of at most so many."""

    ids: Callable[[int], sa.Select[Any]]


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of recipients that fit, the newest first, and before which id the next page begins ("" for none)."""

    ids: list[str]
    before: str


def find(work: Work, selection: Selection, limit: int, looked_at: int | None = LOOKED_AT) -> Found:
    """The newest recipients that fit, at most `limit`; with `looked_at` None however many rows are looked at."""
    found: list[str] = []
    fits = sa.case((sa.and_(sa.true(), *waiting.conditions(selection)), 1), else_=0)
    look, last = _look(work, selection, fits), ""
    for number, (id, fitting, reply) in enumerate(look, 1):
        last = id
        if fitting and waiting.of_class(selection, reply):
            found.append(id)
        if len(found) == limit or number == looked_at:
            return Found(found, last if next(look, None) is not None else "")
    return Found(found, "")


def bounds(selection: Selection) -> tuple[str, str]:
    """Between which ids a recipient must be: behind or at the first, before the second."""
    first = ulid(selection.since, bytes(10)) if selection.since > 0 else ""
    end = ulid(selection.until + 1000, bytes(10)) if selection.until > 0 else _END
    return first, min(selection.before, end) if selection.before else end


def _look(work: Work, selection: Selection, fits: sa.ColumnElement[int]) -> Iterator[Any]:
    """(id, does it fit, last reply) of the rows that the leading filter has, the newest first."""
    ids, lead = choose(work, selection)
    if ids is None:
        assert lead is not None
        streams = [_stream(work, each, selection, fits) for each in lead.conditions]
        return streams[0] if len(streams) == 1 else merge(*streams, key=lambda row: row[0], reverse=True)
    first, end = bounds(selection)
    return _rows(work, [id for id in sorted(ids, reverse=True) if first <= id < end], fits)


def choose(work: Work, selection: Selection) -> tuple[list[str] | None, Lead | None]:
    """The ids of a filter that few rows fit, or the filter whose index leads."""
    ways = list(candidates(selection))
    first, end = bounds(selection)
    leads = [way for way in ways if isinstance(way, Lead)]
    if len(ways) == 1:
        return None, leads[0]
    for way in ways[:-1]:  # the last is everything, or an account's all
        if isinstance(way, Few):
            most = LOOKED_AT
            statements = [way.ids(most + 1)]
        else:
            most = FEW
            statements = [reading(each, first, end, FEW + 1) for each in way.conditions]
        ids: list[str] = []
        for statement in statements:
            ids += work.execute(statement).scalars()
        if len(ids) <= most:
            return ids, None
    return None, leads[0]


def candidates(selection: Selection) -> Iterator[Lead | Few]:
    """The filters that may lead, the one that leaves the least as a rule first; the last is always a `Lead`."""
    if selection.recipient:
        yield Lead((_r.id == selection.recipient,))
        return
    if selection.message:
        yield Lead((_r.message == selection.message,))
        return
    _, at, domain = selection.to.rpartition("@")
    if at and domain.lower() != ERASED:
        yield Lead((sa.and_(_r.destination == domain.lower(), _r.key == selection.to.lower()),))
    if selection.client_ref:
        yield Few(lambda most: _referred(selection.client_ref, most))
    if selection.tag:
        yield Lead((sa.and_(_r.tag == selection.tag, TAGGED),))
    states = frozenset(state.value for state in selection.states)
    if states and states <= set(TROUBLED_STATES):
        yield Lead(tuple(sa.and_(_r.state == state, TROUBLED) for state in sorted(states)))
    elif states and states <= {State.QUEUED.value, State.DEFERRED.value}:
        which = sa.or_(*(_r.state == state for state in sorted(states)))
        yield Few(lambda most: sa.select(_r.id).where(PENDING, which).limit(most))
    if selection.destination:
        yield Few(lambda most: sa.select(_r.id).where(_r.destination == selection.destination).limit(most))
    if selection.connection:
        yield Lead((_r.connection == selection.connection,))
    yield Lead((_r.account == selection.account,) if selection.account else (sa.true(),))


def reading(
    condition: sa.ColumnElement[bool], first: str, end: str, number: int, *columns: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    """Entries of a leading index between two ids, the newest first."""
    statement = sa.select(_r.id, *columns).where(_r.id >= first, _r.id < end)
    if condition is not sa.true():
        statement = statement.where(condition)
    return statement.order_by(_r.id.desc()).limit(number)


def _stream(
    work: Work, condition: sa.ColumnElement[bool], selection: Selection, fits: sa.ColumnElement[int]
) -> Iterator[Any]:
    first, end = bounds(selection)
    while True:
        page = work.execute(reading(condition, first, end, CHUNK, fits, _r.last_reply)).all()
        yield from page
        if len(page) < CHUNK:
            return
        end = page[-1][0]


def _rows(work: Work, ids: Sequence[str], fits: sa.ColumnElement[int]) -> Iterator[Any]:
    left = iter(ids)
    while some := list(islice(left, CHUNK // 4)):
        statement = sa.select(_r.id, fits, _r.last_reply).where(_r.id.in_(some))
        yield from work.execute(statement.order_by(_r.id.desc())).all()


def _referred(client_ref: str, most: int) -> sa.Select[Any]:
    named = sa.select(messages.c.id).where(messages.c.client_ref == client_ref, REFERRED)
    return sa.select(_r.id).where(_r.message.in_(named)).limit(most)
