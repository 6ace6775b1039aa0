"""Suppressions in bulk: lists that come in, what is undone by its cause, what has ended.

Every transaction changes at most `BULK` rows. This module never commits, and suppresses nobody by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import sqlalchemy as sa

from ..interfaces.registry import Imported, Searched, Suppression
from .accept import clean
from .schema import suppressions
from .settle import suppress
from .work import BULK, Work


def sweep_suppressions(work: Work, now: int) -> int:
    """Forget suppressions that have ended, at most `BULK`; gives how many."""
    columns = suppressions.c
    ended = sa.and_(columns.expires_at != 0, columns.expires_at <= now)
    return delete_some(work, ended)


def delete_some(work: Work, condition: sa.ColumnElement[bool]) -> int:
    """Delete the suppressions that fit, at most `BULK`; gives how many."""
    columns = suppressions.c
    found = work.execute(sa.select(columns.account, columns.key).where(condition).limit(BULK)).all()
    if found:
        these = sa.tuple_(columns.account, columns.key).in_([(row.account, row.key) for row in found])
        work.execute(sa.delete(suppressions).where(these, condition))
    return len(found)


def put_all(work: Work, given: Sequence[Suppression]) -> None:
    """Suppress several addresses; of two for one address the later holds."""
    for each in given:
        suppress(
            work,
            each.account,
            each.key,
            each.address,
            each.reason,
            clean(each.origin),
            each.created_at,
            each.expires_at,
        )


def add_new(work: Work, given: Sequence[Suppression], now: int) -> list[str]:
    """Suppress those of one account that are not suppressed now; of two for one address the first holds."""
    columns = suppressions.c
    if not given:
        return []
    (account,) = {each.account for each in given}
    here = sa.and_(columns.account == account, columns.key.in_([each.key for each in given]))
    work.execute(sa.delete(suppressions).where(here, columns.expires_at != 0, columns.expires_at <= now))
    known = set(work.execute(sa.select(columns.key).where(here)).scalars())
    fresh: dict[str, Suppression] = {}
    for each in given:
        if each.key not in known:
            fresh.setdefault(each.key, replace(each, origin=clean(each.origin)))
    if fresh:
        work.execute(sa.insert(suppressions), [asdict(each) for each in fresh.values()])
    return list(fresh)


def search(work: Work, wanted: Searched, limit: int) -> list[Suppression]:
    """The newest suppressions that fit."""
    columns = suppressions.c
    statement = sa.select(suppressions)
    for column, word in ((columns.account, wanted.account), (columns.reason, wanted.reason),
                         (columns.origin, wanted.origin)):  # fmt: skip
        if word:
            statement = statement.where(column == word)
    if wanted.text:
        text = clean(wanted.text)
        # a key is in lower case but for what is no ASCII
        spelt = columns.address.contains(text, autoescape=True), columns.key.contains(text.lower(), autoescape=True)
        statement = statement.where(sa.or_(*spelt))
    if wanted.before is not None:
        at, account, key = wanted.before
        later = sa.tuple_(columns.account, columns.key) > sa.tuple_(account, clean(key))
        statement = statement.where(sa.or_(columns.created_at < at, sa.and_(columns.created_at == at, later)))
    order = (columns.created_at.desc(), columns.account, columns.key)
    return [Suppression(**row._mapping) for row in work.execute(statement.order_by(*order).limit(limit))]


def imports(work: Work, account: str, limit: int) -> list[Imported]:
    """The lists that came in, the newest first."""
    columns = suppressions.c
    newest, count = sa.func.max(columns.created_at).label("at"), sa.func.count().label("count")
    statement = sa.select(columns.account, columns.origin, count, newest).where(columns.origin.startswith("import"))
    if account:
        statement = statement.where(columns.account == account)
    statement = statement.group_by(columns.account, columns.origin).order_by(newest.desc(), columns.origin).limit(limit)
    return [Imported(**row._mapping) for row in work.execute(statement)]


def caused_by(account: str, reason: str, origin: str, since: int, until: int) -> sa.ColumnElement[bool]:
    """The suppressions of an account of which every word that is given fits."""
    columns = suppressions.c
    conditions = [columns.account == account]
    if reason:
        conditions.append(columns.reason == reason)
    if origin:
        conditions.append(columns.origin == origin)
    if since:
        conditions.append(columns.created_at >= since)
    if until:
        conditions.append(columns.created_at < until)
    return sa.and_(*conditions)
