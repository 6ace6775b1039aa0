"""The past and the queue as the use cases see them: `IHistory`.

Lists are newest first by recipient id, with that id as cursor, so a page never scans what came before it. Changes are
made in transactions of at most 500 rows. This module never delivers and never deletes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.engagement import Engagement
from ..interfaces.history import Attempt, IHistory, Passage, Selection, Turned
from ..mail.envelope import State
from .attempts import attempts_of
from .audit import audit
from .engagement import acts_of, summary
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import PENDING, connections, engaged, messages, recipients, refusals
from .settle import end, facts_of
from .work import BULK, Work
from .writer import Writer


@implementer(IHistory)
class History:
    """Messages and their recipients."""

    def __init__(self, writer: Writer, reader: Reader, alive: Callable[[Work], Callable[[str], bool]]) -> None:
        self._writer = writer
        self._reader = reader
        self._alive = alive

    def passages(self, selection: Selection, limit: int) -> Deferred[Sequence[Passage]]:
        statement = _passages.where(*_conditions(selection)).order_by(recipients.c.id.desc()).limit(limit)
        return self._reader.ask(LOOK_UP, lambda work: [_passage(row) for row in work.execute(statement)])

    def verdicts(self, message: str) -> Deferred[Sequence[Mapping[str, object]]]:
        def read(work: Work) -> Sequence[Mapping[str, object]]:
            text = work.execute(sa.select(messages.c.verdicts).where(messages.c.id == message)).scalar()
            if text is None:
                raise KeyError(message)
            found: Sequence[Mapping[str, object]] = json.loads(text)
            return found

        return self._reader.ask(LOOK_UP, read)

    def attempts(self, recipient: str) -> Deferred[Sequence[Attempt]]:
        return self._reader.ask(LOOK_UP, lambda work: attempts_of(work, recipient))

    def acts(self, recipient: str) -> Deferred[Sequence[Engagement]]:
        return self._reader.ask(LOOK_UP, lambda work: acts_of(work, recipient))

    def refusals(self, connection: str, limit: int) -> Deferred[Sequence[Turned]]:
        statement = sa.select(refusals).order_by(refusals.c.id.desc()).limit(limit)
        if connection:
            statement = statement.where(refusals.c.connection == connection)
        return self._reader.ask(LOOK_UP, lambda work: [_turned(row) for row in work.execute(statement)])

    def retry(self, selection: Selection, now: int) -> Deferred[int]:
        return self._change(selection, sa.and_(recipients.c.lease == "", recipients.c.due_at > now), {"due_at": now})

    def hold(self, selection: Selection, held: bool) -> Deferred[int]:
        return self._change(selection, recipients.c.held == int(not held), {"held": int(held)})

    def _change(
        self, selection: Selection, changeable: sa.ColumnElement[bool], values: Mapping[str, object]
    ) -> Deferred[int]:
        def change(work: Work) -> int:
            found = facts_of(work, PENDING, changeable, *_conditions(selection), limit=BULK)
            ids = [facts.id for facts in found]
            work.execute(sa.update(recipients).where(recipients.c.id.in_(ids), PENDING, changeable).values(values))
            return len(ids)

        return Deferred.fromCoroutine(self._repeat(change))

    def drop(self, selection: Selection, reason: str, now: int) -> Deferred[int]:
        def drop(work: Work) -> int:
            found = facts_of(work, PENDING, recipients.c.lease == "", *_conditions(selection), limit=BULK)
            return end(work, found, State.FAILED, reason, now)

        return Deferred.fromCoroutine(self._repeat(drop))

    async def _repeat(self, change: Callable[[Work], int]) -> int:
        """Until a transaction changes fewer rows than it may."""
        total = 0
        while True:
            changed: int = await self._writer.ask(CALL, change)
            total += changed
            if changed < BULK:
                return total

    def audit(self) -> Deferred[Sequence[str]]:
        return self._reader.ask(LOOK_UP, lambda work: audit(work, self._alive(work)))


_passages = sa.select(
    recipients,
    messages.c.subject,
    messages.c.sender,
    messages.c.dialect,
    messages.c.client_ref,
    messages.c.template,
    messages.c.metadata,
    messages.c.size,
    connections.c.name.label("connection_name"),
    *(column for column in engaged.c if column.name != "recipient"),
).select_from(
    recipients.join(messages, messages.c.id == recipients.c.message)
    .outerjoin(connections, connections.c.id == recipients.c.connection)
    .outerjoin(engaged, engaged.c.recipient == recipients.c.id)
)


def _conditions(selection: Selection) -> list[sa.ColumnElement[bool]]:
    columns = recipients.c
    plain = (
        (columns.message, selection.message),
        (columns.id, selection.recipient),
        (columns.account, selection.account),
        (columns.connection, selection.connection),
        (columns.destination, selection.destination),
    )
    conditions: list[sa.ColumnElement[bool]] = [column == value for column, value in plain if value]
    if selection.to:
        conditions.append(
            sa.or_(columns.address == selection.to, columns.key.in_((selection.to, selection.to.lower())))
        )
    if selection.states:
        conditions.append(columns.state.in_([state.value for state in selection.states]))
    if selection.before:
        conditions.append(columns.id < selection.before)
    return conditions


def _turned(row: Any) -> Turned:
    return Turned(row.id, row.at, row.account, row.connection, row.peer, row.stage, tuple(json.loads(row.verdicts)))


def _passage(row: Any) -> Passage:
    return Passage(
        id=row.message,
        recipient=row.id,
        account=row.account,
        connection=row.connection,
        connection_name=row.connection_name or "",
        dialect=row.dialect,
        sender=row.sender,
        rcpt=row.address,
        destination=row.destination,
        subject=row.subject,
        state=State(row.state),
        held=bool(row.held),
        leased=row.lease != "",
        attempts=row.attempts,
        billed=row.billed,
        tag=row.tag,
        client_ref=row.client_ref,
        template=row.template,
        metadata=json.loads(row.metadata or "{}"),
        name=row.name,
        size=row.size,
        accepted_at=row.accepted_at,
        due_at=row.due_at,
        expires_at=row.expires_at,
        last_reply=row.last_reply,
        last_host=row.last_host,
        last_at=row.last_at,
        engaged=summary(row),
    )
