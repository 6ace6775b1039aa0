"""Forgetting what is finished: sources of messages, the history of recipients, refusals.

Only what is at its end is forgotten, and only a whole message at a time. Counters stay: what was sent and what became
of it is still told when nobody knows any more to whom. So that the books still close, what leaves the history is added
up in `forgotten`, by what it was counted as, and the money entries of its recipients become one entry of the account.
Every transaction takes at most `BULK` messages. This module never commits and looks at no clock.
"""

from __future__ import annotations

import sqlalchemy as sa

from .engagement import COUNTED, FIRSTS
from .schema import (
    PENDING,
    attempts,
    chunks,
    engaged,
    engagements,
    entries,
    forgotten,
    keyed,
    messages,
    recipients,
    refusals,
    settings,
)
from .work import BULK, MAKERS, Work, upsert

#: The kind of the one entry that stands for those of forgotten recipients.
CARRIED = "carried"

#: The setting that holds the id of a message up to which all sources are forgotten.
FORGOTTEN = "retention.bodies"

_add_forgotten = {
    on_sqlite: upsert(make, forgotten, lambda new: {"count": forgotten.c.count + new.count})
    for on_sqlite, make in MAKERS
}
_add_carried = {
    on_sqlite: upsert(make, entries, lambda new: {"amount": entries.c.amount + new.amount, "at": new.at})
    for on_sqlite, make in MAKERS
}
_pending = sa.exists().where(recipients.c.message == messages.c.id, PENDING)
_up_to = sa.select(settings.c.value).where(settings.c.key == FORGOTTEN)


def forget_bodies(work: Work, before: int) -> int:
    """Delete the sources of messages that were accepted before an instant and wait no more; gives of how many.

    It begins behind those up to which all sources are gone, so that it looks again only at what lies behind the oldest
    that still waits."""
    after = work.execute(_up_to).scalar() or ""
    columns = messages.c
    old = sa.and_(columns.id > after, columns.received_at < before)
    kept = sa.or_(columns.source.is_not(None), sa.exists().where(chunks.c.message == columns.id))
    statement = sa.select(columns.id).where(old, kept, ~_pending).order_by(columns.id).limit(BULK)
    ids = list(work.execute(statement).scalars())
    work.execute(sa.delete(chunks).where(chunks.c.message.in_(ids)))
    work.execute(sa.update(messages).where(columns.id.in_(ids)).values(source=None))
    if len(ids) < BULK:
        waits = work.execute(sa.select(sa.func.min(columns.id)).where(old, _pending)).scalar()
        done = old if waits is None else sa.and_(old, columns.id < waits)
        if (last := work.execute(sa.select(sa.func.max(columns.id)).where(done)).scalar()) is not None:
            work.execute(work.upsert(settings, ("key", "value")), {"key": FORGOTTEN, "value": last})
    return len(ids)


def forget_history(work: Work, before: int) -> int:
    """Delete messages that were accepted before an instant, with their recipients; gives how many messages."""
    old = sa.select(messages.c.id).where(messages.c.received_at < before, ~_pending)
    ids = list(work.execute(old.order_by(messages.c.id).limit(BULK)).scalars())
    gone = sa.select(recipients.c.id).where(recipients.c.message.in_(ids)).scalar_subquery()
    _carry_counts(work, ids)
    _carry_entries(work, gone)
    for table, column in (
        (attempts, attempts.c.recipient),
        (engaged, engaged.c.recipient),
        (engagements, engagements.c.recipient),
        (keyed, keyed.c.id),
    ):
        work.execute(sa.delete(table).where(column.in_(gone)))
    work.execute(sa.delete(recipients).where(recipients.c.message.in_(ids)))
    work.execute(sa.delete(chunks).where(chunks.c.message.in_(ids)))
    work.execute(sa.delete(messages).where(messages.c.id.in_(ids)))
    return len(ids)


def forget_refusals(work: Work, before: int) -> int:
    """Delete what was not accepted before an instant; gives how many."""
    ids = list(work.execute(sa.select(refusals.c.id).where(refusals.c.at < before).limit(BULK)).scalars())
    work.execute(sa.delete(refusals).where(refusals.c.id.in_(ids)))
    return len(ids)


def _carry_counts(work: Work, ids: list[str]) -> None:
    """Add what these messages' recipients were counted as to what is forgotten."""
    columns, of = recipients.c, recipients.c.message.in_(ids)
    sums = [
        sa.select(columns.connection, sa.literal("accepted"), sa.func.count()).where(of).group_by(columns.connection),
        sa.select(columns.connection, columns.state, sa.func.count())
        .where(of)
        .group_by(columns.connection, columns.state),
        sa.select(columns.connection, sa.literal("billed"), sa.func.sum(columns.billed))
        .where(of)
        .group_by(columns.connection),
    ]
    joined = engaged.join(recipients, columns.id == engaged.c.recipient)
    for kind, name in COUNTED.items():
        column = engaged.c[name]
        number = sa.func.sum(sa.case((column > 0, 1), else_=0) if name in FIRSTS else column)
        statement = sa.select(columns.connection, sa.literal(kind), number).select_from(joined)
        sums.append(statement.where(of).group_by(columns.connection))
    for statement in sums:
        for connection, kind, number in work.execute(statement).all():
            if number:
                values = {"connection": connection, "kind": kind, "count": int(number)}
                work.execute(_add_forgotten[work.sqlite], values)


def _carry_entries(work: Work, gone: sa.ScalarSelect[str]) -> None:
    """Let one entry stand for those of recipients that are forgotten."""
    theirs = entries.c.subject.in_(gone)
    columns = entries.c
    sums = sa.select(columns.account, sa.func.sum(columns.amount), sa.func.max(columns.at)).where(theirs)
    for account, amount, at in work.execute(sums.group_by(columns.account)).all():
        values = {"subject": account, "kind": CARRIED, "account": account, "amount": int(amount), "note": "", "at": at}
        work.execute(_add_carried[work.sqlite], values)
    work.execute(sa.delete(entries).where(theirs))
