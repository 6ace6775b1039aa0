"""Pages about suppressions: searching, adding and removing them; lists that come in, are undone, and go out.

An import and its undoing go on by themselves, and a page tells how far they are, as it does of a list that goes out.
"""

from __future__ import annotations

from collections.abc import Awaitable
from urllib.parse import urlencode

from klein import Klein
from twisted.web.server import Request

from ...manage import export, imports, names, suppressions
from ...manage.errors import Invalid, Unknown
from ...manage.export import Progress as Exported
from ...manage.export import Write
from ...manage.imports import Progress
from ...manage.suppressions import Cause
from .. import query
from ..exporting import send_file
from ..markup import Markup, tag
from . import exports, faults, look, owners, suppression_view, uploaded
from .frame import Console
from .jobs import Job, Jobs
from .suppression_view import HERE, IMPORTS, TABS
from .visit import Visit

SHOWN = 100  #: addresses of a page

_FILTERS = ("text", "reason", "origin")
_FORGOTTEN = (
    "How far this is, is not known any more: the relay was started anew meanwhile, or it is long ago. What was done "
    "stands; a list that was cut off is brought again, or undone, as if it were whole."
)


def add_routes(app: Klein, console: Console, jobs: Jobs, going: Jobs) -> None:
    """Serve the pages; `jobs` are imports and their undoing, `going` what goes out."""

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
        page = await suppressions.search(
            visit.installation, owner, **given, before=query.text(request, "before"), limit=SHOWN
        )
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
        jobs.begin(job, suppressions.undo(visit.installation, owner.id, Cause(origin=origin), undone.append))
        return console.go(request, f"{HERE}/work/{job.id}")

    @app.route(f"{HERE}/work/<string:id>", methods=["GET"])
    async def console_suppression_work(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        back = tag("p", tag("a", "To the lists", href=IMPORTS))
        above = ((HERE, "Suppressions"), (IMPORTS, "Lists"))
        try:
            job = jobs.find(id)
            owners.sight(visit, job.account, "work under way", id)
        except Unknown:
            request.setResponseCode(404)
            return console.page(request, visit, "Work", look.notice(_FORGOTTEN), back, here=HERE, above=above)
        fault = look.notice(job.fault, "fault") if job.fault else ""
        look_again = "" if job.over else tag("p", tag("a", "Look again", href=f"{HERE}/work/{id}"))
        body = look.followed("work", fault, *job.shown(), look_again, over=job.over)
        return console.page(request, visit, job.title, body, back, here=HERE, above=above)

    @app.route(f"{HERE}/export", methods=["GET"])
    async def console_suppression_export(request: Request) -> bytes:
        above = ((HERE, "Suppressions"), (IMPORTS, "Lists"))
        return exports.page(console, going, request, await console.visit(request), above)

    @app.route(f"{HERE}/export/file", methods=["GET"])
    async def console_suppression_export_file(request: Request) -> bytes:
        visit, progress = await console.visit(request), Exported()
        given = {name: query.text(request, name) for name in _FILTERS}
        owner = owners.owned(visit, request)

        def make(write: Write) -> Awaitable[object]:
            return export.suppressed(visit.installation, owner, given, write, progress)

        def file() -> Awaitable[bytes]:
            return send_file(request, "suppressions.csv", export.FORMATS["csv"], make)

        return await exports.send(going, visit, query.text(request, "id"), progress, file)


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
    wrong = faults.beside(fault)
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
    wrong = faults.beside(fault)
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
        suppression_view.hidden("id", visit.installation.new_id()),
        look.button("Export CSV", "quiet"),
    ]
    return tag("form", *fields, method="get", action=f"{HERE}/export", class_="filters")


def _read(octets: bytes) -> str:
    if not octets.strip():
        raise Invalid("list", "choose a file, or paste some addresses")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("list", "the file is not UTF-8") from None
