"""Today at a glance: what was accepted since midnight, and what has become of it, of one account or of all."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ..interfaces.statistics import Counted, Counting
from ..policy.statistics import complete
from . import names, spans
from .installation import Installation, use_case
from .spans import Span


@dataclass(frozen=True, slots=True)
class Today:
    """`counts` in the words of `policy.statistics.COUNTS`, and the same by the hour, each named by its begin in local
    time, from midnight to now."""

    span: Span
    counts: Counted
    hours: tuple[tuple[str, Counted], ...]


@use_case
async def show(installation: Installation, account: str = "") -> Today:
    """What became of today's mail, by the counters. Its day is that of the account, and of all accounts together that
    of UTC."""
    owner = await names.account(installation.registry, account) if account else None
    span = spans.span("today", "", "", ZoneInfo(owner.zone if owner is not None else "UTC"), installation.now())
    connections = await installation.registry.connections(owner.id if owner is not None else "")
    hours: dict[str, dict[str, int]] = {label: {} for label in span.labels("hour")}
    whole: dict[str, int] = {}
    for stretch in span.stretches():
        counting = Counting(tuple(each.id for each in connections), (stretch,))
        for number, counted in (await installation.statistics.by_time(counting, spans.HOUR)).items():
            hour = hours.setdefault(span.label("hour", number, stretch.offset), {})
            for word, count in counted.items():
                hour[word] = hour.get(word, 0) + count
                whole[word] = whole.get(word, 0) + count
    return Today(span, complete(whole), tuple((label, complete(counted)) for label, counted in hours.items()))
