"""Pages about routes: the ways out, of the configuration and stored ones, and trying each before mail needs it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from klein import Klein
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ...interfaces.probe import Probe
from ...interfaces.route_tests import RouteTest
from ...interfaces.routes import StoredRoute
from ...manage import accounts, route_test, routes
from ...manage.errors import Invalid
from ...manage.routes import TLS_RULES, Wanted
from .. import query
from ..markup import Markup, join, tag
from . import faults, look
from .frame import Console
from .visit import Visit

HERE = "/console/routes"
#: What stands in a path for the account of a route that serves all.
ALL = "-"
_FIELDS = ("account", "id", "kind", "hosts", "tls", "username", "password", "fallback", "port", "sources", "rotate",
           "domains")  # fmt: skip
_TLS = {
    "none": "never",
    "may": "where it is offered",
    "require": "always, by any certificate",
    "verify": "always, by a certificate that is right",
}
#: One step of a transcript: its second, who spoke, and what.
_STEP = re.compile(r"\s*([0-9.]+) (\S): ?(.*)")


def add_routes(app: Klein, console: Console) -> None:
    """Serve the pages."""

    @app.route(HERE, methods=["GET"])
    async def console_ways(request: Request) -> bytes:
        visit = await console.visit(request)
        return console.page(request, visit, "Routes", *await _list(visit), here=HERE)

    @app.route(f"{HERE}/new", methods=["GET"])
    async def console_new_way(request: Request) -> bytes:
        visit = await console.visit(request)
        given = {"kind": "hosts", "tls": "may", "port": "25"}
        form = await _form(visit, f"{HERE}/new", given, None)
        return console.page(request, visit, "Add a route", form, here=HERE, above=[(HERE, "Routes")])

    @app.route(f"{HERE}/new", methods=["POST"])
    async def console_add_way(request: Request) -> bytes:
        visit = await console.visit(request)
        given = {name: query.text(request, name).strip() for name in _FIELDS}
        try:
            owner = visit.caller.bound or given["account"]
            made = await routes.add(visit.installation, Wanted(id=given["id"], account=owner, **_read(given)))
        except Invalid as fault:
            request.setResponseCode(400)
            form = await _form(visit, f"{HERE}/new", given, fault)
            return console.page(request, visit, "Add a route", form, here=HERE, above=[(HERE, "Routes")])
        return console.go(request, _path(made), "Added. Mail can take it within two seconds.")

    @app.route(f"{HERE}/<string:owner>/<string:id>", methods=["GET"])
    async def console_way(request: Request, owner: str, id: str) -> bytes:
        visit = await console.visit(request)
        return await shown(request, visit, owner, id)

    async def shown(
        request: Request, visit: Visit, owner: str, id: str, fault: Invalid | None = None, came: RouteTest | None = None
    ) -> bytes:
        place, own = visit.installation, visit.caller.bound
        body: list[Markup] = []
        if owner == ALL and not own and id in place.route_names:
            kind = "by MX" if id in place.mx_routes else "by smart hosts"
            body.append(tag("p", f"It stands in the configuration, and leads {kind}."))
            by_mx = id in place.mx_routes
        else:
            found = await routes.find(place, _account(visit, owner), id)
            body += _card(visit, found, await _owners(visit))
            by_mx = found.mx
        if visit.caller.administrator:
            about = fault is not None and fault.field in ("to", "from", "name")
            if fault is not None and not about:
                body.insert(0, look.notice(str(fault), "fault"))
            body += _trial(visit, request, f"{HERE}/{owner}/{id}", by_mx, fault if about else None, came)
        return console.page(request, visit, id, *body, here=HERE, above=[(HERE, "Routes")])

    @app.route(f"{HERE}/<string:owner>/<string:id>/test", methods=["POST"])
    async def console_try_way(request: Request, owner: str, id: str) -> bytes:
        visit = await console.visit(request)
        to, sender = query.address(request, "to"), query.address(request, "from")
        try:
            came = await route_test.test(visit.installation, _account(visit, owner), id, to, sender)
        except Invalid as fault:
            request.setResponseCode(400)
            return await shown(request, visit, owner, id, fault)
        return await shown(request, visit, owner, id, came=came)

    @app.route(f"{HERE}/<string:owner>/<string:id>/change", methods=["GET"])
    async def console_way_form(request: Request, owner: str, id: str) -> bytes:
        visit = await console.visit(request)
        found = await routes.find(visit.installation, _account(visit, owner), id)
        form = await _form(visit, f"{_path(found)}/change", _as_given(found), None, found)
        return console.page(request, visit, f"Change {id}", form, here=HERE, above=_above(found))

    @app.route(f"{HERE}/<string:owner>/<string:id>/change", methods=["POST"])
    async def console_change_way(request: Request, owner: str, id: str) -> bytes:
        visit = await console.visit(request)
        found = await routes.find(visit.installation, _account(visit, owner), id)
        given = {name: query.text(request, name).strip() for name in _FIELDS}
        try:
            changes = _read(given)
            if not given["password"] and given["username"]:
                del changes["password"]  # the one that is kept
            await routes.change(visit.installation, found.account, id, changes)
        except Invalid as fault:
            request.setResponseCode(400)
            form = await _form(visit, f"{_path(found)}/change", given, fault, found)
            return console.page(request, visit, f"Change {id}", form, here=HERE, above=_above(found))
        return console.go(request, _path(found), "Changed. It holds within two seconds.")

    @app.route(f"{HERE}/<string:owner>/<string:id>/remove", methods=["POST"])
    async def console_remove_way(request: Request, owner: str, id: str) -> bytes:
        visit = await console.visit(request)
        account = _account(visit, owner)
        try:
            await routes.remove(visit.installation, account, id)
        except Invalid as fault:
            request.setResponseCode(400)
            return await shown(request, visit, owner, id, fault)
        return console.go(request, HERE, f"Route {id} is gone.")


def _account(visit: Visit, owner: str) -> str:
    return visit.caller.bound or ("" if owner == ALL else owner)


def _path(found: StoredRoute) -> str:
    return f"{HERE}/{found.account or ALL}/{found.id}"


def _above(found: StoredRoute) -> list[tuple[str, str]]:
    return [(HERE, "Routes"), (_path(found), found.id)]


async def _owners(visit: Visit) -> Mapping[str, str]:
    return {each.id: each.name for each in await accounts.every(visit.installation)}


async def _list(visit: Visit) -> list[Markup]:
    place, owners = visit.installation, await _owners(visit)
    found = await routes.every(place)
    may = visit.caller.administrator
    add = tag("p", tag("a", "Add a route", href=f"{HERE}/new", class_="button")) if may else Markup("")
    parts: list[Markup] = [add]
    heads = ["Route", "Leads to", "TLS", "For domains", "Then"]
    rows = []
    for each in found:
        domains = ", ".join(each.domains[:3]) + (f" and {len(each.domains) - 3} more" if len(each.domains) > 3 else "")
        row = [tag("a", each.id, href=_path(each)), _leads(each), _TLS[each.tls], domains or "–", each.fallback or "–"]
        rows.append(row if visit.caller.bound else [row[0], owners.get(each.account, "all"), *row[1:]])
    if not visit.caller.bound:
        heads.insert(1, "Account")
    if rows:
        parts.append(look.table("Stored routes", heads, rows))
    else:
        words = "There is no stored route: mail leaves as the configuration says."
        more = " Add one for mail that shall leave by a certain smart host, or from certain addresses."
        parts = [look.nothing(words + (more if may else ""), add)]
    if place.route_names and not visit.caller.bound:
        configured = [
            (tag("a", name, href=f"{HERE}/{ALL}/{name}"), "by MX" if name in place.mx_routes else "smart hosts")
            for name in sorted(place.route_names)
        ]
        parts.append(tag("div", look.table("Of the configuration", ("Route", "Leads"), configured), class_="narrow"))
    return parts


def _leads(found: StoredRoute) -> str:
    if found.mx:
        return "by MX" + (f", from {', '.join(found.sources[:2])}" if found.sources else "")
    hosts = routes.written(found)
    return ", ".join(hosts[:2]) + (f" and {len(hosts) - 2} more" if len(hosts) > 2 else "")


def _card(visit: Visit, found: StoredRoute, owners: Mapping[str, str]) -> list[Markup]:
    told: list[tuple[str, str]] = [("Account", owners.get(found.account, "all"))]
    if found.mx:
        told += [("Leads", f"by MX, to port {found.port}"),
                 ("From", ", ".join(found.sources) or "an address that the system chooses")]  # fmt: skip
        if found.rotate:
            told.append(("Addresses", "each in turn, by chance"))
    else:
        hosts = [tag("li", tag("code", each)) for each in routes.written(found)]
        login = f"{found.username}, with a password that is kept sealed" if found.username else "none"
        told += [("Hosts", tag("ul", *hosts, class_="plain")), ("Login", login)]
    told += [
        ("TLS", _TLS[found.tls]),
        ("For domains", ", ".join(found.domains) or "any, where it is named"),
        ("When it fails", found.fallback or "mail waits"),
    ]
    parts = [look.facts(told)]
    if visit.caller.administrator:
        removal = look.form(f"{_path(found)}/remove", visit.key, look.button("Remove", "danger"))
        words = "What is queued for it waits until there is a route of its id again."
        change = tag("a", "Change", href=f"{_path(found)}/change", class_="button quiet")
        parts.append(tag("div", change, look.confirm("Remove…", words, removal), class_="buttons"))
    return parts


def _as_given(found: StoredRoute) -> dict[str, str]:
    """A route as the fields of its form."""
    return {
        "kind": "mx" if found.mx else "hosts",
        "hosts": "\n".join(routes.written(found)),
        "tls": found.tls,
        "username": found.username,
        "fallback": found.fallback,
        "port": str(found.port),
        "sources": "\n".join(found.sources),
        "rotate": "true" if found.rotate else "",
        "domains": "\n".join(found.domains),
    }


def _read(given: Mapping[str, str]) -> dict[str, Any]:
    """The fields of the form as those of a route; what the other kind has is left out."""
    made: dict[str, Any] = {
        "tls": given["tls"] or "may",
        "fallback": given["fallback"],
        "domains": given["domains"].replace(",", " ").split(),
    }
    if given["kind"] == "mx":
        port = given["port"] or "25"
        if not (port.isascii() and port.isdigit() and len(port) < 6):
            raise Invalid("port", "must be from 1 to 65535")
        sources = given["sources"].replace(",", " ").split()
        return made | {"mx": True, "hosts": (), "username": "", "password": "", "port": int(port), "sources": sources,
                       "rotate": given["rotate"] == "true"}  # fmt: skip
    return made | {"mx": False, "hosts": given["hosts"].replace(",", " ").split(), "username": given["username"],
                   "password": given["password"], "port": 25, "sources": (), "rotate": False}  # fmt: skip


async def _form(
    visit: Visit, action: str, given: Mapping[str, str], fault: Invalid | None, found: StoredRoute | None = None
) -> Markup:
    about = faults.beside(fault, {"host": "hosts", "route": "id"})

    def value(name: str) -> str:
        return given.get(name, "")

    def wrong(name: str) -> str:
        return about.get(name, "")

    kept = "Left out, the one that is kept stays." if found is not None and found.username else ""
    kinds = (("hosts", "By smart hosts"), ("mx", "By MX, to the hosts of each domain"))
    fields = [
        look.choice("kind", "Leads", kinds, value("kind")),
        look.choice("tls", "TLS", [(each, _TLS[each]) for each in TLS_RULES], value("tls"), wrong("tls")),
        _group("Smart hosts",
               look.area("hosts", "Hosts", value("hosts"), wrong("hosts"),
                         "One a line, as smtp.example.com:587, in the order in which they are tried; or each with "
                         "=WEIGHT behind it.", 3),
               look.field("username", "User name", wrong("username"), "Left out, there is no login.",
                          value=value("username"), autocomplete="off"),
               look.field("password", "Password", wrong("password"), kept, type="password",
                          autocomplete="new-password")),
        _group("MX",
               look.field("port", "Port", wrong("port"), value=value("port"), inputmode="numeric"),
               look.area("sources", "Our addresses", value("sources"), wrong("sources"),
                         "IP addresses to send from, one a line; left out, the system chooses.", 2),
               look.tick("rotate", "Each in turn, by chance, and not the same for a domain always",
                         value("rotate") == "true")),
        look.area("domains", "For domains", value("domains"), wrong("domains"),
                  "Mail to these takes the route where nothing else is named: one a line, *.example.com for all below.",
                  2),
        look.field("fallback", "When it fails", wrong("fallback"), "The id of another route that takes over.",
                   value=value("fallback")),
    ]  # fmt: skip
    if found is None:
        hint = "What a message names it by; left out, it gets one."
        fields.insert(0, look.field("id", "Id", wrong("id"), hint, value=value("id"), autofocus=True))
        if not visit.caller.bound:
            owners = [("", "All accounts"), *((name, name) for name in (await _owners(visit)).values())]
            fields.insert(0, look.choice("account", "Account", owners, value("account"), wrong("account")))
    return look.form(action, visit.key, *fields, look.button("Add" if found is None else "Save"), stacked=True)


def _group(name: str, *fields: str) -> Markup:
    return tag("fieldset", tag("legend", name), *fields, class_="group")


def _trial(
    visit: Visit, request: IRequest, path: str, by_mx: bool, fault: Invalid | None, came: RouteTest | None
) -> list[Markup]:
    wrong = faults.beside(fault, {"name": "to"})
    hint = "An address is asked about, but sent nothing; or only a domain." + ("" if by_mx else " May be left out.")
    fields = [
        look.field("to", "To", wrong.get("to", ""), hint, value=query.address(request, "to"), required=by_mx),
        look.field("from", "From", wrong.get("from", ""), "Left out, the null sender.",
                   value=query.address(request, "from")),
        look.button("Try it"),
    ]  # fmt: skip
    parts = [tag("h2", "Try it"), look.form(f"{path}/test", visit.key, *fields, stacked=True)]
    if came is not None:
        if came.reply:
            parts.append(look.notice(came.reply, "fault"))
        parts += [_probe(each, max(each.seconds for each in came.probes) or 1) for each in came.probes]
    return parts


def _probe(each: Probe, longest: float) -> Markup:
    """What one host said, on a line of time as long as the slowest host took."""
    style, word = ("active", "would take mail") if each.serves else ("blocked", "would take none")
    steps = [found.groups() for line in each.transcript.split("\n") if (found := _STEP.match(line))]
    head = tag("h3", tag("code", f"{each.hop.host}:{each.hop.port}"), " ", tag("span", word, class_=f"status {style}"))
    told = [("Said", tag("bdi", each.reply)), ("TLS", each.tls or "none"), ("Took", f"{each.seconds:.3f} s")]
    if each.hop.address:
        told.insert(0, ("Address", each.hop.address + (f", from {each.hop.source}" if each.hop.source else "")))
    if each.fault:
        told.append(("TLS failed", each.fault))
    if each.offers:
        told.append(("Offers", " ".join(each.offers)))
    return tag(
        "section",
        head,
        look.facts(told),
        _line(f"{each.hop.host}:{each.hop.port} step by step", steps, longest),
        class_="probe",
    )


def _line(name: str, steps: Sequence[tuple[str | Any, ...]], longest: float) -> Markup:
    who = {"C": "we", "S": "they"}
    rows = []
    for second, side, text in steps:
        at = min(100.0, float(second) / longest * 100)
        mark = tag("svg", tag("rect", x="0", y="4", width="100", height="2", class_="rail"),
                   tag("rect", x=f"{min(at, 98):.1f}", y="0", width="2", height="10", class_="mark"),
                   viewBox="0 0 100 10", preserveAspectRatio="none", aria_hidden="true", class_="share")  # fmt: skip
        rows.append((join(second, " s"), mark, who.get(side, "–"), tag("code", tag("bdi", text))))
    return look.table(name, ("At", "Time", "Who", "What"), rows) if rows else Markup("")
