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
from ..interfaces.history import Attempt, IHistory, Original, Page, Passage, Selection, Turned, Waiting
from ..mail.envelope import Instructions, State, personal_of
from . import pages, waiting
from .accept import clean
from .attempts import attempts_of
from .audit import audit
from .engagement import acts_of, summary
from .jobs import LOOK_UP
from .reader import Reader
from .schema import connections, engaged, messages, recipients, refusals
from .settle import Facts
from .waiting import ending, setting
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
        def read(work: Work) -> Sequence[Passage]:
            return _passages_of(work, pages.find(work, selection, limit, looked_at=None).ids)

        return self._reader.ask(LOOK_UP, read)

    def page(self, selection: Selection, limit: int) -> Deferred[Page]:
        def read(work: Work) -> Page:
            found = pages.find(work, selection, limit)
            return Page(_passages_of(work, found.ids), found.before)

        return self._reader.ask(LOOK_UP, read)

    def original(self, message: str) -> Deferred[Original]:
        def read(work: Work) -> Original:
            row = work.execute(_original, {"message_id": message}).first()
            if row is None:
                raise KeyError(message)
            return Original(
                row.account,
                row.connection,
                row.sender,
                row.subject,
                Instructions(
                    tag=row.tag,
                    client_ref=row.client_ref,
                    route=row.route,
                    template=row.template,
                    metadata=json.loads(row.metadata or "{}"),
                ),
                personal_of(row.personal),
                row.expires_at - row.received_at,
            )

        return self._reader.ask(LOOK_UP, read)

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

    def refusals(self, connection: str, limit: int, account: str = "") -> Deferred[Sequence[Turned]]:
        statement = sa.select(refusals).order_by(refusals.c.id.desc()).limit(limit)
        if connection:
            statement = statement.where(refusals.c.connection == connection)
        if account:
            statement = statement.where(refusals.c.account == account)
        return self._reader.ask(LOOK_UP, lambda work: [_turned(row) for row in work.execute(statement)])

    def count(self, selection: Selection) -> Deferred[int]:
        return self._reader.ask(LOOK_UP, lambda work: waiting.count(work, selection))

    def destinations(self, selection: Selection, limit: int) -> Deferred[Sequence[Waiting]]:
        return self._reader.ask(LOOK_UP, lambda work: waiting.destinations(work, selection, limit))

    def classes(self, selection: Selection) -> Deferred[Mapping[str, int]]:
        return self._reader.ask(LOOK_UP, lambda work: waiting.classes(work, selection))

    def retry(self, selection: Selection, now: int) -> Deferred[int]:
        return self._change(selection, sa.and_(waiting.FREE, recipients.c.due_at > now), setting({"due_at": now}))

    def hold(self, selection: Selection, held: bool) -> Deferred[int]:
        return self._change(selection, recipients.c.held == int(not held), setting({"held": int(held)}))

    def drop(self, selection: Selection, reason: str, now: int) -> Deferred[int]:
        return self._change(selection, waiting.FREE, ending(State.FAILED, reason, now))

    def expire(self, selection: Selection, reason: str, now: int) -> Deferred[int]:
        return self._change(selection, waiting.FREE, ending(State.EXPIRED, reason, now))

    def reroute(self, selection: Selection, route: str, now: int) -> Deferred[int]:
        return self._change(selection, waiting.FREE, setting({"route": clean(route), "due_at": now}))

    def _change(
        self,
        selection: Selection,
        changeable: sa.ColumnElement[bool],
        make: Callable[[Work, Sequence[Facts]], int],
    ) -> Deferred[int]:
        return Deferred.fromCoroutine(waiting.change(self._reader, self._writer, selection, changeable, make))

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


_original = sa.select(*(column for column in messages.c if column.name not in ("source", "verdicts"))).where(
    messages.c.id == sa.bindparam("message_id")
)


def _passages_of(work: Work, ids: Sequence[str]) -> list[Passage]:
    """What became of these recipients, in the order of their ids, the newest first."""
    found: list[Passage] = []
    for start in range(0, len(ids), BULK):
        statement = _passages.where(recipients.c.id.in_(ids[start : start + BULK])).order_by(recipients.c.id.desc())
        found += map(_passage, work.execute(statement))
    return found


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
        route=row.route,
        priority=row.priority,
        last_host=row.last_host,
        last_at=row.last_at,
        engaged=summary(row),
    )
