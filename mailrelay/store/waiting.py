"""What waits, as people ask for it and change it: counted, summed up by destination and by the class of the last reply,
and changed in transactions of at most `BULK` rows.

What is asked for is found by readers, in pages behind a key, so that a change to a million rows neither holds the
writer up nor looks at a row twice. A change holds only for rows that still fit when it is made. This module commits
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ..interfaces.history import Depth, Selection, Waiting
from ..mail.envelope import State
from ..policy.bounce import shipped
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import PENDING, messages, recipients
from .settle import Facts, end, facts_of
from .work import BULK, Work
from .writer import Writer

#: Rows that are looked for at a time, and different replies that are told apart.
PAGE, REPLIES = 20_000, 10_000

_r = recipients.c
#: Those that no process has in hand.
FREE = _r.lease == ""


def conditions(selection: Selection) -> list[sa.ColumnElement[bool]]:
    """What a selection says, as conditions on `recipients`; but for the class of the reply, which no database knows."""
    plain = (
        (_r.message, selection.message),
        (_r.id, selection.recipient),
        (_r.account, selection.account),
        (_r.connection, selection.connection),
        (_r.destination, selection.destination),
    )
    found: list[sa.ColumnElement[bool]] = [column == value for column, value in plain if value]
    if selection.to:
        found.append(sa.or_(_r.address == selection.to, _r.key.in_((selection.to, selection.to.lower()))))
    if selection.states:
        found.append(_r.state.in_([state.value for state in selection.states]))
    if selection.before:
        found.append(_r.id < selection.before)
    if selection.route is not None:
        found.append(_r.route == selection.route)
    if selection.priority is not None:
        found.append(_r.priority == selection.priority)
    if selection.accepted_before:
        found.append(_r.accepted_at < selection.accepted_before)
    if selection.tag:
        found.append(_r.tag == selection.tag)
    if selection.client_ref:
        message = messages.c.id == _r.message
        found.append(sa.exists().where(message, messages.c.client_ref == selection.client_ref))
    if selection.since:
        found.append(_r.accepted_at >= selection.since)
    if selection.until:
        found.append(_r.accepted_at < selection.until)
    return found


def of_class(selection: Selection, reply: str) -> bool:
    """Does a last reply fit the class that is asked for?"""
    return not selection.reply_class or class_of(reply) == selection.reply_class


def class_of(reply: str) -> str:
    """The class of a last reply, "" where there was none."""
    return shipped().of_text(reply).name if reply else ""


def count(work: Work, selection: Selection) -> int:
    """How many wait that fit."""
    if not selection.reply_class:
        return int(work.execute(_pending(selection, sa.func.count())).scalar_one())
    return sum(number for reply, number in _replies(work, selection) if of_class(selection, reply))


def destinations(work: Work, selection: Selection, limit: int) -> list[Waiting]:
    """What waits for each destination, the most first."""
    columns = (
        sa.func.count(),
        sa.func.sum(_r.held),
        sa.func.sum(sa.case((FREE, 0), else_=1)),
        sa.func.min(_r.accepted_at),
        sa.func.min(_r.due_at),
        sa.func.sum(sa.case((sa.and_(_r.state == State.DEFERRED.value, _r.held == 0), 1), else_=0)),
    )
    if not selection.reply_class:
        statement = _pending(selection, _r.destination, *columns).group_by(_r.destination)
        rows = work.execute(statement.order_by(sa.func.count().desc(), _r.destination).limit(limit))
        return [Waiting(name, *map(int, counts)) for name, *counts in rows]
    found: dict[str, Waiting] = {}
    every = _pending(selection, _r.destination, _r.last_reply, *columns).group_by(_r.destination, _r.last_reply)
    for name, reply, n, held, hand, at, due, deferred in work.execute(every):
        if of_class(selection, reply):
            had = found.get(name, Waiting(name, 0, 0, 0, at, due))
            found[name] = Waiting(
                name,
                had.count + int(n),
                had.held + int(held),
                had.in_hand + int(hand),
                min(had.oldest_at, at),
                min(had.next_due_at, due),
                had.deferred + int(deferred),
            )
    return sorted(found.values(), key=lambda each: (-each.count, each.destination))[:limit]


def depth(work: Work) -> Depth:
    """How much waits, and since when."""
    columns = (_r.state, _r.held, sa.func.count(), sa.func.min(_r.accepted_at))
    rows = work.execute(sa.select(*columns).where(PENDING).group_by(_r.state, _r.held))
    counts: Counter[str] = Counter()
    oldest = []
    for state, held, number, at in rows:
        counts["held" if held else str(state)] += int(number)
        if not held:
            oldest.append(int(at))
    return Depth(counts["queued"], counts["deferred"], counts["held"], min(oldest, default=0))


def classes(work: Work, selection: Selection) -> Mapping[str, int]:
    """How many wait after a reply of each class, the most first."""
    found: Counter[str] = Counter()
    for reply, number in _replies(work, selection):
        if reply and of_class(selection, reply):
            found[class_of(reply)] += number
    return dict(found.most_common())


def _replies(work: Work, selection: Selection) -> Iterator[tuple[str, int]]:
    statement = _pending(selection, _r.last_reply, sa.func.count()).group_by(_r.last_reply)
    for reply, number in work.execute(statement.order_by(sa.func.count().desc()).limit(REPLIES)):
        yield reply, int(number)


def _pending(selection: Selection, *columns: Any) -> sa.Select[Any]:
    return sa.select(*columns).select_from(recipients).where(PENDING, *conditions(selection))


async def change(
    reader: Reader,
    writer: Writer,
    selection: Selection,
    changeable: sa.ColumnElement[bool],
    make: Callable[[Work, Sequence[Facts]], int],
) -> int:
    """Change what waits, fits and can be changed; gives how many `make` says that it changed."""
    total, after = 0, ""
    while True:
        statement = _pending(selection, _r.id, _r.last_reply).where(changeable, _r.id > after)
        statement = statement.order_by(_r.id).limit(PAGE)
        page = await reader.ask(LOOK_UP, lambda work, asked=statement: work.execute(asked).all())
        ids = [id for id, reply in page if of_class(selection, reply)]
        for start in range(0, len(ids), BULK):
            some = ids[start : start + BULK]

            def changed(work: Work, some: Sequence[str] = some) -> int:
                return make(work, facts_of(work, PENDING, changeable, _r.id.in_(some)))

            total += await writer.ask(CALL, changed)
        if len(page) < PAGE:
            return total
        after = page[-1][0]


def setting(values: Mapping[str, object]) -> Callable[[Work, Sequence[Facts]], int]:
    """A change that sets columns."""

    def make(work: Work, found: Sequence[Facts]) -> int:
        work.execute(sa.update(recipients).where(_r.id.in_([facts.id for facts in found]), PENDING).values(values))
        return len(found)

    return make


def ending(state: State, reason: str, now: int) -> Callable[[Work, Sequence[Facts]], int]:
    """A change that brings to an end."""
    return lambda work, found: end(work, found, state, reason, now)
