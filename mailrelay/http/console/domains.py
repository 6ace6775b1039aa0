"""Pages about sending domains: the list, adding one, and one with its records, its keys and what the DNS says.

Looking at the DNS changes nothing, so that it is a link to the same page; everything else is a form.
"""

from __future__ import annotations

from collections.abc import Mapping

from klein import Klein
from twisted.web.server import Request

from ...interfaces.registry import Domain
from ...manage import domain_checks, domains
from ...manage.domain_checks import Checked
from ...manage.errors import Invalid, Unknown
from ...policy.domain_check import Relay
from .. import query
from ..markup import tag
from . import domain_view, faults, look, owners
from .frame import Console
from .visit import Visit

HERE = "/console/domains"
SENDERS = "/console/senders"
TABS = ((HERE, "Domains"), (SENDERS, "Senders"))
NOBODY = Relay("localhost", "bounces.localhost")

_EMPTY = "There is no domain yet. Add the domain that stands behind the @ of your senders, and publish its records."
_STEPS = {
    "made": "A new pair of keys is made and waits. Publish its records, and then put it to use.",
    "waiting": "The new pair still waits: its records are not in the DNS, or not everywhere yet.",
    "used": "Mail is signed by the new pair from now on. The old records may go in a week.",
}


def path_of(domain: Domain) -> str:
    """The page of a domain."""
    return f"{HERE}/{domain.account}/{domain.name}"


def add_routes(app: Klein, console: Console) -> None:
    """Serve the pages."""

    @app.route(HERE, methods=["GET"])
    async def console_domains(request: Request) -> bytes:
        visit = await console.visit(request)
        return await listed(request, visit)

    @app.route(HERE, methods=["POST"])
    async def console_domain_add(request: Request) -> bytes:
        visit = await console.visit(request)
        try:
            owner = owners.owned(visit, request)
            made = await domains.add(visit.installation, owner, query.text(request, "domain").strip())
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return await listed(request, visit, fault)
        return console.go(request, path_of(made), "The domain is added. Publish its records, and check them then.")

    async def listed(request: Request, visit: Visit, fault: Invalid | Unknown | None = None) -> bytes:
        found = await domains.every(visit.installation, visit.caller.bound)
        named = await owners.named(visit)
        heads = ("Domain", *(() if visit.caller.bound else ("Account",)), "State", "Added")
        rows = [
            (
                tag("a", each.name, href=path_of(each)),
                *(() if visit.caller.bound else (named.get(each.account, each.account),)),
                domain_view.state(each),
                look.when(each.created_at, visit.now, visit.zone),
            )
            for each in found
        ]
        shown = look.table("Sending domains", heads, rows) if rows else look.nothing(_EMPTY)
        wrong = faults.words(fault) if fault is not None else ""
        fields = [
            *await owners.field(visit, query.text(request, "account")),
            look.field("domain", "Add a domain", wrong, "What stands behind the @, such as shop.example.",
                       value=query.text(request, "domain"), required=True, autocomplete="off", spellcheck="false"),
            look.button("Add"),
        ]  # fmt: skip
        body = (look.tabs("Domains and senders", TABS, HERE), shown, look.form(HERE, visit.key, *fields, stacked=True))
        return console.page(request, visit, "Domains and senders", *body, here=HERE)

    @app.route(f"{HERE}/<string:owner>/<string:name>", methods=["GET"])
    async def console_domain(request: Request, owner: str, name: str) -> bytes:
        visit = await console.visit(request)
        checked = await look_up(visit, owner, name) if query.text(request, "check") else None
        return await shown(request, visit, owner, name, checked)

    @app.route(f"{HERE}/<string:owner>/<string:name>/<string:act>", methods=["POST"])
    async def console_domain_act(request: Request, owner: str, name: str, act: str) -> bytes:
        visit = await console.visit(request)
        path = f"{HERE}/{owner}/{name}"
        try:
            match act:
                case "verify":
                    return console.go(request, f"{path}?check=1", await verify(visit, owner, name))
                case "by-word" | "take-back" if visit.caller.administrator:
                    await domains.set_verified(visit.installation, owner, name, act == "by-word")
                    return console.go(request, path)
                case "rotate":
                    place = visit.installation
                    relay = place.relay or NOBODY
                    done = await domain_checks.rotate(place, place.resolver, relay, owner, name)
                    check = "?check=1" if done.step == "waiting" else ""
                    return console.go(request, path + check, _STEPS[done.step])
                case "remove":
                    await domains.remove(visit.installation, owner, name)
                    return console.go(request, HERE, f"{name} is removed.")
        except Invalid as fault:
            request.setResponseCode(400)
            return await shown(request, visit, owner, name, None, fault.reason)
        raise Unknown("act", act)

    async def shown(
        request: Request, visit: Visit, owner: str, name: str, checked: Checked | None, fault: str = ""
    ) -> bytes:
        found, keys = await domains.keys(visit.installation, owner, name)
        senders = [
            each for each in await domains.senders(visit.installation, owner) if each.key.endswith(f"@{found.name}")
        ]
        named: Mapping[str, str] = {} if visit.caller.bound else await owners.named(visit)
        seen = domain_view.Seen(found, keys, senders, named.get(owner, ""), checked)
        body = domain_view.body(visit, seen, path_of(found), fault)
        above = ((HERE, "Domains and senders"),)
        return console.page(request, visit, found.name, *body, here=HERE, above=above)


async def look_up(visit: Visit, owner: str, name: str) -> Checked | None:
    """What the DNS says about a domain, where there is any to ask."""
    place = visit.installation
    if place.resolver is None or place.relay is None:
        return None
    return await domain_checks.check(place, place.resolver, place.relay, owner, name)


async def verify(visit: Visit, owner: str, name: str) -> str:
    """Verify a domain by the DNS; gives what is to be said."""
    place = visit.installation
    if place.resolver is None or place.relay is None:
        raise Invalid("domain", "this installation asks no DNS: an administrator verifies domains by word")
    try:
        await domain_checks.verify(place, place.resolver, place.relay, owner, name)
    except Invalid:
        return "The domain cannot be verified yet: see below what is missing."
    return "The domain is verified, and may be sent from."
