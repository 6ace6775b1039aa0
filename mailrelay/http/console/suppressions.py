"""Pages about suppressions: searching, adding and removing them; lists that come in, are undone, and go out.

An import and its undoing go on by themselves, and a page tells how far they are. A list goes out as it is read: the
browser shows how much of it has come.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from urllib.parse import urlencode

from klein import Klein
from twisted.logger import Logger
from twisted.web.server import Request

from ...manage import imports, names, suppressions
from ...manage.errors import Invalid, Unknown
from ...manage.imports import Progress
from ...manage.suppressions import Cause
from .. import query
from ..markup import Markup, tag
from ..streaming import Gone, Stream
from . import look, owners, suppression_view, uploaded
from .frame import Console
from .jobs import Job, Jobs
from .suppression_view import HERE, IMPORTS, TABS
from .visit import Visit

SHOWN, EXPORTED = 100, 20_000  #: addresses of a page, and at a time of a list that goes out

log = Logger()

_FILTERS = ("text", "reason", "origin")


def add_routes(app: Klein, console: Console, jobs: Jobs) -> None:
    """Serve the pages."""

    @app.route(HERE, methods=["GET"])
    async def console_suppressions(request: Request) -> bytes:
        return await listed(request, await console.visit(request))

    @app.route(HERE, methods=["POST"])
    async def console_suppression_add(request: Request) -> bytes:
        visit = await console.visit(request)
        address, days = query.text(request, "address").strip(), query.text(request, "days") or "0"
        try:
            if not (days.isascii() and days.isdigit() and len(days) < 6):
                raise Invalid("days", "must be a whole number")
            owner, why = owners.owned(visit, request), query.text(request, "why")
            await suppressions.add(visit.installation, owner, [address], why, visit.caller.name, int(days))
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return await listed(request, visit, fault)
        return console.go(request, HERE, f"{address} is not sent to any more.")

    async def listed(request: Request, visit: Visit, fault: Invalid | Unknown | None = None) -> bytes:
        given = {name: query.text(request, name) for name in _FILTERS}
        owner = owners.owned(visit, request) if request.method != b"POST" else visit.caller.bound
        page = await _page(visit, owner, given, query.text(request, "before"), SHOWN)
        searched = any(given.values()) or bool(query.text(request, "before"))
        again = urlencode({"account": owner} | given | {"before": page.before})
        body = (
            look.tabs("Suppressions", TABS, HERE),
            await _search(request, visit, given),
            suppression_view.addresses(visit, page.suppressions, await owners.named(visit), searched),
            look.older(f"{HERE}?{again}") if page.before else "",
            tag("h2", "Suppress an address"),
            await _adding(request, visit, fault),
        )
        return console.page(request, visit, "Suppressions", *body, here=HERE)

    @app.route(f"{HERE}/remove", methods=["POST"])
    async def console_suppression_remove(request: Request) -> bytes:
        visit = await console.visit(request)
        address = query.text(request, "address")
        await suppressions.remove(visit.installation, owners.owned(visit, request), [address])
        return console.go(request, HERE, f"{address} may be sent to again.")

    @app.route(IMPORTS, methods=["GET"])
    async def console_suppression_imports(request: Request) -> bytes:
        return await lists(request, await console.visit(request))

    async def lists(request: Request, visit: Visit, fault: Invalid | Unknown | None = None) -> bytes:
        found = await imports.every(visit.installation, visit.caller.bound)
        body = (
            look.tabs("Suppressions", TABS, IMPORTS),
            tag("h2", "Import a list"),
            await _importing(request, visit, fault),
            tag("h2", "Lists that came in"),
            suppression_view.imports(visit, found, await owners.named(visit)),
            tag("h2", "Export"),
            await _exporting(visit),
        )
        return console.page(request, visit, "Suppressions", *body, here=HERE)

    @app.route(f"{HERE}/import", methods=["POST"])
    async def console_suppression_import(request: Request) -> bytes:
        files = await uploaded.read(request, console.installation)
        visit = await console.visit(request)
        file, pasted = files.get("file"), query.text(request, "pasted")
        try:
            owner = await names.account(visit.installation.registry, owners.owned(visit, request))
            octets = file.stream.read() if file is not None and file.filename else pasted.encode("utf-8")
            text = _read(octets)
            why = suppressions.reason_of(query.text(request, "why"))
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return await lists(request, visit, fault)
        progress = Progress()
        name = (file.filename or "") if file is not None else ""
        shown = "".join(each if each.isprintable() else " " for each in name)[:100]
        job = Job(visit.installation.new_id(), owner.id, "Import of a list", tuple)
        job.shown = lambda: suppression_view.importing(progress, job.over)
        work = imports.bring(visit.installation, owner.id, text, why, shown, progress)
        return console.go(request, f"{HERE}/work/{jobs.begin(job, work).id}")

    @app.route(f"{HERE}/undo", methods=["POST"])
    async def console_suppression_undo(request: Request) -> bytes:
        visit = await console.visit(request)
        owner = await names.account(visit.installation.registry, owners.owned(visit, request))
        origin = query.text(request, "origin")
        if not origin:
            raise Unknown("list", origin)
        counted = [each.count for each in await imports.every(visit.installation, owner.id) if each.origin == origin]
        undone: list[int] = []
        job = Job(visit.installation.new_id(), owner.id, "Undoing of an import", tuple)
        job.shown = lambda: suppression_view.removing(sum(undone), sum(counted), job.over)
        work = suppressions.undo(visit.installation, owner.id, Cause(origin=origin))
        jobs.begin(job, work.addCallback(undone.append))
        return console.go(request, f"{HERE}/work/{job.id}")

    @app.route(f"{HERE}/work/<string:id>", methods=["GET"])
    async def console_suppression_work(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        job = jobs.find(id)
        owners.sight(visit, job.account, "work under way", id)
        fault = look.notice(job.fault, "fault") if job.fault else ""
        look_again = "" if job.over else tag("p", tag("a", "Look again", href=f"{HERE}/work/{id}"))
        body = look.followed("work", fault, *job.shown(), look_again, over=job.over)
        back = tag("p", tag("a", "To the lists", href=IMPORTS))
        return console.page(request, visit, job.title, body, back, here=HERE, above=((IMPORTS, "Suppressions"),))

    @app.route(f"{HERE}/export.csv", methods=["GET"])
    async def console_suppression_export(request: Request) -> bytes:
        visit = await console.visit(request)
        given = {name: query.text(request, name) for name in _FILTERS}
        owner = owners.owned(visit, request)
        page = await _page(visit, owner, given, "", EXPORTED)
        request.setHeader(b"Content-Type", b"text/csv; charset=utf-8")
        request.setHeader(b"Content-Disposition", b'attachment; filename="suppressions.csv"')
        stream = Stream(request)
        head = True
        try:
            while True:
                rows = list(suppressions.written(page.suppressions))
                await stream.write(_csv(rows if head else rows[1:]))
                head = False
                if not page.before:
                    break
                page = await _page(visit, owner, given, page.before, EXPORTED)
        except Exception as error:
            if not isinstance(error, Gone):
                log.failure("an export was cut off")
                stream.cut_off()
        stream.end()
        return b""


async def _page(visit: Visit, owner: str, given: Mapping[str, str], before: str, limit: int) -> suppressions.Found:
    text, reason, origin = (given[name] for name in _FILTERS)
    return await suppressions.search(visit.installation, owner, text, reason, origin, before, limit)


async def _search(request: Request, visit: Visit, given: dict[str, str]) -> Markup:
    fields = [
        *await owners.field(visit, owners.owned(visit, request), "All accounts"),
        look.field("text", "Address", value=given["text"], type="search"),
        look.choice("reason", "Why", suppression_view.reasons("Every reason"), given["reason"]),
    ]
    if given["origin"]:
        fields.append(look.field("origin", "Origin", value=given["origin"]))
    return look.filters(HERE, *fields)


async def _adding(request: Request, visit: Visit, fault: Invalid | Unknown | None) -> Markup:
    wrong = {owners.about(fault): owners.words(fault)} if fault is not None else {}
    sent = request.method == b"POST"
    fields = [
        *await owners.field(visit, query.text(request, "account")),
        look.field("address", "Address not to be sent to", wrong.get("address", ""), type="text", inputmode="email",
                   value=query.text(request, "address") if sent else "", required=True, autocomplete="off"),
        look.choice("why", "Reason", suppression_view.reasons(), query.text(request, "why") or "manual"),
        look.field("days", "For how many days", wrong.get("days", ""), "Empty: for good.", inputmode="numeric",
                   value=query.text(request, "days") if sent else "", autocomplete="off"),
        look.button("Suppress"),
    ]  # fmt: skip
    return look.form(HERE, visit.key, *fields, stacked=True)


async def _importing(request: Request, visit: Visit, fault: Invalid | Unknown | None) -> Markup:
    wrong = {owners.about(fault): owners.words(fault)} if fault is not None else {}
    hint = (
        "CSV whose first line names its columns (address, and perhaps reason, created_at, expires_at), or one address "
        f"in each line; up to {imports.MOST_OCTETS >> 20} MB in UTF-8."
    )
    fields = [
        *await owners.field(visit, query.text(request, "account")),
        look.file_field("file", "File", wrong.get("list", ""), hint, accept=".csv,.txt,text/csv,text/plain"),
        look.area("pasted", "Or paste it", query.text(request, "pasted"), rows=4, spellcheck="false"),
        look.choice("why", "Reason of those that name none", suppression_view.reasons(),
                    query.text(request, "why") or "manual", wrong.get("reason", "")),
        look.button("Import"),
    ]  # fmt: skip
    return look.form(f"{HERE}/import", visit.key, *fields, stacked=True, upload=True)


async def _exporting(visit: Visit) -> Markup:
    fields = [
        *await owners.field(visit, "", "All accounts"),
        look.choice("reason", "Why", suppression_view.reasons("Every reason")),
        look.button("Export CSV", "quiet"),
    ]
    return tag("form", *fields, method="get", action=f"{HERE}/export.csv", class_="filters")


def _read(octets: bytes) -> str:
    if not octets.strip():
        raise Invalid("list", "choose a file, or paste some addresses")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("list", "the file is not UTF-8") from None


def _csv(rows: list[tuple[str, ...]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
