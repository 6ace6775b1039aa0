"""Rows of statistics, and the tables of dialect files that make them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.dialect import Dialects
from mailrelay.policy.reading import Reading
from mailrelay.policy.statistics import COUNTS, FINAL, Line, Row, Statistics, complete, lines, percent, read_statistics

#: What Devino's own page shows: status, number of messages, percent.
DEVINO = (
    ("Протарифицировано", 5025, 84.21),
    ("Отправляется", 0, 0.0),
    ("Отправлено", 0, 0.0),
    ("Доставлено", 3985, 66.78),
    ("Прочитано", 693, 11.61),
    ("Переход по ссылке", 10, 0.17),
    ("Ошибки при доставке", 1040, 17.43),
    ("Отклонено", 942, 15.79),
    ("Отписались", 0, None),
    ("Всего", 5967, 100.0),
)


class RowTests(SynchronousTestCase):
    """What was counted, as a service shows it."""

    def test_devino(self) -> None:
        """The table of the service's own page comes out to the unit and to the percent."""
        counted = complete(
            {
                "accepted": 5967,
                "billed": 5025,
                "delivered": 3985,
                "bounced": 900,
                "failed": 40,
                "expired": 100,
                "suppressed": 942,
                "opened": 693,
                "clicked": 10,
            }
        )
        found = lines(Dialects.shipped().get("devino").statistics, counted)
        self.assertEqual(found, tuple(Line(*row) for row in DEVINO))

    def test_every_dialect(self) -> None:
        """Every service's rows of states add up to what was accepted, or to the whole that it names."""
        counted = complete({"accepted": 100, "deferred": 7, **dict.fromkeys(FINAL, 11)})
        for dialect in Dialects.shipped():
            rows = {row.label: row for row in dialect.statistics.rows}
            self.assertTrue(rows, dialect.name)
            states = [row for row in rows.values() if set(row.counts) <= {"queued", "deferred", *FINAL}]
            whole = sum(counted[word] for word in dialect.statistics.whole)
            # a row that is the whole itself beside those of its parts
            parts = [row for row in states if set(row.counts) != set(dialect.statistics.whole)]
            told = sum(line.number for line in lines(Statistics(dialect.statistics.whole, tuple(parts)), counted))
            self.assertIn(told, (whole, whole - counted["suppressed"], whole - counted["queued"]), dialect.name)

    def test_complete(self) -> None:
        """Queued is what is left of the accepted; a word never counted is 0."""
        found = complete({"accepted": 9, "deferred": 2, "delivered": 3, "suppressed": 1})
        self.assertEqual(found["queued"], 3)
        self.assertEqual(set(found), set(COUNTS))
        self.assertEqual(found["opened"], 0)

    @given(st.integers(0, 10**9), st.integers(1, 10**9))
    def test_percent(self, part: int, whole: int) -> None:
        """A share has two decimals and is never further than half a hundredth from the truth."""
        found = percent(part, whole)
        self.assertLess(abs(found - part / whole * 100), 0.0051)
        self.assertEqual(percent(part, 0), 0.0)
        self.assertEqual(percent(whole, whole), 100.0)


class ReadingTests(SynchronousTestCase):
    """The table of a dialect file."""

    def faults(self, value: object) -> list[str]:
        reading = Reading("my.toml")
        read_statistics(reading, value)
        return reading.faults

    def test_read(self) -> None:
        """A row is a label and what it adds up; a percentage stands beside it unless it says not."""
        reading = Reading("my.toml")
        found = read_statistics(
            reading,
            {
                "whole": ["accepted"],
                "rows": [
                    {"label": "Errors", "counts": ["bounced", "expired"]},
                    {"label": "Left", "counts": ["unsubscribed"], "share": False},
                ],
            },
        )
        self.assertEqual(reading.faults, [])
        errors, left = Row("Errors", ("bounced", "expired")), Row("Left", ("unsubscribed",), False)
        self.assertEqual(found, Statistics(("accepted",), (errors, left)))

    def test_refused(self) -> None:
        """Whatever does not fit is told with its key."""
        row = {"label": "Sent", "counts": ["accepted"]}
        for value, told in (
            (None, "my.toml: statistics: missing"),
            ({"whole": ["accepted"], "rows": []}, "my.toml: statistics.rows: must be a list of rows"),
            ({"whole": ["accepted"], "rows": "x"}, "my.toml: statistics.rows: must be a list of rows"),
            ({"whole": ["all"], "rows": [row]}, "my.toml: statistics.whole[0]: must be one of accepted"),
            ({"whole": ["accepted"], "rows": [row, row]}, "my.toml: statistics.rows: has 'Sent' more than once"),
            ({"whole": ["accepted"], "rows": [3]}, "my.toml: statistics.rows[0]: must be a table"),
            (
                {"whole": ["accepted"], "rows": [row | {"share": "no"}]},
                "my.toml: statistics.rows[0].share: must be true or false",
            ),
            (
                {"whole": ["accepted"], "rows": [{"label": "A", "counts": ["sent"]}]},
                "my.toml: statistics.rows[0].counts[0]: must be one of",
            ),
            ({"whole": ["accepted"], "rows": [row], "more": 1}, "my.toml: statistics.more: unknown key"),
        ):
            with self.subTest(value=value):
                self.assertIn(told, "\n".join(self.faults(value)))
