"""How attempts went, kept in the commit that settles them.

Every attempt keeps its line; the talk itself is kept of the last `KEPT` attempts of a recipient. What could not be told
apart by its number is not kept twice: telling how it went never fails a settlement. This module never commits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..interfaces.history import Attempt
from ..mail.envelope import Settlement, State
from .accept import clean
from .schema import attempts
from .work import Work

#: Attempts of one recipient whose transcripts are kept.
KEPT = 10

_makers: tuple[tuple[bool, Any], ...] = ((True, sqlite.insert), (False, postgresql.insert))
_add = {on_sqlite: make(attempts).on_conflict_do_nothing() for on_sqlite, make in _makers}
_silence = (
    sa.update(attempts)
    .where(attempts.c.recipient == sa.bindparam("of"), attempts.c.number == sa.bindparam("old"))
    .values(transcript=sa.literal_column("''"))
)
_of = sa.select(attempts).where(attempts.c.recipient == sa.bindparam("of")).order_by(attempts.c.number)


def keep(work: Work, members: Sequence[tuple[Settlement, int]]) -> None:
    """Keep the attempts of settlements that were carried out, each with how many it makes."""
    work.insert(_add[work.sqlite], [_row(settlement, number) for settlement, number in members if settlement.outcome])
    old = [{"of": each.recipient, "old": number - KEPT} for each, number in members if number > KEPT]
    work.insert(_silence, old)


def _row(settlement: Settlement, number: int) -> Mapping[str, object]:
    outcome = settlement.outcome
    assert outcome is not None
    return {
        "recipient": settlement.recipient,
        "number": number,
        "at": outcome.at,
        "route": outcome.route,
        "host": clean(outcome.host),
        "address": outcome.address,
        "tls": outcome.tls,
        "signed": outcome.signed,
        "state": settlement.state.value,
        "reply": clean(str(outcome.reply)),
        "due_at": settlement.due_at,
        "facts": json.dumps(dict(settlement.facts), default=str) if settlement.facts else "",
        "transcript": clean(outcome.transcript),
    }


def attempts_of(work: Work, recipient: str) -> list[Attempt]:
    """The attempts made at a recipient, in order."""
    return [
        Attempt(
            number=row.number,
            at=row.at,
            route=row.route,
            host=row.host,
            address=row.address,
            tls=row.tls,
            signed=row.signed,
            state=State(row.state),
            reply=row.reply,
            due_at=row.due_at,
            facts=json.loads(row.facts or "{}"),
            transcript=row.transcript,
        )
        for row in work.execute(_of, {"of": recipient})
    ]
