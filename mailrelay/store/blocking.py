"""Blocking connections by what came of their recipients: `IBlocking`.

It reads the counters by domain, whose key begins with connection and hour, so that a day of one connection is one
stretch of it and nothing has to be counted for this alone. It judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.blocking import Candidate, IBlocking
from ..mail.envelope import SECOND
from ..mail.event import Event
from ..policy.blocking import Block, Figures
from .accept import clean
from .directory import MergedOptions
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import connections, domain_counters
from .work import Work
from .writer import Writer

_HOUR = 3600 * SECOND
_REFUSED = "bounced"
#: Ends that a host had a say in, or never had.
_FINISHED = ("delivered", _REFUSED, "expired", "failed")

counted = (
    sa.select(domain_counters.c.kind, sa.func.sum(domain_counters.c.count))
    .where(
        domain_counters.c.connection == sa.bindparam("of"),
        domain_counters.c.hour >= sa.bindparam("since", type_=sa.BigInteger),
        domain_counters.c.kind.in_(_FINISHED),
    )
    .group_by(domain_counters.c.kind)
)


@implementer(IBlocking)
class Blocking:
    """Candidates, figures, blocks; `options` merges those of a connection with its dialect's."""

    def __init__(self, writer: Writer, reader: Reader, options: MergedOptions) -> None:
        self._writer = writer
        self._reader = reader
        self._options = options

    def candidates(self) -> Deferred[Sequence[Candidate]]:
        columns = connections.c
        statement = (
            sa.select(columns.id, columns.account, columns.name, columns.dialect, columns.options, columns.active_since)
            .where(columns.status == "active")
            .order_by(columns.id)
        )

        def read(work: Work) -> Sequence[Candidate]:
            return [
                Candidate(id, account, name, self._options(dialect, json.loads(own)), since)
                for id, account, name, dialect, own, since in work.execute(statement)
            ]

        return self._reader.ask(LOOK_UP, read)

    def figures(self, connection: str, since: int) -> Deferred[Figures]:
        def read(work: Work) -> Figures:
            found = work.execute(counted, {"of": connection, "since": -(-since // _HOUR) * _HOUR})
            sums = {kind: int(count) for kind, count in found}
            return Figures(sum(sums.values()), sums.get(_REFUSED, 0))

        return self._reader.ask(LOOK_UP, read)

    def block(self, candidate: Candidate, block: Block, now: int) -> Deferred[bool]:
        here = sa.and_(connections.c.id == candidate.connection, connections.c.status == "active")

        def change(work: Work) -> bool:
            values = {"status": "blocked", "status_reason": clean(block.reason)}
            if not work.execute(sa.update(connections).where(here).values(values)).rowcount:
                return False
            facts = {"connection": candidate.connection, "name": candidate.name, "reason": block.reason}
            work.tell_of_account(Event.CONNECTION_BLOCKED.value, candidate.account, now, facts | dict(block.facts))
            return True

        return self._writer.ask(CALL, change)
