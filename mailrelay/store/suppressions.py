"""Suppressions in bulk: what has ended is forgotten.

Every transaction changes at most `BULK` rows. This module never commits, and suppresses nobody by itself.
"""

from __future__ import annotations

import sqlalchemy as sa

from .schema import suppressions
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
