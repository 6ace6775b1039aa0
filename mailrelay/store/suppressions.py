"""Suppressions in bulk: lists that come in, what is undone by its cause, what has ended.

Every transaction changes at most `BULK` rows. This module never commits, and suppresses nobody by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ..interfaces.registry import Suppression
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
