"""The page of statistics: what became of mail over a time, as a chart and a table, in the rows of its service."""

from __future__ import annotations

from klein import Klein
from twisted.web.server import Request

from ...manage import accounts, connections, statistics
from ...manage.errors import Invalid, Unknown
from ...manage.statistics import Asked, Report
from .. import query
from ..markup import Markup, tag
from . import chart, look
from .frame import Console
from .visit import Visit

HERE = "/console/statistics"
PERIODS = (("today", "Today"), ("week", "Week"), ("month", "Month"), ("3months", "3 months"), ("6months", "6 months"),
           ("year", "Year"))  # fmt: skip
#: By what the bars of a period step.
_STEPS = {"today": "hour", "week": "day", "month": "day", "3months": "day", "6months": "month", "year": "month"}

#: What of a step's begin is shown under its bar.
_SHORT = {"hour": slice(11, 16), "day": slice(5, 10), "month": slice(0, 7)}


def add_routes(app: Klein, console: Console) -> None:
    """Serve the page."""

    @app.route(HERE, methods=["GET"])
    async def console_statistics(request: Request) -> bytes:
        visit = await console.visit(request)
        given = {name: query.text(request, name) for name in ("account", "connection", "period", "since", "until")}
        if not visit.caller.bound and not given["account"] and (owners := await accounts.every(visit.installation)):
            given["account"] = owners[0].name
        fault, report = "", None
        try:
            report = await _report(visit, given)
        except (Invalid, Unknown) as wrong:
            request.setResponseCode(400)
            fault = str(wrong)
        body = [await _form(visit, given, fault)]
        if report is not None:
            body += _body(report, tag_rows=await _by_tag(visit, given))
        return console.page(request, visit, "Statistics", *body, here=HERE)


def _asked(visit: Visit, given: dict[str, str], by: str) -> Asked:
    period = "" if given["since"] or given["until"] else given["period"] or "today"
    owner = visit.caller.bound or given["account"]
    return Asked(owner, given["connection"], period=period, since=given["since"], until=given["until"], by=by)


async def _report(visit: Visit, given: dict[str, str]) -> Report:
    by = "hour" if given["since"] or given["until"] else _STEPS.get(given["period"] or "today", "day")
    return await statistics.report(visit.installation, _asked(visit, given, by))


async def _by_tag(visit: Visit, given: dict[str, str]) -> list[tuple[str, str, str, str]]:
    report = await statistics.report(visit.installation, _asked(visit, given, "tag"))
    return [
        (part.of or "(none)", str(part.counts["accepted"]), str(part.counts["delivered"]), str(part.counts["opened"]))
        for part in report.parts
    ]


async def _form(visit: Visit, given: dict[str, str], fault: str) -> Markup:
    mine = [("", "All connections"), *((each.id, each.name) for each in await connections.every(visit.installation))]
    fields = [look.choice("connection", "Connection", mine, given["connection"])]
    if not visit.caller.bound:
        owners = [(each.name, each.name) for each in await accounts.every(visit.installation)]
        fields.insert(0, look.choice("account", "Account", owners, given["account"]))
    fields += [
        look.choice("period", "Time", PERIODS, given["period"]),
        look.field("since", "From", type="datetime-local", value=given["since"]),
        look.field("until", "To", type="datetime-local", value=given["until"]),
        look.button("Show"),
    ]
    wrong = look.notice(fault, "fault") if fault else ""
    return tag("div", wrong, tag("form", *fields, method="get", action=HERE, class_="filters"))


def _body(report: Report, tag_rows: list[tuple[str, str, str, str]]) -> list[Markup]:
    rows = [
        (line.label, str(line.number), "" if line.percent is None else f"{line.percent:.2f} %") for line in report.lines
    ]
    if not report.counts["accepted"]:
        return [look.notice("Nothing was accepted in this time. Send a mail, or choose a longer time.")]
    counts = report.counts
    readers = [
        (name, str(counts[people]), str(counts[machines]))
        for name, people, machines in (("Opens", "opens", "opened_machine"), ("Clicks", "clicks", "clicked_machine"))
    ]
    short = _SHORT[report.by]
    steps = [(part.of[short] or part.of, part.counts) for part in report.parts]
    timed = [
        (each.phase, str(each.number), *(f"{value:.2f} s" for value in (each.p50, each.p90, each.p99)))
        for each in report.timings
    ]
    return [
        tag("figure", chart.bars(f"Mail by {report.by}", steps), chart.legend(counts)),
        look.table(f"What became of it ({report.dialect})", ("Row", "Mails", "Share"), rows, 2),
        look.table("By tag", ("Tag", "Accepted", "Delivered", "Opened"), tag_rows, 3),
        look.table("Read", ("Act", "By people", "By machines"), readers, 2),
        *(
            [look.table("Delivery time", ("Part", "Deliveries", "Half within", "90 %", "99 %"), timed, 4)]
            if timed
            else []
        ),
    ]
