"""Pages about connections: the list, making one, and the card with what can be done to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from klein import Klein
from twisted.web.server import Request

from ...interfaces.registry import Connection
from ...manage import accounts, connections
from ...manage.connections import Wanted
from ...manage.credentials import Issued
from ...manage.errors import Invalid, Unknown
from ...manage.installation import Installation
from .. import query
from ..markup import Markup, join, tag
from . import card, look, owners
from .card import HERE, Outside
from .faults import beside
from .frame import Console
from .visit import Visit


def add_routes(app: Klein, console: Console, outside: Outside) -> None:
    """Serve the pages."""

    @app.route(HERE, methods=["GET"])
    async def console_connections(request: Request) -> bytes:
        visit = await console.visit(request)
        found = await connections.every(visit.installation)
        owner = {} if visit.caller.bound else await owners.named(visit)
        whose = ("Account",) if owner else ()
        rows = [
            (
                tag("a", each.name, href=f"{HERE}/{each.id}"),
                *(owner[each.account] for _ in whose),
                each.sender,
                each.dialect,
                join(look.status(each.status), f": {each.status_reason}" if each.status_reason else ""),
            )
            for each in found
        ]
        shown = (
            look.table("Connections", ("Name", *whose, "Sender", "Speaks", "Status"), rows)
            if rows
            else look.nothing(
                "There is no connection yet. Create one to get a host, a login and a password to send by."
            )
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
        if visit.installation.reveal_secrets or not visit.caller.sees_secrets:
            return console.go(request, f"{HERE}/{made.connection.id}", f"{made.connection.name} is made.")
        return show(request, visit, made.connection, made)  # the only time that it can be shown

    @app.route(f"{HERE}/<string:id>", methods=["GET"])
    async def console_connection(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        return show(request, visit, await connections.find(visit.installation, id))

    @app.route(f"{HERE}/<string:id>/<string:act>", methods=["POST"])
    async def console_connection_act(request: Request, id: str, act: str) -> bytes:
        visit = await console.visit(request)
        found = await connections.find(visit.installation, id)
        if act in _SECRETS and visit.caller.sees_secrets:
            return show(request, visit, found, await _SECRETS[act](visit.installation, found.id))
        if act == "block":
            await connections.block(visit.installation, found.id, query.text(request, "reason"))
            said = "Blocked: its login is refused from now on."
        elif act == "activate":
            await connections.activate(visit.installation, found.id)
            said = "Activated: it takes mail from now on."
        elif act == "revoke":
            await connections.revoke(visit.installation, found.id, query.text(request, "kind"))
            said = "Taken away: it is refused from the next login on."
        else:
            raise Unknown("act", act)
        return console.go(request, f"{HERE}/{found.id}", said)

    def show(request: Request, visit: Visit, found: Connection, issued: Issued | None = None) -> bytes:
        # a page with a secret must not come back by the browser's own doing
        request.setHeader(b"Cache-Control", b"no-store")
        mode = query.text(request, "mode")
        current = found if issued is None else issued.connection
        body = card.view(visit, current, issued, outside, mode)
        return console.page(request, visit, found.name, *body, here=HERE, above=[(HERE, "Connections")])


#: What shows secrets, by the act of a form.
_SECRETS: Mapping[str, Callable[[Installation, str], Awaitable[Issued]]] = {
    "reveal": connections.reveal,
    "new-password": connections.new_password,
    "new-api-key": connections.new_api_key,
    "short-password": connections.short_password,
}


#: Beside which field of the form a fault of a use case is shown.
_FIELDS = {"connection": "name", "domain": "sender", "address": "sender", "sender": "sender", "dialect": "dialect"}


async def _new(visit: Visit, given: dict[str, str], fault: Invalid | Unknown | None) -> Markup:
    wrong = beside(fault, _FIELDS, "name")
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
