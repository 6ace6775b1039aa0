"""What the page of statistics shows: tables of a report, each with a name by which it is exported. Pure functions."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...manage.export import cell
from ...manage.statistics import Part, Report
from ...policy.statistics import DEFERRALS, Line, Statistics, lines, percent
from ..markup import Markup, join, tag
from . import chart, look

#: Rows of a table that the page shows; its CSV has all.
SHOWN = 200
#: By what a report can be taken apart, besides time: the title of each, and what its parts are called.
APART = {
    "tag": ("Tags", "Tag"),
    "provider": ("Providers", "Provider"),
    "domain": ("Domains of recipients", "Domain"),
    "connection": ("Connections", "Connection"),
}
#: What a part is called that has no name.
_NAMELESS = {"tag": "(no tag)", "provider": "(no host was asked)", "domain": "(none)", "connection": "(none)"}
_COLUMNS = ("accepted", "delivered", "waiting", "failed", "suppressed", "opened", "clicked")
_SUMS = {"waiting": ("queued", "deferred"), "failed": ("bounced", "failed", "expired")}
_PHASES = {
    "total": "In all",
    "wait": "Ours: the queue and the work",
    "throttle": "Held back by shaping",
    "remote": "The receiver's",
}
#: What of a step's beginning stands under its bar.
_SHORT = {"hour": slice(11, 16), "day": slice(5, 10), "month": slice(0, 7)}


@dataclass(frozen=True, slots=True)
class Table:
    """A table by the `name` it is exported under; the last `numbers` columns hold numbers."""

    name: str
    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: int


def tables(report: Report, apart: str, parts: Sequence[Part], standard: Statistics) -> list[Table]:
    """All tables of a page; `parts` is the same taken `apart` by one of `APART`, `standard` our own rows."""
    counts = report.counts
    found = [Table("statuses", "Mail by status", ("Status", "Mails", "Share"), _rows(lines(standard, counts)), 2)]
    if report.dialect != "standard":
        heads = ("Row", "Mails", "Share")
        found.append(Table("rows", f"In the rows of {report.dialect}", heads, _rows(report.lines), 2))
    found.append(
        Table("people", "By people and by machines", ("Act", "By people", "By machines"),
              [("Opens", str(counts["opens"]), str(counts["opened_machine"])),
               ("Clicks", str(counts["clicks"]), str(counts["clicked_machine"]))], 2)
    )  # fmt: skip
    title, word = APART[apart]
    more = ("deferrals",) if apart == "provider" else ()
    columns = (word, *(each.capitalize() for each in (*_COLUMNS, *more)))
    rows = [
        (
            each.of or _NAMELESS[apart],
            *_cells(each.counts, report.counts["accepted"]),
            *(str(each.counts.get(DEFERRALS, 0)) for _ in more),
        )
        for each in parts
    ]
    found.append(Table(apart, title, columns, rows, len(columns) - 1))
    columns = (report.by.capitalize(), *(each.capitalize() for each in _COLUMNS))
    found.append(Table("time", f"Mail by {report.by}", columns, [_step(each, report.by) for each in report.parts], 7))
    timed = [
        (_PHASES[each.phase], str(each.number), *(_seconds(value) for value in (each.p50, each.p90, each.p99)))
        for each in report.timings
    ]
    columns = ("Part", "Deliveries", "Half within", "90 % within", "99 % within")
    found.append(Table("durations", "How long deliveries took", columns, timed, 4))
    return found


def _rows(given: Sequence[Line]) -> list[tuple[str, str, str]]:
    return [(line.label, str(line.number), "" if line.percent is None else f"{line.percent:.2f} %") for line in given]


def _sums(counts: Mapping[str, int]) -> list[int]:
    return [sum(counts[word] for word in _SUMS.get(each, (each,))) for each in _COLUMNS]


def _cells(counts: Mapping[str, int], whole: int) -> list[str]:
    """The counts of a part; beside what was accepted its share of the whole, beside the others theirs of that."""
    accepted, *others = _sums(counts)
    shares = [f"{each} ({percent(each, accepted):.0f} %)" if each else "0" for each in others]
    return [f"{accepted} ({percent(accepted, whole):.0f} %)" if whole else str(accepted), *shares]


def _step(part: Part, by: str) -> list[str]:
    label = part.of[:16].replace("T", " ") if by == "hour" else part.of
    return [label, *map(str, _sums(part.counts))]


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value < 120 else f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def written(table: Table) -> str:
    """A table as CSV (RFC 4180); no cell is a formula to a spreadsheet."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([[cell(each) for each in row] for row in (table.heads, *table.rows)])
    return text.getvalue()


def body(report: Report, shown: Sequence[Table], apart: str, here: str, query: str) -> list[Markup]:
    """The chart and the tables; `here` is the page's path and `query` what was asked of it."""
    by_name = {each.name: each for each in shown}
    query = f"{query}&" if query else ""

    def table(name: str) -> Markup:
        each = by_name[name]
        more = len(each.rows) - SHOWN
        path = f"{here}/export?{query}apart={apart}&table={name}"
        link = tag("a", "CSV", href=path, aria_label=f"{each.caption} as CSV")
        left = f"{more} more, all of them in the " if more > 0 else ""
        rows = look.table(each.caption, each.heads, each.rows[:SHOWN], each.numbers)
        return tag("section", rows, tag("p", left, link, class_="export"), class_="counted")

    choices = [(f"{here}?{query}apart={name}#apart", title) for name, (title, _) in APART.items()]
    parts = table(apart) if by_name[apart].rows else look.nothing("Nothing was counted here.")
    return [
        picture(report),
        tag("details", tag("summary", "The chart as a table"), table("time")),
        tag("div", *(table(name) for name in ("statuses", "rows", "people") if name in by_name), class_="beside"),
        tag("section", tag("h2", "Apart"), look.tabs("Apart", choices, f"{here}?{query}apart={apart}#apart"), parts,
            id="apart"),
        table("durations") if by_name["durations"].rows else Markup(""),
    ]  # fmt: skip


def picture(report: Report) -> Markup:
    """The chart over time, told in one sentence to those who hear it."""
    short = _SHORT[report.by]
    steps = [(part.of[short] or part.of, part.counts) for part in report.parts]
    best = max(report.parts, key=lambda part: part.counts["accepted"])
    told = (
        f"{report.counts['accepted']} mails in {len(steps)} {report.by}s, {report.counts['delivered']} of them "
        f"delivered; the most, {best.counts['accepted']}, in the {report.by} of {_step(best, report.by)[0]}."
    )
    return tag("figure", chart.bars(f"Mail by {report.by}", told, steps), chart.legend(report.counts),
               tag("figcaption", _time(report)))  # fmt: skip


def _time(report: Report) -> Markup:
    span = report.span
    first, last = (span.local(at).strftime("%Y-%m-%d %H:%M") for at in (span.since, span.until))
    return join(f"{first} to {last}, {report.account.zone}. A mail counts where it was accepted.")
