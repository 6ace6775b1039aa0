"""Sums over the counters: `IStatistics`.

Of the tables `counters` tells tags and quarter hours, `domain_counters` domains and hours; both hold every recipient,
so either gives the same totals. `provider_counters` hold those at their end. This module moves no counter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.statistics import Counted, Counting, IStatistics, Stretch
from .directory import tags_statement
from .jobs import LOOK_UP
from .reader import Reader
from .schema import counters, domain_counters, durations, provider_counters
from .work import HOUR, Work

Key: TypeAlias = Callable[[sa.Table, Stretch], Any]

_of = counters.c
_by_domain = domain_counters.c


@implementer(IStatistics)
class Statistics:
    """Counters of one store."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def totals(self, counting: Counting) -> Deferred[Counted]:
        found = self._sums(counting, lambda table, stretch: sa.literal_column("0"))
        return found.addCallback(lambda sums: sums.get(0, {}))

    def by_time(self, counting: Counting, step: int) -> Deferred[Mapping[int, Counted]]:
        def number(table: sa.Table, stretch: Stretch) -> sa.ColumnElement[Any]:
            local = _start(table) + sa.literal(stretch.offset, sa.BigInteger)
            return local // sa.literal(step, sa.BigInteger)

        return self._sums(counting, number).addCallback(lambda sums: {int(key): sums[key] for key in sorted(sums)})

    def by_tag(self, counting: Counting) -> Deferred[Mapping[str, Counted]]:
        return self._sums(counting, lambda table, stretch: _of.tag)

    def by_domain(self, counting: Counting) -> Deferred[Mapping[str, Counted]]:
        return self._sums(counting, lambda table, stretch: _by_domain.domain, domain_counters)

    def by_provider(self, counting: Counting) -> Deferred[Mapping[str, Counted]]:
        return self._sums(counting, lambda table, stretch: provider_counters.c.provider, provider_counters)

    def durations(self, counting: Counting) -> Deferred[Mapping[str, Mapping[int, int]]]:
        def read(work: Work) -> dict[str, dict[int, int]]:
            found: dict[str, dict[int, int]] = {}
            for connection in counting.connections:
                for stretch in counting.stretches:
                    bounds = {**_bounds(durations, stretch), "connection_id": connection}
                    for phase, bucket, number in work.execute(of_durations, bounds):
                        counts = found.setdefault(phase, {})
                        counts[bucket] = counts.get(bucket, 0) + int(number)
            return found

        return self._reader.ask(LOOK_UP, read)

    def by_connection(self, counting: Counting) -> Deferred[Mapping[str, Counted]]:
        return self._sums(counting, lambda table, stretch: table.c.connection)

    def _sums(self, counting: Counting, key: Key, table: sa.Table | None = None) -> Deferred[Any]:
        """The sums of all connections and stretches by key and kind."""
        chosen = domain_counters if counting.domain else counters if table is None else table

        def read(work: Work) -> dict[Any, dict[str, int]]:
            found: dict[Any, dict[str, int]] = {}
            for connection in counting.connections:
                statement, values = _asked(work, counting, chosen, connection)
                for stretch in counting.stretches:
                    place = key(chosen, stretch).label("place")
                    summed = statement.add_columns(place).group_by(sa.text("place"))
                    for kind, number, at in work.execute(summed, {**values, **_bounds(chosen, stretch)}):
                        sums = found.setdefault(at, {})
                        sums[kind] = sums.get(kind, 0) + int(number)
            return found

        return self._reader.ask(LOOK_UP, read)


def _start(table: sa.Table) -> sa.ColumnElement[int]:
    return table.c.hour if "hour" in table.c else table.c.quarter


def _bounds(table: sa.Table, stretch: Stretch) -> Mapping[str, int]:
    since = stretch.since - stretch.since % HOUR if "hour" in table.c else stretch.since
    return {"since": since, "until": stretch.until}


def _asked(
    work: Work, counting: Counting, table: sa.Table, connection: str
) -> tuple[sa.Select[Any], Mapping[str, object]]:
    """The sums by kind of one connection, and the values asked for."""
    if table is domain_counters:
        domain = counting.domain
        return (of_domain if domain else of_domains), {"connection_id": connection, "domain_name": domain}
    if table is provider_counters:
        return of_providers, {"connection_id": connection}
    if counting.tag is not None:
        tags = [counting.tag]
    else:
        tags = ["", *(tag for (tag,) in work.rows(_tags, {"connection_id": connection}))]
    return of_tags, {"connection_id": connection, "tag_names": tags}


def _within(table: sa.Table) -> sa.Select[Any]:
    start = _start(table)
    since, until = (sa.bindparam(name, type_=sa.BigInteger) for name in ("since", "until"))
    return (
        sa.select(table.c.kind, sa.func.sum(table.c.count))
        .where(table.c.connection == sa.bindparam("connection_id"), start >= since, start < until)
        .group_by(table.c.kind)
    )


# Tags are named one by one, so that only the time asked for is read of each.
_tags = tags_statement()
of_tags = _within(counters).where(_of.tag.in_(sa.bindparam("tag_names", expanding=True)))
of_domains = _within(domain_counters)
of_providers = _within(provider_counters)
of_durations = (
    sa.select(durations.c.phase, durations.c.bucket, sa.func.sum(durations.c.count))
    .where(
        durations.c.connection == sa.bindparam("connection_id"),
        durations.c.hour >= sa.bindparam("since", type_=sa.BigInteger),
        durations.c.hour < sa.bindparam("until", type_=sa.BigInteger),
    )
    .group_by(durations.c.phase, durations.c.bucket)
)
of_domain = of_domains.where(_by_domain.domain == sa.bindparam("domain_name"))
