"""Reading the outbox: `IEvents` over a database.

A line of the outbox says what happened and to whom; the rest is looked up in the rows that its commit wrote: the
recipient and its message, the attempt, the act. Lines that cannot fit are left out before anything is looked up, and
one look goes through `ROWS` rows of the outbox at most, so that a rare event among many costs several looks and not a
long one. This module never sends and never changes what happened.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.events import MOST, Happening, IEvents, Page, Sought
from ..mail.event import Event
from ..policy.bounce import shipped
from .jobs import CALL, LOOK_UP
from .outbox import ROOM, Line, lines_of, newest
from .reader import Reader
from .schema import attempts, connections, engagements, messages, outbox, recipients
from .work import BULK, Work
from .writer import Writer

#: Rows of the outbox that one look goes through at most.
ROWS = 200
#: Ids in one look-up; SQLite takes a bounded number of values.
_TOGETHER = 400

#: What is refused, or put off.
_REFUSED = frozenset({Event.DEFERRED, Event.BOUNCED, Event.EXPIRED})
_ACTS = frozenset({Event.OPENED, Event.CLICKED, Event.UNSUBSCRIBED, Event.COMPLAINED})

Rows: TypeAlias = Mapping[Any, Any]

_known = sa.select(
    recipients.c.id,
    recipients.c.account,
    recipients.c.connection,
    recipients.c.message,
    recipients.c.address,
    recipients.c.tag,
    recipients.c.accepted_at,
    recipients.c.last_reply,
    messages.c.sender,
    messages.c.subject,
    messages.c.client_ref,
    messages.c.metadata,
    messages.c.dialect,
    connections.c.name.label("connection_name"),
).select_from(
    recipients.join(messages, messages.c.id == recipients.c.message).outerjoin(
        connections, connections.c.id == recipients.c.connection
    )
)
_made = sa.select(
    attempts.c.recipient,
    attempts.c.number,
    attempts.c.route,
    attempts.c.host,
    attempts.c.tls,
    attempts.c.reply,
    attempts.c.due_at,
    attempts.c.facts,
)


@implementer(IEvents)
class Events:
    """What happened."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    def after(self, cursor: int, sought: Sought, limit: int) -> Deferred[Page]:
        return self._reader.ask(LOOK_UP, lambda work: after(work, cursor, sought, min(limit, MOST)))

    def head(self) -> Deferred[int]:
        return self._reader.ask(LOOK_UP, _head)

    def before(self, at: int) -> Deferred[int]:
        return self._reader.ask(LOOK_UP, lambda work: _before(work, at))

    def tell(self, event: Event, account: str, at: int, facts: Mapping[str, object]) -> Deferred[None]:
        return self._writer.ask(CALL, lambda work: work.tell_of_account(event.value, account, at, facts))

    def forget(self, before: int) -> Deferred[int]:
        return Deferred.fromCoroutine(self._forget(before))

    async def _forget(self, before: int) -> int:
        total = 0
        while True:
            gone: int = await self._writer.ask(CALL, lambda work: _forget(work, before))
            total += gone
            if gone < BULK:
                return total


def after(work: Work, cursor: int, sought: Sought, limit: int) -> Page:
    """A page of the outbox, read in one transaction."""
    wanted = frozenset(event.value for event in sought.events)
    # the row of the number that was seen may have more
    found = work.execute(
        sa.select(outbox.c.id, outbox.c.events)
        .where(outbox.c.id >= cursor // ROOM)
        .order_by(outbox.c.id)
        .limit(ROWS + 1)
    ).all()
    more = len(found) > ROWS
    events: list[Happening] = []
    for id, text in found[:ROWS]:
        lines = [line for line in lines_of(id, text) if line.number > cursor]
        fitting = _happenings(work, [line for line in lines if not wanted or line.event in wanted], sought)
        for each in fitting:
            if len(events) == limit:
                return Page(events, cursor, True)
            events.append(each)
            cursor = each.id
        cursor = max(cursor, id * ROOM + text.count("\n"))
    return Page(events, cursor, more)


def _head(work: Work) -> int:
    last = work.execute(newest).scalar_one()
    text = work.execute(sa.select(outbox.c.events).where(outbox.c.id == last)).scalar()
    return int(last) * ROOM + text.count("\n") if text is not None else 0


def _before(work: Work, at: int) -> int:
    first = work.execute(sa.select(sa.func.min(outbox.c.id)).where(outbox.c.at >= at)).scalar()
    return int(first) * ROOM - 1 if first is not None else _head(work)


def _forget(work: Work, before: int) -> int:
    last = work.execute(newest).scalar_one()
    ids = work.execute(
        sa.select(outbox.c.id).where(outbox.c.at < before, outbox.c.id < last).order_by(outbox.c.at).limit(BULK)
    ).scalars()
    return int(work.execute(sa.delete(outbox).where(outbox.c.id.in_(list(ids)))).rowcount)


def _happenings(work: Work, lines: Sequence[Line], sought: Sought) -> list[Happening]:
    """What lines of one row tell, in their order, as far as it fits."""
    subjects = {line.subject for line in lines if line.subject}
    known = {row.id: row for row in _rows(work, _known, recipients.c.id, subjects) if _fits(row, sought)}
    tried = {line.subject for line in lines if line.detail.isdigit() and line.subject in known}
    made = {(row.recipient, row.number): row for row in _rows(work, _made, attempts.c.recipient, tried)}
    acted = {line.subject for line in lines if line.event in _ACTS and line.subject in known}
    acts = {row.id: row for row in _rows(work, sa.select(engagements), engagements.c.recipient, acted)}
    found = []
    for line in lines:
        if line.subject in known:
            found.append(_of_recipient(line, known[line.subject], made, acts))
        elif not line.subject and (happening := _of_account(line)) and _fits(happening, sought):
            found.append(happening)
    return found


def _rows(work: Work, statement: sa.Select[Any], column: sa.ColumnElement[str], ids: Iterable[str]) -> Iterable[Any]:
    wanted = sorted(ids)
    for start in range(0, len(wanted), _TOGETHER):
        yield from work.execute(statement.where(column.in_(wanted[start : start + _TOGETHER])))


def _fits(row: Any, sought: Sought) -> bool:
    return sought.account in ("", row.account) and sought.connection in ("", row.connection)


def _of_account(line: Line) -> Happening | None:
    facts = dict(line.told)
    account = str(facts.pop("account", ""))
    connection = str(facts.get("connection", ""))
    return Happening(line.number, Event[line.event.upper()], line.at, account, connection, facts=facts)


def _of_recipient(line: Line, row: Any, made: Rows, acts: Rows) -> Happening:
    event = Event[line.event.upper()]
    attempt = made.get((line.subject, int(line.detail))) if line.detail.isdigit() else None
    act = acts.get(line.detail) if event in _ACTS else None
    told = line.told
    reply = attempt.reply if attempt else row.last_reply if event.final and not line.detail else ""
    return Happening(
        id=line.number,
        event=event,
        at=line.at,
        account=row.account,
        connection=row.connection,
        connection_name=row.connection_name or "",
        dialect=row.dialect,
        message=row.message,
        recipient=row.id,
        sender=row.sender,
        rcpt=row.address,
        subject=row.subject,
        tag=row.tag,
        client_ref=row.client_ref,
        metadata=json.loads(row.metadata or "{}"),
        accepted_at=row.accepted_at,
        attempt=attempt.number if attempt else 0,
        route=attempt.route if attempt else "",
        host=attempt.host if attempt else "",
        tls=attempt.tls if attempt else "",
        reply=reply,
        due_at=attempt.due_at if attempt and event is Event.DEFERRED else 0,
        bounce_class=shipped().of_text(reply).name if reply and event in _REFUSED else "",
        machine=act.machine if act else "",
        target=act.target if act else "",
        address=act.address if act else "",
        agent=act.agent if act else "",
        facts=told,
    )
