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
from ..policy.statistics import DEFERRALS, FINAL, Line, Statistics, complete, lines
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

    @property
    def narrow(self) -> bool:
        """Is one tag or domain alone asked for?"""
        return self.tag is not None or bool(self.domain)


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
    about = await _about(installation, asked)
    # asked for at once: the store has more than one reader
    timing = succeed(_NO_TIMES) if asked.narrow else installation.statistics.durations(about.counting)
    adds_up = asked.by in _ADDS_UP
    sums = succeed(_NOTHING) if adds_up else installation.statistics.totals(about.counting)
    taken_apart = Deferred.fromCoroutine(_parts(installation, about, asked.by))
    at_once: list[Deferred[Any]] = [timing, sums, taken_apart]
    try:
        timed, total, parts = await gatherResults(at_once, consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
    if adds_up:
        total = {}
        for _, counted in parts:
            _add(total, counted)
    whole = about.part("", total)
    return Report(
        account=about.account,
        connection=about.connection,
        dialect=about.dialect,
        span=about.span,
        by=asked.by,
        counts=whole.counts,
        lines=whole.lines,
        parts=tuple(about.part(of, counted) for of, counted in parts),
        timings=() if asked.narrow else timings(timed),
    )


@use_case
async def parts(installation: Installation, asked: Asked) -> Sequence[Part]:
    """The parts of a report alone: nothing else is summed."""
    about = await _about(installation, asked)
    return tuple(about.part(of, counted) for of, counted in await _parts(installation, about, asked.by))


@dataclass(frozen=True, slots=True)
class _About:
    """Of what statistics are asked, looked up: `chosen` are the connections whose mail is counted."""

    account: Account
    connection: Connection | None
    chosen: Sequence[Connection]
    span: Span
    counting: Counting
    dialect: str
    rows: Statistics

    def part(self, of: str, counted: Counted) -> Part:
        """What was counted, in all our words and in the rows of the dialect."""
        counts = complete(counted)
        rows = lines(self.rows, counts)
        return Part(of, counts | {word: counted[word] for word in (DEFERRALS,) if word in counted}, rows)


async def _about(installation: Installation, asked: Asked) -> _About:
    if asked.by and asked.by not in BY:
        raise Invalid("by", f"{asked.by!r} is none of {', '.join(BY)}")
    if asked.tag is not None and (asked.domain or asked.by == "domain"):
        raise Invalid("tag", "counters know either the tag or the domain")
    if asked.domain and asked.by == "tag":
        raise Invalid("domain", "counters know either the tag or the domain")
    if asked.narrow and asked.by == "provider":
        raise Invalid("by", "providers are counted for all tags and domains together")
    registry = installation.registry
    connection = await _connection(installation, asked)
    account = await names.account(registry, connection.account if connection is not None else asked.account)
    span = spans.span(asked.period, asked.since, asked.until, ZoneInfo(account.zone), installation.now())
    chosen = [connection] if connection is not None else list(await registry.connections(account.id))
    domain = checked.domain("domain", asked.domain) if asked.domain else ""
    counting = Counting(tuple(each.id for each in chosen), span.stretches(), asked.tag, domain)
    dialect = _dialect(installation, chosen)
    return _About(account, connection, chosen, span, counting, dialect, installation.dialects.get(dialect).statistics)


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


async def _parts(installation: Installation, about: _About, by: str) -> Sequence[tuple[str, Counted]]:
    """The parts in order: of time each step, even where nothing was counted; of others the most frequent first."""
    counters, counting, span = installation.statistics, about.counting, about.span
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
        by_id = {each.id: each.name for each in about.chosen}
        found = {by_id[id]: sums for id, sums in (await counters.by_connection(counting)).items()}
    return sorted(found.items(), key=lambda part: (-part[1].get("accepted", 0), part[0]))


def _ended(counted: Counted) -> Counted:
    """Whom a provider counts: those at their end there, for which host others will end is not known before."""
    return {**counted, "accepted": sum(counted.get(state, 0) for state in FINAL)}


def _add(sums: dict[str, int], more: Counted) -> None:
    for word, number in more.items():
        sums[word] = sums.get(word, 0) + number
