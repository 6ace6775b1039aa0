"""Sums over the counters: `IStatistics`.

Of the tables `counters` tells tags and quarter hours, `hour_counters` tags and hours, `domain_counters` domains and
hours; each holds every recipient, so all give the same totals. `provider_counters` hold those at their end. Whole hours
are read from the sums by the hour, which are a quarter of the rows. This module moves no counter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeAlias

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.statistics import Counted, Counting, IStatistics, Stretch
from .directory import tags_statement
from .jobs import LOOK_UP
from .reader import Reader
from .schema import counters, domain_counters, durations, hour_counters, provider_counters
from .work import HOUR, Work

#: What sums are told by, of a table in a time zone that is so far ahead of UTC.
Key: TypeAlias = Callable[[sa.Table, int], Any]

#: Hours that steps of time may cut in two; where there are more, all are read by the quarter.
MAX_CUT = 1000


@implementer(IStatistics)
class Statistics:
    """Counters of one store."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def totals(self, counting: Counting) -> Deferred[Counted]:
        found = self._sums(counting, lambda table, offset: sa.literal_column("0"))
        return found.addCallback(lambda sums: sums.get(0, {}))

    def by_time(self, counting: Counting, step: int) -> Deferred[Mapping[int, Counted]]:
        def number(table: sa.Table, offset: int) -> sa.ColumnElement[Any]:
            local = _start(table) + sa.literal(offset, sa.BigInteger)
            return local // sa.literal(step, sa.BigInteger)

        found = self._sums(counting, number, step=step)
        return found.addCallback(lambda sums: {int(key): sums[key] for key in sorted(sums)})

    def by_tag(self, counting: Counting) -> Deferred[Mapping[str, Counted]]:
        return self._sums(counting, lambda table, offset: table.c.tag)

    def by_domain(self, counting: Counting) -> Deferred[Mapping[str, Counted]]:
        return self._sums(counting, lambda table, offset: table.c.domain, domain_counters)

    def by_provider(self, counting: Counting) -> Deferred[Mapping[str, Counted]]:
        return self._sums(counting, lambda table, offset: table.c.provider, provider_counters)

    def durations(self, counting: Counting) -> Deferred[Mapping[str, Mapping[int, int]]]:
        def read(work: Work) -> dict[str, dict[int, int]]:
            found: dict[str, dict[int, int]] = {}
            for connection in counting.connections:
                for stretch in counting.stretches:
                    (piece,) = _pieces(stretch, 0, durations)
                    bounds = {"connection_id": connection, "since": piece.since, "until": piece.until}
                    for phase, bucket, number in work.execute(_of_durations, bounds):
                        counts = found.setdefault(phase, {})
                        counts[bucket] = counts.get(bucket, 0) + int(number)
            return found

        return self._reader.ask(LOOK_UP, read)

    def by_connection(self, counting: Counting) -> Deferred[Mapping[str, Counted]]:
        return self._sums(counting, lambda table, offset: table.c.connection)

    def _sums(self, counting: Counting, key: Key, table: sa.Table | None = None, step: int = 0) -> Deferred[Any]:
        """The sums of all connections and stretches by key and kind; where the key tells steps of time, of `step`."""
        chosen = domain_counters if counting.domain else table
        pieces = [piece for stretch in counting.stretches for piece in _pieces(stretch, step, chosen)]

        def read(work: Work) -> dict[Any, dict[str, int]]:
            found: dict[Any, dict[str, int]] = {}
            for connection in counting.connections:
                values = _values(work, counting, chosen, connection)
                for piece in pieces:
                    place = key(piece.table, piece.offset).label("place")
                    asked = _asked(piece.table, counting).add_columns(place).group_by(sa.text("place"))
                    bounds = {"since": piece.since, "until": piece.until}
                    for kind, number, at in work.execute(asked, {**values, **bounds}):
                        sums = found.setdefault(at, {})
                        sums[kind] = sums.get(kind, 0) + int(number)
            return found

        return self._reader.ask(LOOK_UP, read)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a stretch that is read from one table."""

    table: sa.Table
    since: int
    until: int
    offset: int


def _pieces(stretch: Stretch, step: int, table: sa.Table | None) -> Sequence[_Piece]:
    """A stretch in the order of time: whole hours from the sums by the hour, and by the quarter what ends and edges of
    steps cut in two. A `table` that is given knows hours alone: a stretch that begins within one begins with all of it.
    """
    since, until, offset = stretch.since, stretch.until, stretch.offset
    if table is not None:
        return [_Piece(table, since - since % HOUR, until, offset)]
    edges = [since, until]
    if step and (offset % HOUR or step % HOUR):
        if until - since > MAX_CUT * step:
            return [_Piece(counters, since, until, offset)]
        edges[1:1] = range((since + offset) // step * step + step - offset, until, step)
    found: list[_Piece] = []
    for start, end in pairwise(edges):
        first, last = start + -start % HOUR, end - end % HOUR
        cuts = (start, first, last, end) if first < last else (start, end, end, end)
        for kept_by, (begin, stop) in zip((counters, hour_counters, counters), pairwise(cuts), strict=True):
            if begin < stop and found and found[-1].table is kept_by:
                found[-1] = replace(found[-1], until=stop)
            elif begin < stop:
                found.append(_Piece(kept_by, begin, stop, offset))
    return found


def _start(table: sa.Table) -> sa.ColumnElement[int]:
    return table.c.hour if "hour" in table.c else table.c.quarter


def _asked(table: sa.Table, counting: Counting) -> sa.Select[Any]:
    """The sums by kind of one connection in a time."""
    return _of_domain if table is domain_counters and counting.domain else _sums_of[table]


def _values(work: Work, counting: Counting, table: sa.Table | None, connection: str) -> Mapping[str, object]:
    """What is asked for of a connection."""
    values: dict[str, object] = {"connection_id": connection}
    if table is None:
        tags = [("",), *work.rows(_tags, values)] if counting.tag is None else [(counting.tag,)]
        return values | {"tag_names": [tag for (tag,) in tags]}
    return values | {"domain_name": counting.domain} if counting.domain else values


def _within(table: sa.Table) -> sa.Select[Any]:
    start = _start(table)
    since, until = (sa.bindparam(name, type_=sa.BigInteger) for name in ("since", "until"))
    return (
        sa.select(table.c.kind, sa.func.sum(table.c.count))
        .where(table.c.connection == sa.bindparam("connection_id"), start >= since, start < until)
        .group_by(table.c.kind)
    )


_tags = tags_statement()
# Tags are named one by one, so that only the time asked for is read of each.
_of_tags = {
    table: _within(table).where(table.c.tag.in_(sa.bindparam("tag_names", expanding=True)))
    for table in (counters, hour_counters)
}
_sums_of = {**_of_tags, **{table: _within(table) for table in (domain_counters, provider_counters)}}
_of_domain = _sums_of[domain_counters].where(domain_counters.c.domain == sa.bindparam("domain_name"))
_of_durations = (
    sa.select(durations.c.phase, durations.c.bucket, sa.func.sum(durations.c.count))
    .where(
        durations.c.connection == sa.bindparam("connection_id"),
        durations.c.hour >= sa.bindparam("since", type_=sa.BigInteger),
        durations.c.hour < sa.bindparam("until", type_=sa.BigInteger),
    )
    .group_by(durations.c.phase, durations.c.bucket)
)
