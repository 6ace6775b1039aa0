"""Pages about tokens: what programs use the API by. A token's secret is shown once, to whoever made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from klein import Klein
from twisted.web.server import Request

from ...interfaces.tokens import Token
from ...manage import tokens
from ...manage.errors import Invalid, Unknown
from ...manage.scopes import KINDS, SCOPES
from ...manage.tokens import Issued, Wanted
from .. import query
from ..markup import Markup, tag
from ..peer import is_secure
from . import faults, look, owners
from .frame import Console
from .visit import Visit

HERE = "/console/tokens"
_ABOVE = ((HERE, "API tokens"),)
_WHOLE = "the whole relay"


def add_routes(app: Klein, console: Console) -> None:
    """Serve the pages."""

    @app.route(HERE, methods=["GET"])
    async def console_tokens(request: Request) -> bytes:
        return await listed(request, await console.visit(request))

    async def listed(request: Request, visit: Visit, wrong: Mapping[str, str] | None = None) -> bytes:
        found = await tokens.every(visit.installation, visit.caller.bound)
        makers = await tokens.makers(visit.installation)
        body = (
            tag("p", "A program opens the ", tag("a", "API", href="/api/v1/"), " by a token of its own."),
            _list(visit, found, await owners.named(visit), makers),
            tag("h2", "Make a token"),
            await _form(request, visit, wrong or {}),
        )
        return console.page(request, visit, "API tokens", *body, here=HERE)

    @app.route(HERE, methods=["POST"])
    async def console_make_token(request: Request) -> bytes:
        visit = await console.visit(request)
        try:
            made = await tokens.create(visit.installation, _wanted(visit, request))
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return await listed(request, visit, faults.beside(fault, {"token": "name", "ip-list": "networks"}))
        request.setHeader(b"Cache-Control", b"no-store")
        return console.page(request, visit, made.token.name, *_made(request, made), here=HERE, above=_ABOVE)

    @app.route(f"{HERE}/<string:id>/revoke", methods=["POST"])
    async def console_revoke_token(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        gone = await tokens.revoke(visit.installation, id, visit.caller.bound)
        return console.go(request, HERE, f"{gone.name} opens nothing any more.")


def _wanted(visit: Visit, request: Request) -> Wanted:
    days = query.text(request, "days").strip() or "0"
    if not (days.isascii() and days.isdigit() and len(days) < 6):
        raise Invalid("days", "must be a whole number")
    return Wanted(
        query.text(request, "name"),
        owners.owned(visit, request),
        query.words(request, "scopes"),
        query.text(request, "networks").split(),
        int(days),
    )


def _list(visit: Visit, found: Sequence[Token], accounts: Mapping[str, str], makers: Mapping[str, str]) -> Markup:
    if not found:
        return look.nothing("There is no token yet. Make one below, and give it to the program.")
    whose = not visit.caller.bound
    rows = [
        (
            each.name,
            *((accounts.get(each.account, _WHOLE),) if whose else ()),
            tag("code", f"{each.begin}…"),
            tag("details", tag("summary", f"{len(each.scopes)} of {len(SCOPES)}"), ", ".join(each.scopes))
            if each.scopes
            else "everything",
            ", ".join(each.networks) or "anywhere",
            makers.get(each.maker, "the command line"),
            look.when(each.expires_at, visit.now, visit.zone) if each.expires_at else "never",
            look.when(each.used_at, visit.now, visit.zone) if each.used_at else "never",
            look.confirm(
                "Revoke …",
                f"The next request with {each.name} is refused.",
                look.form(f"{HERE}/{each.id}/revoke", visit.key, look.button("Revoke", "danger")),
            ),
        )
        for each in found
    ]
    whom = ("Account",) if whose else ()
    heads = ("Name", *whom, "Begins with", "May", "From", "Made by", "Ends", "Used about", "Change")
    return look.table("Tokens", heads, rows)


async def _form(request: Request, visit: Visit, wrong: Mapping[str, str]) -> Markup:
    if not visit.caller.sees_secrets:
        return look.nothing("Who acts for an account makes no token of it, for its secret would be shown.")
    sent, given = request.method == b"POST", query.words(request, "scopes")
    pairs = [f"{kind}:{what}" for kind in KINDS for what in ("read", "write")]
    told = (*pairs, *(each for each in SCOPES if each not in pairs))
    ticks = [tag("div", look.tick("scopes", each, each in given, each)) for each in told]
    fields = [
        *await owners.field(visit, owners.owned(visit, request), "The whole relay"),
        look.field("name", "Name", wrong.get("name", ""), "Which program it is for.",
                   value=query.text(request, "name") if sent else "", required=True, autocomplete="off"),
        look.field("days", "Ends after so many days", wrong.get("days", ""), "Empty: it has no end.",
                   value=query.text(request, "days") if sent else "", inputmode="numeric", autocomplete="off"),
        look.area("networks", "Only from these networks", query.text(request, "networks"), wrong.get("networks", ""),
                  "Addresses or networks such as 192.0.2.0/24, one in each line. Empty: from anywhere.", rows=2,
                  spellcheck="false"),
        tag("fieldset", tag("legend", "What it may do"),
            tag("p", "None ticked means everything. What may write may read, too.", class_="hint"),
            tag("div", *ticks, class_="ticks"), class_="events"),
        look.button("Make"),
    ]  # fmt: skip
    return look.form(HERE, visit.key, *fields, stacked=True)


def _made(request: Request, made: Issued) -> list[Markup]:
    host = (request.getHeader(b"Host") or b"localhost").decode("latin-1")
    scheme = "https" if is_secure(request) else "http"
    example = f"curl -H 'Authorization: Bearer {made.secret}' {scheme}://{host}/api/v1/connections"
    words = "This is the token. It is not shown again: copy it now, to where the program reads its secrets."
    return [
        tag("div", tag("p", words), look.copied(made.secret), class_="note"),
        tag("p", "To try it:"),
        look.snippet(example),
        tag("p", tag("a", "To the tokens", href=HERE, class_="button quiet")),
    ]
