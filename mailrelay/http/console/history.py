"""The page of the send history: what became of each recipient, the newest first, by any filters; and the file of it."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from urllib.parse import urlencode

from klein import Klein
from twisted.web.server import Request

from ...interfaces.history import Passage
from ...mail.envelope import State
from ...manage import accounts, connections, messages, spans
from ...manage.errors import Invalid, Unknown
from ...manage.export import Progress
from ...manage.queue import Which
from .. import query
from ..exporting import send_export
from ..markup import Markup, join, tag
from . import exports, faults, look
from .frame import Console
from .jobs import Jobs
from .visit import Visit

HERE = "/console/history"
MESSAGES = "/console/messages"
SHOWN = 50
_FIELDS = ("account", "connection", "state", "to", "tag", "ref", "from", "until", "before")


def add_routes(app: Klein, console: Console, going: Jobs) -> None:
    """Serve the page."""

    @app.route(HERE, methods=["GET"])
    async def console_history(request: Request) -> bytes:
        visit = await console.visit(request)
        given = {name: query.text(request, name) for name in _FIELDS}
        given["to"] = query.address(request, "to")
        try:
            states = (given["state"],) if given["state"] else ()
            found = await messages.page(visit.installation, which(given), states, SHOWN)
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return console.page(request, visit, "History", await _form(visit, given, fault), here=HERE)
        shown = [await _form(visit, given), _list(visit, found.passages, given)]
        if found.before:
            shown.append(look.older(f"{HERE}?{_again(given, before=found.before)}"))
        return console.page(request, visit, "History", *shown, here=HERE)

    @app.route(f"{HERE}/export", methods=["GET"])
    async def console_history_export(request: Request) -> bytes:
        return exports.page(console, going, request, await console.visit(request), ((HERE, "History"),))

    @app.route(f"{HERE}/export/file", methods=["GET"])
    async def console_history_export_file(request: Request) -> bytes:
        visit = await console.visit(request)
        given = {name: query.text(request, name) for name in _FIELDS}
        states = (given["state"],) if given["state"] else ()
        format, progress = query.text(request, "format") or "csv", Progress()
        since = spans.instant("from", given["from"], visit.zone) if given["from"] else 0

        def file() -> Awaitable[bytes]:
            return send_export(request, visit.installation, which(given), states, format, progress)

        return await exports.send(going, visit, query.text(request, "id"), progress, file, since)


def which(given: dict[str, str]) -> Which:
    """The mail that the fields of the form mean."""
    return Which(
        account=given["account"],
        connection=given["connection"],
        to=given["to"] if "@" in given["to"] else "",
        domain="" if "@" in given["to"] else given["to"],
        tag=given["tag"],
        client_ref=given["ref"],
        since=given["from"],
        until=given["until"],
        before=given["before"],
    )


def _again(given: dict[str, str], **changed: str) -> str:
    """The same question as the query of an address, but for what is changed."""
    return urlencode({name: value for name, value in (given | changed).items() if value})


async def _form(visit: Visit, given: dict[str, str], fault: Invalid | Unknown | None = None) -> Markup:
    wrong = faults.beside(fault, _ABOUT, "to")
    mine = [("", "All"), *((each.id, each.name) for each in await connections.every(visit.installation))]
    states = [("", "Any"), *((each.value, each.value) for each in State)]
    fields = [
        look.choice("state", "Status", states, given["state"], wrong.get("state", "")),
        look.field("to", "Recipient or domain", wrong.get("to", ""), value=given["to"], type="search"),
        look.field("tag", "Tag", wrong.get("tag", ""), value=given["tag"], type="search"),
        look.field("ref", "Client reference", wrong.get("ref", ""), value=given["ref"], type="search"),
        look.field("from", "From", wrong.get("from", ""), value=given["from"], type="datetime-local"),
        look.field("until", "Until", wrong.get("until", ""), value=given["until"], type="datetime-local"),
        look.choice("connection", "Connection", mine, given["connection"], wrong.get("connection", "")),
    ]
    if not visit.caller.bound:
        owners = [("", "All"), *((each.name, each.name) for each in await accounts.every(visit.installation))]
        fields.append(look.choice("account", "Account", owners, given["account"], wrong.get("account", "")))
    return look.filters(HERE, *fields)


#: Beside which field of the form a fault of the use case is shown.
_ABOUT = {"since": "from", "from": "from", "until": "until", "state": "state", "connection": "connection",
          "account": "account", "tag": "tag", "ref": "ref", "before": "until"}  # fmt: skip


def _list(visit: Visit, passages: Sequence[Passage], given: dict[str, str]) -> Markup:
    if not passages:
        if any(given.values()):
            return look.nothing("Nothing fits.", tag("a", "Show everything", href=HERE, class_="button quiet"))
        new = tag("a", "To the connections", href="/console/connections", class_="button")
        return look.nothing("No mail was accepted yet. Send one by a connection, and see here what becomes of it.", new)
    rows = [row(visit, each) for each in passages]
    id = visit.installation.new_id()
    files = [
        tag("a", format.upper(), href=f"{HERE}/export?{_again(given, before='', format=format, id=id)}")
        for format in ("csv", "ndjson")
    ]
    download = tag("p", "All that fits as a file: ", files[0], ", ", files[1])
    return join(look.table("Messages by recipient", ("When", "To", "Subject", "Connection", "Status"), rows), download)


def row(visit: Visit, passage: Passage) -> tuple[str, ...]:
    """One recipient in a list."""
    subject = tag("a", tag("bdi", passage.subject or "(no subject)"), href=f"{MESSAGES}/{passage.recipient}")
    return (
        look.when(passage.accepted_at, visit.now, visit.zone),
        tag("bdi", passage.rcpt),
        subject,
        passage.connection_name,
        look.status("held" if passage.held else passage.state.value),
    )
