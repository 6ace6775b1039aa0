"""Statistics of a connection or an account over a time, in our words and in those of its service.

A time is a period up to now ("today", "month" …), or from one hour to another, in the time zone of the account. Days
and months are those of that zone. What is asked for is summed from counters by the accepting hour: a mail accepted on
Monday and opened on Tuesday counts as opened on Monday.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from twisted.internet.defer import Deferred, FirstError, gatherResults, succeed

from ..interfaces.registry import Account, Connection
from ..interfaces.statistics import Counted, Counting
from ..mail.envelope import DAY
from ..policy.dialect import STANDARD
from ..policy.duration import Timing, timings
from ..policy.statistics import DEFERRALS, FINAL, Line, complete, lines
from . import checked, names, spans
from .errors import Invalid, Unknown
from .installation import Installation, use_case
from .spans import Span

#: How the whole may be taken apart.
BY = ("hour", "day", "month", "tag", "domain", "provider", "connection")
#: Parts that hold every recipient once, by the same counters as the whole.
_ADDS_UP = frozenset({"hour", "day", "month", "tag", "connection"})
_NOTHING: Counted = {}
_NO_TIMES: Mapping[str, Mapping[int, int]] = {}
_STEPS = {"hour": spans.HOUR, "day": DAY, "month": DAY}


@dataclass(frozen=True, slots=True)
class Asked:
    """What statistics are wanted of: names of an account (""  for the only one) and a connection ("" for all of the
    account's), a `tag` (None for any), a `domain` of recipients; for a `period`, or `since` and `until` (ISO 8601, the
    hour counts); taken apart `by` one of `BY`, "" for the whole alone."""

    account: str = ""
    connection: str = ""
    tag: str | None = None
    domain: str = ""
    period: str = ""
    since: str = ""
    until: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the whole: what it is of (a tag, a domain, the start of an hour), what was counted, and the rows."""

    of: str
    counts: Counted
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Statistics: `counts` in our words (`policy.statistics.COUNTS`), `lines` are the rows of `dialect`, `parts` the
    same of each part; `timings` how long deliveries took, none where a tag or domain was asked for."""

    account: Account
    connection: Connection | None
    dialect: str
    span: Span
    by: str
    counts: Counted
    lines: tuple[Line, ...]
    parts: Sequence[Part] = field(default=())
    timings: tuple[Timing, ...] = ()


@use_case
async def report(installation: Installation, asked: Asked) -> Report:
    """What became of the mail of an account or connection, by the row and by the part."""
    if asked.by and asked.by not in BY:
        raise Invalid("by", f"{asked.by!r} is none of {', '.join(BY)}")
    if asked.tag is not None and (asked.domain or asked.by == "domain"):
        raise Invalid("tag", "counters know either the tag or the domain")
    if asked.domain and asked.by == "tag":
        raise Invalid("domain", "counters know either the tag or the domain")
    narrow = asked.tag is not None or bool(asked.domain)
    if narrow and asked.by == "provider":
        raise Invalid("by", "providers are counted for all tags and domains together")
    registry = installation.registry
    connection = await _connection(installation, asked)
    account = await names.account(registry, connection.account if connection is not None else asked.account)
    span = spans.span(asked.period, asked.since, asked.until, ZoneInfo(account.zone), installation.now())
    chosen = [connection] if connection is not None else list(await registry.connections(account.id))
    domain = checked.domain("domain", asked.domain) if asked.domain else ""
    counting = Counting(tuple(each.id for each in chosen), span.stretches(), asked.tag, domain)
    dialect = _dialect(installation, chosen)

    def told(counted: Counted) -> tuple[Mapping[str, int], tuple[Line, ...]]:
        counts = complete(counted)
        rows = lines(installation.dialects.get(dialect).statistics, counts)
        if asked.by == "provider" and DEFERRALS in counted:
            counts[DEFERRALS] = counted[DEFERRALS]
        return counts, rows

    # asked for at once: the store has more than one reader
    timing = succeed(_NO_TIMES) if narrow else installation.statistics.durations(counting)
    adds_up = asked.by in _ADDS_UP
    sums = succeed(_NOTHING) if adds_up else installation.statistics.totals(counting)
    by_name = {each.id: each.name for each in chosen}
    taken_apart = Deferred.fromCoroutine(_parts(installation, counting, asked.by, span, by_name))
    at_once: list[Deferred[Any]] = [timing, sums, taken_apart]
    try:
        timed, total, parts = await gatherResults(at_once, consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
    if adds_up:
        total = {}
        for _, counted in parts:
            _add(total, counted)
    counts, whole = told(total)
    return Report(
        account=account,
        connection=connection,
        dialect=dialect,
        span=span,
        by=asked.by,
        counts=counts,
        lines=whole,
        parts=tuple(Part(of, *told(counted)) for of, counted in parts),
        timings=() if narrow else timings(timed),
    )


async def _connection(installation: Installation, asked: Asked) -> Connection | None:
    if not asked.connection:
        return None
    owner = await names.account_id(installation.registry, asked.account)
    found = await names.connection(installation.registry, asked.connection, owner)
    if owner and found.account != owner:
        raise Unknown("connection", asked.connection)
    return found


def _dialect(installation: Installation, chosen: Sequence[Connection]) -> str:
    """Whose rows are shown: those of the one dialect that all connections speak, or our own."""
    spoken = {each.dialect for each in chosen if each.dialect in installation.dialects}
    return spoken.pop() if len(spoken) == 1 else STANDARD


async def _parts(
    installation: Installation, counting: Counting, by: str, span: Span, connections: Mapping[str, str]
) -> Sequence[tuple[str, Counted]]:
    """The parts in order: of time each step, even where nothing was counted; of others the most frequent first."""
    counters = installation.statistics
    if not by:
        return ()
    if by in _STEPS:
        counted: dict[str, dict[str, int]] = {label: {} for label in span.labels(by)}
        for stretch in counting.stretches:
            alone = Counting(counting.connections, (stretch,), counting.tag, counting.domain)
            for number, sums in (await counters.by_time(alone, _STEPS[by])).items():
                _add(counted.setdefault(span.label(by, number, stretch.offset), {}), sums)
        return tuple(counted.items())
    if by == "tag":
        found = await counters.by_tag(counting)
    elif by == "domain":
        found = await counters.by_domain(counting)
    elif by == "provider":
        found = {name: _ended(sums) for name, sums in (await counters.by_provider(counting)).items()}
    else:
        found = {connections[id]: sums for id, sums in (await counters.by_connection(counting)).items()}
    return sorted(found.items(), key=lambda part: (-part[1].get("accepted", 0), part[0]))


def _ended(counted: Counted) -> Counted:
    """Whom a provider counts: those at their end there, for which host others will end is not known before."""
    return {**counted, "accepted": sum(counted.get(state, 0) for state in FINAL)}


def _add(sums: dict[str, int], more: Counted) -> None:
    for word, number in more.items():
        sums[word] = sums.get(word, 0) + number
