"""The page of the whole relay, for administrators: whether it takes mail, whom the login guard keeps out, the keys that
links are signed by, and what others are told of their TLS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC

from klein import Klein
from twisted.web.server import Request

from ...interfaces.tls_reports import TlsReport
from ...mail.tls_report import begin
from ...manage import link_keys, switches, tls_reports
from ...manage.errors import Invalid
from ...policy.link_keys import LinkKey
from .. import query
from ..markup import Markup, tag
from ..problem import Problem
from . import look
from .faults import beside
from .frame import Console
from .visit import Visit

HERE = "/console/relay"
#: Reports about TLS on the page.
SHOWN = 30


def add_routes(app: Klein, console: Console) -> None:
    """Serve the pages."""

    async def shown(request: Request, visit: Visit, fault: Invalid | None = None) -> bytes:
        place = visit.installation
        wrong = beside(fault, {"address": "address", "user": "username", "username": "username"}, "reason")
        body = [
            tag("h2", "New mail"),
            _taking(visit, await switches.paused(place), wrong.get("reason", "")),
            tag("h2", "Failed logins"),
            _guard(visit, wrong),
            tag("h2", "Keys of links"),
            *_keys(visit, await link_keys.every(place)),
            tag("h2", "Reports about TLS"),
            _reports(visit, await tls_reports.every(place)),
        ]
        return console.page(request, visit, "The relay", *body, here=HERE)

    @app.route(HERE, methods=["GET"])
    async def console_relay(request: Request) -> bytes:
        return await shown(request, await console.visit(request))

    @app.route(f"{HERE}/tls/<string:domain>/<string:day>", methods=["GET"])
    async def console_tls_report(request: Request, domain: str, day: str) -> bytes:
        visit = await console.visit(request)
        found = await tls_reports.show(visit.installation, domain, day)
        text = json.dumps(found, indent=2, ensure_ascii=False)
        send = look.form(f"{HERE}/tls/{domain}/{day}", visit.key, look.button("Send it at the next look"))
        body = [
            tag("div", send, class_="buttons"),
            tag("pre", text, class_="source", tabindex="0", role="region", aria_label="The report"),
        ]
        return console.page(request, visit, f"{domain}, {day}", *body, here=HERE, above=[(HERE, "The relay")])

    @app.route(f"{HERE}/tls/<string:domain>/<string:day>", methods=["POST"])
    async def console_send_tls_report(request: Request, domain: str, day: str) -> bytes:
        visit = await console.visit(request)
        await tls_reports.send(visit.installation, domain, day)
        return console.go(request, HERE, f"The report about {domain} leaves at the next look.")

    @app.route(f"{HERE}/<string:act>", methods=["POST"])
    async def console_relay_act(request: Request, act: str) -> bytes:
        visit = await console.visit(request)
        try:
            said = await _act(visit, request, act)
        except Invalid as fault:
            request.setResponseCode(400)
            return await shown(request, visit, fault)
        return console.go(request, HERE, said)


async def _act(visit: Visit, request: Request, act: str) -> str:
    """Carry out what a form says; gives the words for it."""
    place = visit.installation
    if act == "pause":
        await switches.pause(place, query.text(request, "reason"))
        return "No new mail is taken; what is queued goes on."
    if act == "resume":
        await switches.resume(place)
        return "Mail is taken again."
    if act == "clear-guard":
        await switches.clear_login_guard(
            place, query.text(request, "address").strip(), query.text(request, "username").strip()
        )
        return "Those failed logins are forgotten."
    if act == "rotate-key":
        return f"Key {(await link_keys.rotate(place)).number} signs from now on."
    if act == "withdraw-key":
        number = query.number(request, "number", 0, 65_535)
        await link_keys.withdraw(place, number)
        return f"No link of key {number} is believed any more."
    raise Problem(404)


def _taking(visit: Visit, paused: str, wrong: str) -> Markup:
    if paused:
        words = "None is taken" + (f": {paused}." if paused != "1" else ".")
        told = tag("p", tag("span", words, class_="status blocked"), " Clients are told to come back later.")
        return tag("div", told, look.form(f"{HERE}/resume", visit.key, look.button("Take mail again")))
    field = look.field("reason", "Reason", wrong, "For the log and whoever looks here.")
    ask = "Every client is told to come back later; what is queued goes on."
    form = look.form(f"{HERE}/pause", visit.key, field, look.button("Pause", "danger"), stacked=True)
    told = tag("p", tag("span", "Mail is taken.", class_="status active"))
    return tag("div", told, look.confirm("Pause…", ask, form, open=bool(wrong)))


def _guard(visit: Visit, wrong: dict[str, str]) -> Markup:
    words = "Whoever failed too often waits. Forget the failures of an address, or those for a user name from it."
    fields = [
        look.field("address", "Address", wrong.get("address", ""), "Left out: all failures."),
        look.field("username", "User name", wrong.get("username", "")),
        look.button("Forget", "quiet"),
    ]
    form = look.form(f"{HERE}/clear-guard", visit.key, *fields, stacked=True)
    opened = "address" in wrong or "username" in wrong
    return look.confirm("Forget failed logins…", words, form, open=opened)


def _keys(visit: Visit, found: Sequence[LinkKey]) -> list[Markup]:
    rows = []
    for each in found:
        signs = each is found[-1]
        status = "withdrawn" if each.withdrawn_at else "signs" if signs else "believed"
        hidden = tag("input", type="hidden", name="number", value=str(each.number))
        words = f"Every link of key {each.number} is dead then, those to unsubscribe, too."
        button = look.button("Withdraw", "danger")
        form = look.form(f"{HERE}/withdraw-key", visit.key, hidden, button)
        made = look.when(each.created_at, visit.now, visit.zone) if each.created_at else "at the beginning"
        act = look.confirm(f"Withdraw {each.number}…", words, form) if status == "believed" else "–"
        rows.append((str(each.number), tag("span", status, class_="status"), made, act))
    rotate = look.form(f"{HERE}/rotate-key", visit.key, look.button("Make a new key", "quiet"))
    return [
        tag(
            "p", "Links in mail are signed, so that nobody can make one. The newest key signs, older ones are believed."
        ),
        look.table("Keys", ("Key", "Status", "Made", "End"), rows),
        rotate,
    ]


def _reports(visit: Visit, found: Sequence[TlsReport]) -> Markup:
    if not found:
        return look.nothing("No domain that asks for reports was sent to yet.")
    rows = []
    for each in found[:SHOWN]:
        day = f"{begin(each.day).astimezone(UTC):%Y-%m-%d}"
        at = each.sent_at or each.due_at
        rows.append(
            (
                tag("a", f"{each.domain}, {day}", href=f"{HERE}/tls/{each.domain}/{day}"),
                tag("span", each.status, class_="status"),
                look.when(at, visit.now, visit.zone) if at else "–",
                each.error or ", ".join(each.sent_to) or "–",
            )
        )
    return look.table("About whom, and which day", ("Report", "Status", "When", "To, or why not"), rows)
