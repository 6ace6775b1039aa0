"""The page of statistics: what became of mail over a time, as a chart and tables, in the rows of its service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from klein import Klein
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.web.server import Request

from ...mail.envelope import DAY
from ...manage import accounts, connections, spans, statistics
from ...manage.errors import Invalid, Unknown
from ...manage.statistics import Asked, Report
from ...policy.dialect import STANDARD
from .. import query
from ..markup import Markup, tag
from . import faults, look, statistics_view
from .frame import Console
from .statistics_view import APART, Table
from .visit import Visit

HERE = "/console/statistics"
PERIODS = (("today", "Today"), ("week", "Week"), ("month", "Month"), ("3months", "3 months"), ("6months", "6 months"),
           ("year", "Year"))  # fmt: skip
#: By what the bars of a period step.
_STEPS = {"today": "hour", "week": "day", "month": "day", "3months": "day", "6months": "month", "year": "month"}
#: Up to how many days from one hour to another the bars step by the hour, and by the day.
_HOURS, _DAYS = 3, 100
_GIVEN = ("account", "connection", "period", "since", "until")


def add_routes(app: Klein, console: Console) -> None:
    """Serve the page, and what it shows as CSV."""

    @app.route(HERE, methods=["GET"])
    async def console_statistics(request: Request) -> bytes:
        visit = await console.visit(request)
        given, apart = await _given(visit, request)
        fault, shown = {}, []
        try:
            report, tables = await _counted(visit, given, apart)
            asked = urlencode({name: text for name, text in given.items() if text})
            shown = statistics_view.body(report, tables, apart, HERE, asked)
            if not report.counts["accepted"]:
                shown = [_nothing(report)]
        except Invalid as wrong:
            request.setResponseCode(400)
            fault = faults.beside(wrong, {"from": "since", "to": "until"}, "period")
        form = await _form(visit, given, fault)
        return console.page(request, visit, "Statistics", form, *shown, here=HERE)

    @app.route(f"{HERE}/export", methods=["GET"])
    async def console_statistics_export(request: Request) -> bytes:
        visit = await console.visit(request)
        given, apart = await _given(visit, request)
        _, tables = await _counted(visit, given, apart)
        name = query.text(request, "table")
        found = next((each for each in tables if each.name == name), None)
        if found is None:
            raise Unknown("table", name)
        request.setHeader(b"Content-Type", b"text/csv; charset=utf-8")
        request.setHeader(b"Content-Disposition", b'attachment; filename="statistics-%s.csv"' % name.encode("ascii"))
        return statistics_view.written(found).encode("utf-8", "replace")


async def _given(visit: Visit, request: Request) -> tuple[dict[str, str], str]:
    given = {name: query.text(request, name) for name in _GIVEN}
    if not visit.caller.bound and not given["account"]:
        if given["connection"]:
            found = await connections.find(visit.installation, given["connection"])
            given["account"] = found.account
        elif owners := await accounts.every(visit.installation):
            given["account"] = owners[0].id
    apart = query.text(request, "apart") or "tag"
    return given, apart if apart in APART else "tag"


async def _counted(visit: Visit, given: Mapping[str, str], apart: str) -> tuple[Report, list[Table]]:
    """Two questions at once, for the store has more than one reader: by time, and taken apart."""
    exact = bool(given["since"] or given["until"])
    period = "" if exact else given["period"] or "today"
    owner = visit.caller.bound or given["account"]

    def asked(by: str) -> Asked:
        return Asked(owner, given["connection"], period=period, since=given["since"], until=given["until"], by=by)

    if exact:
        span = spans.span("", given["since"], given["until"], visit.zone, visit.now)
        days = (span.until - span.since) / DAY
        by = "hour" if days <= _HOURS else "day" if days <= _DAYS else "month"
    else:
        by = _STEPS.get(period, "day")
    both: list[Deferred[Any]] = [
        statistics.report(visit.installation, asked(by)),
        statistics.parts(visit.installation, asked(apart)),
    ]
    try:
        report, parts = await gatherResults(both, consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
    return report, statistics_view.tables(report, apart, parts, visit.installation.dialects.get(STANDARD).statistics)


async def _form(visit: Visit, given: Mapping[str, str], fault: Mapping[str, str]) -> Markup:
    owner = visit.caller.bound or given["account"]
    every = await connections.every(visit.installation)
    mine = [("", "All connections"), *((each.id, each.name) for each in every if each.account == owner)]
    fields = [look.choice("connection", "Connection", mine, given["connection"])]
    if not visit.caller.bound:
        owners = [(each.id, each.name) for each in await accounts.every(visit.installation)]
        fields.insert(0, look.choice("account", "Account", owners, given["account"]))
    fields += [
        look.choice("period", "Time", PERIODS, given["period"], fault.get("period", "")),
        look.field("since", "or from", fault.get("since", ""), type="datetime-local", value=given["since"],
                   step="3600"),
        look.field("until", "to", fault.get("until", ""), type="datetime-local", value=given["until"], step="3600"),
    ]  # fmt: skip
    return look.filters(HERE, *fields)


def _nothing(report: Report) -> Markup:
    period = "year" if report.span.until - report.span.since < 360 * DAY else ""
    more = tag("a", "Look at the whole year", href=f"{HERE}?{_whole(report)}", class_="button quiet") if period else ""
    return look.nothing("Nothing was accepted in this time. Send a mail, or choose a longer time.", more)


def _whole(report: Report) -> str:
    connection = {"connection": report.connection.id} if report.connection is not None else {}
    return urlencode({"account": report.account.id, **connection, "period": "year"})
