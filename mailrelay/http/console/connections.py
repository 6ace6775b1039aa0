"""Pages about connections: the list, making one, and the card with what an application needs to send by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from klein import Klein
from twisted.web.server import Request

from ...interfaces.registry import Connection
from ...manage import accounts, connections
from ...manage.connections import Wanted
from ...manage.credentials import Issued
from ...manage.errors import Invalid, Unknown
from .. import query
from ..markup import Markup, join, tag
from . import look
from .frame import Console
from .visit import Visit

HERE = "/console/connections"


@dataclass(frozen=True, slots=True)
class Door:
    """Where an application connects: `tls` is "STARTTLS", "TLS" or "no TLS", `dialect` whom the port is for."""

    host: str
    port: int
    tls: str
    dialect: str


def add_routes(app: Klein, console: Console, doors: Sequence[Door]) -> None:
    """Serve the pages."""

    @app.route(HERE, methods=["GET"])
    async def console_connections(request: Request) -> bytes:
        visit = await console.visit(request)
        found = await connections.every(visit.installation)
        rows = [
            (tag("a", each.name, href=f"{HERE}/{each.id}"), each.sender, each.dialect, look.status(each.status))
            for each in found
        ]
        shown = (
            look.table("Connections", ("Name", "Sender", "Speaks", "Status"), rows)
            if rows
            else look.notice("There is no connection yet. Create one to get a host, a login and a password to send by.")
        )
        create = tag("p", tag("a", "Create connection", href=f"{HERE}/new", class_="button"))
        return console.page(request, visit, "Connections", create, shown, here=HERE)

    @app.route(f"{HERE}/new", methods=["GET"])
    async def console_new_connection(request: Request) -> bytes:
        visit = await console.visit(request)
        return console.page(request, visit, "Create connection", await _new(visit, {}, None), here=HERE)

    @app.route(f"{HERE}/new", methods=["POST"])
    async def console_create_connection(request: Request) -> bytes:
        visit = await console.visit(request)
        given = {name: query.text(request, name) for name in ("account", "name", "sender", "dialect")}
        owned = visit.caller.bound or given["account"]
        try:
            made = await connections.create(
                visit.installation, Wanted(owned, given["name"], given["dialect"], given["sender"], active=True)
            )
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return console.page(request, visit, "Create connection", await _new(visit, given, fault), here=HERE)
        return console.go(request, f"{HERE}/{made.connection.id}")

    @app.route(f"{HERE}/<string:id>", methods=["GET"])
    async def console_connection(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        found = await connections.find(visit.installation, id)
        return console.page(request, visit, found.name, *_card(visit, found, None, doors), here=HERE)

    @app.route(f"{HERE}/<string:id>/<string:act>", methods=["POST"])
    async def console_connection_act(request: Request, id: str, act: str) -> bytes:
        visit = await console.visit(request)
        found = await connections.find(visit.installation, id)
        place = visit.installation
        if act == "reveal" and visit.caller.sees_secrets:
            issued = await connections.reveal(place, found.id)
            return console.page(request, visit, found.name, *_card(visit, found, issued, doors), here=HERE)
        if act == "new-password" and visit.caller.sees_secrets:
            issued = await connections.new_password(place, found.id)
            return console.page(request, visit, found.name, *_card(visit, found, issued, doors), here=HERE)
        if act == "activate" and visit.caller.administrator:
            await connections.activate(place, found.id)
        elif act == "block":
            await connections.block(place, found.id, query.text(request, "reason"))
        else:
            raise Unknown("act", act)
        return console.go(request, f"{HERE}/{found.id}")


async def _new(visit: Visit, given: dict[str, str], fault: Invalid | Unknown | None) -> Markup:
    wrong = {} if fault is None else {_FIELDS.get(_about(fault), "name"): _words(fault)}
    dialects = [(each.name, each.title) for each in visit.installation.dialects if not each.name.startswith("bare")]
    fields = [
        look.field("name", "Name", wrong.get("name", ""), "What you call it; also a part of its login.",
                   value=given.get("name", ""), required=True, autofocus=True),
        look.field("sender", "Sender", wrong.get("sender", ""), "The address that its mail comes from.",
                   type="email", value=given.get("sender", ""), required=True),
        look.choice("dialect", "Speaks", dialects, given.get("dialect", "standard")),
    ]  # fmt: skip
    if not visit.caller.bound:
        owners = [(each.name, each.name) for each in await accounts.every(visit.installation)]
        fields.insert(0, look.choice("account", "Account", owners, given.get("account", "")))
    return look.form(f"{HERE}/new", visit.key, *fields, look.button("Next"), stacked=True)


#: Beside which field of the form a fault of a use case is shown.
_FIELDS = {"connection": "name", "sender": "sender", "domain": "sender", "address": "sender"}


def _about(fault: Invalid | Unknown) -> str:
    return fault.field if isinstance(fault, Invalid) else fault.what


def _words(fault: Invalid | Unknown) -> str:
    return fault.reason if isinstance(fault, Invalid) else f"there is no {fault.what} {fault.name}"


def _card(visit: Visit, found: Connection, issued: Issued | None, doors: Sequence[Door]) -> list[Markup]:
    path = f"{HERE}/{found.id}"
    mine = [each for each in doors if each.dialect == found.dialect]
    ports = [(f"Port, {each.tls}", look.copied(str(each.port))) for each in mine]
    host = [("Host", look.copied(mine[0].host))] if mine else []
    login = [("User name", look.copied(each.username)) for each in found.credentials if each.username][:1]
    secrets = [] if issued is None else [
        (name, look.copied(text))
        for name, text in (("Password", issued.password), ("API key", issued.api_key),
                           ("Short user name", issued.short_username), ("Short password", issued.short_password))
        if text
    ]  # fmt: skip
    told = join(look.status(found.status), f" {found.status_reason}" if found.status_reason else "")
    buttons = []
    if found.status == "active":
        buttons.append(look.form(f"{path}/block", visit.key, look.button("Block", "danger")))
    elif visit.caller.administrator:
        buttons.append(look.form(f"{path}/activate", visit.key, look.button("Activate")))
    if visit.caller.sees_secrets:
        if issued is None and visit.installation.reveal_secrets:
            buttons.append(look.form(f"{path}/reveal", visit.key, look.button("Show password", "quiet")))
        buttons.append(look.form(f"{path}/new-password", visit.key, look.button("New password", "quiet")))
    networks = ", ".join(found.networks) or "any address"
    return [
        look.facts([("Status", told), ("Sender", found.sender), ("Speaks", found.dialect), *host, *ports, *login,
                    *secrets, ("May connect from", networks)]),
        tag("div", *buttons, class_="buttons"),
        tag("p", tag("a", "Statistics", href=f"/console/statistics?connection={found.id}")),
    ]  # fmt: skip
