"""Statistics: what is counted of a recipient, and the rows that a service makes of it.

Counters are kept in the words of `COUNTS`. The `[statistics]` of a dialect file name the rows of its service in their
order, each as the counts that it adds up, and the counts that percentages are of (`whole`).
Every row can be asked for in all, by tag, by domain or over time. This module reads no clock and no store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .reading import Reading

#: What can be counted. By recipient: "accepted", one of the states where it is now, "billed" for a send that was
#: captured, and who did something at least once ("opened", "clicked" by people, "unsubscribed", "complained"). By act:
#: "opens", "clicks" of people, "opened_machine", "clicked_machine" of machines.
COUNTS = (
    "accepted",
    "queued",
    "deferred",
    "delivered",
    "bounced",
    "failed",
    "expired",
    "suppressed",
    "billed",
    "opened",
    "clicked",
    "unsubscribed",
    "complained",
    "opens",
    "clicks",
    "opened_machine",
    "clicked_machine",
)

#: What is counted by provider alone, besides the states at the end: attempts that a host put off.
DEFERRALS = "deferrals"

#: States that a recipient does not leave, as far as the queue is concerned.
FINAL = ("delivered", "bounced", "failed", "expired", "suppressed")

_SETTINGS = ("whole", "rows")
_ROW = ("label", "counts", "share")


@dataclass(frozen=True, slots=True)
class Row:
    """A row as a service shows it: its label, what it adds up, and whether a percentage stands beside it."""

    label: str
    counts: tuple[str, ...]
    share: bool = True


@dataclass(frozen=True, slots=True)
class Statistics:
    """The rows of a service in their order; percentages are of the sum of `whole`."""

    whole: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One row filled in: `percent` has two decimals, and is None where the service shows none."""

    label: str
    number: int
    percent: float | None


def complete(counted: Mapping[str, int]) -> dict[str, int]:
    """Every word of `COUNTS`, of what counters hold: what is neither deferred nor at an end is queued."""
    found = {word: counted.get(word, 0) for word in COUNTS}
    found["queued"] = found["accepted"] - found["deferred"] - sum(found[state] for state in FINAL)
    return found


def lines(statistics: Statistics, counted: Mapping[str, int]) -> tuple[Line, ...]:
    """The rows of a service for what was counted (`complete`)."""
    whole = sum(counted[word] for word in statistics.whole)
    found = []
    for row in statistics.rows:
        number = sum(counted[word] for word in row.counts)
        found.append(Line(row.label, number, percent(number, whole) if row.share else None))
    return tuple(found)


def percent(part: int, whole: int) -> float:
    """A share in percent, rounded half up to two decimals; of nothing it is 0."""
    return (part * 20_000 + whole) // (2 * whole) / 100 if whole else 0.0


def read_statistics(reading: Reading, value: object) -> Statistics:
    """The table of a file; every fault is noted with its key."""
    table = reading.table("statistics", value, _SETTINGS)
    if table is None:
        return Statistics((), ())
    whole = reading.choices("statistics.whole", table.get("whole"), COUNTS)
    given = table.get("rows")
    if not isinstance(given, list) or not given:
        reading.fault("statistics.rows", "must be a list of rows")
        given = []
    rows = tuple(_row(reading, f"statistics.rows[{number}]", each) for number, each in enumerate(given))
    labels = [row.label for row in rows if row.label]
    for label in dict.fromkeys(labels):
        if labels.count(label) > 1:
            reading.fault("statistics.rows", f"has {label!r} more than once")
    return Statistics(whole, rows)


def _row(reading: Reading, key: str, value: object) -> Row:
    table = reading.table(key, value, _ROW) or {}
    return Row(
        label=reading.text(f"{key}.label", table.get("label")) if table else "",
        counts=reading.choices(f"{key}.counts", table.get("counts"), COUNTS) if table else (),
        share=reading.switch(f"{key}.share", table.get("share", True)),
    )
