"""Periods, hours, and days of other zones."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import DAY
from mailrelay.manage.errors import Invalid
from mailrelay.manage.spans import HOUR, PERIODS, Span, span

BERLIN = ZoneInfo("Europe/Berlin")
KATHMANDU = ZoneInfo("Asia/Kathmandu")


def at(text: str) -> int:
    """An instant of UTC in microseconds."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


NOW = at("2026-11-25T17:20:30")


class SpanTests(SynchronousTestCase):
    """From what people ask for to instants."""

    def told(self, found: Span) -> tuple[str, str]:
        return found.local(found.since).isoformat(" ", "minutes"), found.local(found.until).isoformat(" ", "minutes")

    def test_periods(self) -> None:
        """A period ends with the hour that runs and has whole days of the zone, of which today is the last."""
        begins = {
            "today": "2026-11-25",
            "week": "2026-11-19",
            "month": "2026-10-26",
            "3months": "2026-08-26",
            "6months": "2026-05-26",
            "year": "2025-11-26",
        }
        self.assertEqual(begins.keys(), PERIODS.keys())
        for period, begin in begins.items():
            since, until = self.told(span(period, "", "", BERLIN, NOW))
            self.assertEqual((since[:16], until), (f"{begin} 00:00", "2026-11-25 19:00+01:00"), period)
        self.assertEqual(span("", "", "", BERLIN, NOW), span("today", "", "", BERLIN, NOW))

    def test_short_months(self) -> None:
        """A month back from the 31st of March is the end of February."""
        found = span("month", "", "", ZoneInfo("UTC"), at("2026-03-31T12:00:00"))
        self.assertEqual(self.told(found)[0], "2026-03-01 00:00+00:00")

    def test_hours(self) -> None:
        """Hours are local unless a zone is named; an hour that has begun is counted whole."""
        found = span("", "2026-11-24T05:59", "2026-11-24T07:01", BERLIN, NOW)
        self.assertEqual(self.told(found), ("2026-11-24 05:00+01:00", "2026-11-24 08:00+01:00"))
        found = span("", "2026-11-24T05:00Z", "2026-11-24T07:00 01:00", BERLIN, NOW)
        self.assertEqual(self.told(found), ("2026-11-24 06:00+01:00", "2026-11-24 07:00+01:00"))
        found = span("", "2026-11-24", "", BERLIN, NOW)
        self.assertEqual(self.told(found), ("2026-11-24 00:00+01:00", "2026-11-25 19:00+01:00"))

    def test_refused(self) -> None:
        """What cannot be a time is refused, with the field."""
        for asked, field in (
            (("fortnight", "", ""), "period"),
            (("today", "2026-11-24", ""), "period"),
            (("", "yesterday", ""), "from"),
            (("", "0001-01-01", ""), "from"),
            (("", "2026-11-24", "2026-11-24"), "to"),
            (("", "2026-11-24", "x"), "to"),
            (("", "2001-11-24", "2026-11-24"), "from"),
        ):
            with self.subTest(asked=asked):
                caught = self.assertRaises(Invalid, span, *asked, BERLIN, NOW)
                self.assertEqual(caught.field, field)

    def test_summer_time(self) -> None:
        """Where clocks change a span has two stretches, and the day has as many hours as it had."""
        found = span("", "2026-10-25", "2026-10-26", BERLIN, NOW)
        first, second = found.stretches()
        self.assertEqual((first.offset, second.offset), (2 * HOUR, HOUR))
        self.assertEqual((first.until, second.until - first.since), (second.since, 25 * HOUR))
        labels = list(found.labels("hour"))
        self.assertEqual(len(labels), 25)
        self.assertEqual(labels[2:4], ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"])
        self.assertEqual(list(found.labels("day")), ["2026-10-25"])
        for stretch in (first, second):
            number = (stretch.since + stretch.offset) // DAY
            self.assertEqual(found.label("day", number, stretch.offset), "2026-10-25")

    def test_odd_zones(self) -> None:
        """Where hours begin at a quarter to of UTC, so do the spans."""
        found = span("", "2026-11-24T05:00", "2026-11-24T07:00", KATHMANDU, NOW)
        self.assertEqual(found.since, at("2026-11-23T23:15:00"))
        (stretch,) = found.stretches()
        number = (found.since + stretch.offset) // HOUR
        self.assertEqual(found.label("hour", number, stretch.offset), "2026-11-24T05:00:00+05:45")
        self.assertEqual(list(found.labels("month")), ["2026-11"])
