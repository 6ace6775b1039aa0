"""The page of events: what programs are told, in order, with the number by which one goes on from it.

Unlike the history, which tells what became of each recipient, it tells what happened one after the other. It reads
forward, as programs do, from the last hour or from a time that was chosen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from klein import Klein
from twisted.web.server import Request

from ...interfaces.events import Happening
from ...mail.event import Event
from ...manage import connections, happened, spans
from ...manage.errors import Invalid, Unknown
from .. import query
from ..markup import Markup, join, tag
from . import faults, look, owners
from .frame import Console
from .history import MESSAGES
from .visit import Visit

HERE = "/console/events"
SHOWN = 50  #: events of a page
_FIELDS = ("type", "from", "connection")


def add_routes(app: Klein, console: Console) -> None:
    """Serve the page."""

    @app.route(HERE, methods=["GET"])
    async def console_events(request: Request) -> bytes:
        visit = await console.visit(request)
        given = {name: query.text(request, name).strip() for name in _FIELDS}
        given["account"] = owners.owned(visit, request)
        try:
            begin = await _begin(visit, request, given["from"])
            types = (given["type"],) if given["type"] else ()
            wanted = happened.Wanted(given["account"], given["connection"], types, begin, SHOWN)
            page = await happened.page(visit.installation, wanted)
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            form = await _form(visit, given, faults.beside(fault))
            return console.page(request, visit, "Events", form, here=HERE)
        again = {name: value for name, value in given.items() if value and name != "from"}
        on = f"{HERE}?{urlencode(again | {'after': page.cursor})}"
        body = (
            tag("p", "What programs are told of, by ", tag("a", "webhooks", href="/console/webhooks"), " or the ",
                tag("a", "API", href="/api/v1/"), ", in order: from an hour ago, or the time that is chosen."),
            await _form(visit, given, {}),
            _list(visit, page.events, await owners.named(visit)),
            look.older(on, "Later" if page.more else "Look for newer ones"),
            tag("p", "A program reads on from here by ", look.copied(f"GET /api/v1/events?after={page.cursor}")),
        )  # fmt: skip
        return console.page(request, visit, "Events", *body, here=HERE)


async def _begin(visit: Visit, request: Request, since: str) -> int:
    """The cursor that the page begins behind: the one given, else that of a time, else that of an hour ago."""
    if query.text(request, "after"):
        return query.number(request, "after", 0, 1 << 62, 0)
    at = spans.instant("from", since, visit.zone) if since else visit.now - spans.HOUR
    return await happened.cursor(visit.installation, at)


async def _form(visit: Visit, given: Mapping[str, str], wrong: Mapping[str, str]) -> Markup:
    types = [("", "All"), *((each.value, _words(each)) for each in Event)]
    mine = [("", "All"), *((each.id, each.name) for each in await connections.every(visit.installation))]
    fields = [
        look.choice("type", "What", types, given["type"], wrong.get("type", "")),
        look.field("from", "From", wrong.get("from", ""), type="datetime-local", value=given["from"]),
        look.choice("connection", "Connection", mine, given["connection"], wrong.get("connection", "")),
        *await owners.field(visit, given["account"], "All", wrong.get("account", "")),
    ]  # fmt: skip
    return look.filters(HERE, *fields)


def _list(visit: Visit, found: Sequence[Happening], accounts: Mapping[str, str]) -> Markup:
    if not found:
        oldest = tag("a", "From the oldest that is kept on", href=f"{HERE}?after=0", class_="button quiet")
        return look.nothing("Nothing that fits has happened since then.", oldest)
    whose = not visit.caller.bound
    rows = [
        (
            look.when(each.at, visit.now, visit.zone),
            _what(each),
            _whom(each),
            *((accounts.get(each.account, "–"),) if whose else ()),
            each.connection_name or "–",
            _told(each, accounts),
        )
        for each in found
    ]
    heads = ("When", "What", "To", *(("Account",) if whose else ()), "Connection", "As it is told")
    return look.table("Events, the oldest first", heads, rows)


def _words(event: Event) -> str:
    return event.value.replace("_", " ")


def _what(each: Happening) -> Markup:
    more = f"by {each.machine}" if each.machine else each.bounce_class
    return join(
        tag("span", _words(each.event), title=each.event.meaning), tag("div", more, class_="hint") if more else ""
    )


def _whom(each: Happening) -> Markup:
    if not each.recipient:
        return Markup("–")
    return tag("a", tag("bdi", each.rcpt), href=f"{MESSAGES}/{each.recipient}")


def _told(each: Happening, accounts: Mapping[str, str]) -> Markup:
    text = json.dumps(happened.plain(each, accounts), indent=2, ensure_ascii=False)
    shown = tag("pre", text, class_="source", tabindex="0", role="region", aria_label=f"Event {each.id}")
    return tag("details", tag("summary", str(each.id)), shown)
