"""Times that people ask statistics for: a period up to now, or from one hour to another, in a time zone.

Days, weeks and months are those of the zone, summer time and all. A span is cut into stretches of one distance from
UTC, because counters are kept in UTC.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from ..interfaces.statistics import Stretch
from ..mail.envelope import DAY, SECOND
from .errors import Invalid

HOUR = 3600 * SECOND

#: Periods up to now: whole days, of which today is the last, by (months, days) that they go back.
PERIODS = {
    "today": (0, 0),
    "week": (0, 6),
    "month": (1, -1),
    "3months": (3, -1),
    "6months": (6, -1),
    "year": (12, -1),
}
#: The longest span, in days.
LONGEST = 366 * 5

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = date(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` up to but without `until`, whole hours of `zone` in microseconds since 1970."""

    since: int
    until: int
    zone: tzinfo

    def local(self, at: int) -> datetime:
        """An instant as it is told in the zone."""
        return (_EPOCH + at * _MICROSECOND).astimezone(self.zone)

    def stretches(self) -> tuple[Stretch, ...]:
        """The parts in which local time is equally far from UTC."""
        found: list[Stretch] = []
        start, offset = self.since, self._offset(self.since)
        for at in range(self.since, self.until, HOUR):
            if (now := self._offset(at)) != offset:
                found.append(Stretch(start, at, offset))
                start, offset = at, now
        return (*found, Stretch(start, self.until, offset))

    def _offset(self, at: int) -> int:
        offset = self.local(at).utcoffset()
        assert offset is not None
        return offset // _MICROSECOND

    def label(self, step: str, number: int, offset: int) -> str:
        """What the step of that number since 1970 is called: "2026-11-25T17:00:00+03:00", "2026-11-25", "2026-11"."""
        if step == "hour":
            return self.local(number * HOUR - offset).isoformat(timespec="seconds")
        day = _FIRST + timedelta(days=number)
        return f"{day:%Y-%m}" if step == "month" else day.isoformat()

    def labels(self, step: str) -> Iterator[str]:
        """The names of all steps, in order; a month comes as often as it has days."""
        if step == "hour":
            for at in range(self.since, self.until, HOUR):
                yield self.local(at).isoformat(timespec="seconds")
            return
        first, last = self.local(self.since).date(), self.local(self.until - 1).date()
        for days in range((last - first).days + 1):
            yield self.label(step, (first - _FIRST).days + days, 0)


def span(period: str, since: str, until: str, zone: tzinfo, now: int) -> Span:
    """What was asked for: a `period`, or the hours from `since` to `until`; with neither, today.

    `since` and `until` are ISO 8601, local unless they name a zone; an hour that `until` lies within is counted whole.
    Fails with `Invalid`.
    """
    if period and (since or until):
        raise Invalid("period", "give a period, or from and to")
    here = (_EPOCH + now * _MICROSECOND).astimezone(zone)
    end = _hour(here + timedelta(hours=1), zone)
    if not (since or until):
        months, days = _known(period or "today")
        first = _back(here.date(), months) - timedelta(days=days)
        return Span(_instant(datetime.combine(first, time(), zone)), _instant(end), zone)
    begin = _hour(_read("from", since, zone), zone) if since else datetime.combine(here.date(), time(), zone)
    if until:
        given = _read("to", until, zone)
        end = _hour(given, zone)
        if end < given:
            end = (end.astimezone(UTC) + timedelta(hours=1)).astimezone(zone)
    found = Span(_instant(begin), _instant(end), zone)
    if found.until <= found.since:
        raise Invalid("to", "must be later than from")
    if found.until - found.since > LONGEST * DAY:
        raise Invalid("from", f"is more than {LONGEST} days before the end")
    return found


def instant(field: str, text: str, zone: tzinfo = UTC) -> int:
    """A date, or date and time, in ISO 8601 as microseconds; in `zone` where it names none. Fails with `Invalid`."""
    return _instant(_read(field, text, zone))


def _known(period: str) -> tuple[int, int]:
    try:
        return PERIODS[period]
    except KeyError:
        raise Invalid("period", f"{period!r} is none of {', '.join(PERIODS)}") from None


def _back(day: date, months: int) -> date:
    """The same day so many months before, or the last day of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _read(field: str, text: str, zone: tzinfo) -> datetime:
    try:
        # a blank behind the time is the plus sign of a zone that nobody escaped
        found = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        found = found.replace(tzinfo=zone) if found.tzinfo is None else found.astimezone(zone)
        if 1970 < found.year < 2200:
            return found
    except (ValueError, OverflowError):
        pass
    raise Invalid(field, f"{text!r} is no date, nor date and time, in ISO 8601")


def _hour(when: datetime, zone: tzinfo) -> datetime:
    """The beginning of the hour, as the clocks of the zone tell it."""
    return when.astimezone(zone).replace(minute=0, second=0, microsecond=0)


def _instant(when: datetime) -> int:
    return (when - _EPOCH) // _MICROSECOND
