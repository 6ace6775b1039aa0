"""Pages about sender addresses: the list, adding one on a domain of the account, asking for any other by a letter."""

from __future__ import annotations

from klein import Klein
from twisted.web.server import Request

from ...manage import domains, senders
from ...manage.errors import Invalid, Unknown
from .. import query
from ..markup import Markup, tag
from . import domain_view, faults, look, owners
from .domains import HERE as DOMAINS
from .domains import SENDERS as HERE
from .domains import TABS
from .frame import Console
from .visit import Visit

_EMPTY = "There is no sender yet. Add one below; the sender of a connection becomes one by itself."


def add_routes(app: Klein, console: Console) -> None:
    """Serve the pages."""

    @app.route(HERE, methods=["GET"])
    async def console_senders(request: Request) -> bytes:
        return await shown(request, await console.visit(request))

    @app.route(HERE, methods=["POST"])
    async def console_sender_add(request: Request) -> bytes:
        visit = await console.visit(request)
        owner, address = owners.owned(visit, request), query.text(request, "address").strip()
        try:
            if query.text(request, "how") == "letter":
                await senders.ask(visit.installation, owner, address)
                return console.go(request, HERE, f"A letter is on its way to {address}: its link confirms the sender.")
            await domains.add_sender(visit.installation, owner, address)
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return await shown(request, visit, fault)
        return console.go(request, HERE, f"{address} is a sender.")

    @app.route(f"{HERE}/<string:act>", methods=["POST"])
    async def console_sender_act(request: Request, act: str) -> bytes:
        visit = await console.visit(request)
        owner, address = owners.owned(visit, request), query.text(request, "address")
        if act == "confirm" and visit.caller.administrator:
            await senders.confirm(visit.installation, owner, address)
            return console.go(request, HERE, f"{address} is confirmed.")
        if act == "remove":
            await domains.remove_sender(visit.installation, owner, address)
            return console.go(request, HERE, f"{address} is removed.")
        raise Unknown("act", act)

    async def shown(request: Request, visit: Visit, fault: Invalid | Unknown | None = None) -> bytes:
        found = await domains.senders(visit.installation, visit.caller.bound)
        accounts = None if visit.caller.bound else await owners.named(visit)
        listed = domain_view.senders(visit, found, accounts=accounts) if found else (look.nothing(_EMPTY),)
        tabs = look.tabs("Domains and senders", TABS, HERE)
        body = (tabs, *listed, tag("h2", "Add a sender", id="add"), await _form(request, visit, fault))
        return console.page(request, visit, "Domains and senders", *body, here=DOMAINS)


async def _form(request: Request, visit: Visit, fault: Invalid | Unknown | None) -> Markup:
    wrong = faults.words(fault) if fault is not None else ""
    hows = [("add", "It is on a domain of the account"), ("letter", "Send it a letter with a link that confirms it")]
    fields = [
        *await owners.field(visit, query.text(request, "account")),
        look.field("address", "Address", wrong, type="text", inputmode="email", autocomplete="off", required=True,
                   value=query.text(request, "address")),
        look.choice("how", "Why it may be used", hows, query.text(request, "how")),
        look.button("Add"),
    ]  # fmt: skip
    return look.form(HERE, visit.key, *fields, stacked=True)
