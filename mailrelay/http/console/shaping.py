"""The page of shaping: the rule for each large receiver, and which one holds for an address."""

from __future__ import annotations

from collections.abc import Sequence

from klein import Klein
from twisted.web.server import Request

from ...manage import shaping
from ...manage.errors import Invalid, Unknown
from ...policy.shaping import Rule
from .. import query
from ..markup import Markup, join, tag
from . import faults, look
from .frame import Console

HERE = "/console/shaping"


def add_routes(app: Klein, console: Console) -> None:
    """Serve the page."""

    @app.route(HERE, methods=["GET"])
    async def console_shaping(request: Request) -> bytes:
        visit = await console.visit(request)
        asked = query.text(request, "receiver").strip()
        wrong, found = "", Markup("")
        if asked:
            try:
                held = await shaping.find(visit.installation, asked)
                found = _held(asked, held)
            except (Invalid, Unknown) as fault:
                request.setResponseCode(400)
                wrong = faults.words(fault)
        field = look.field("receiver", "Provider, mail host, domain or address", wrong, value=asked, type="search")
        words = (
            "How much a large receiver is sent at once, and what its refusals lead to. The rules stand in files, which "
            "are read when the relay starts."
        )
        body = (look.filters(HERE, field), found, tag("p", words), _rules(await shaping.every(visit.installation)))
        return console.page(request, visit, "Shaping", *body, here=HERE)


def _held(asked: str, held: shaping.Held) -> Markup:
    by = (f", since its mail goes to {held.host}") if held.host else ""
    return look.notice(f"For {asked} the rule {held.rule.name!r} holds{by}.", "said")


def _rules(rules: Sequence[Rule]) -> Markup:
    rows = [
        (
            join(tag("b", each.name), tag("p", each.about, class_="hint") if each.about else ""),
            ", ".join(each.mx) or "all others",
            tag("details", tag("summary", f"{len(each.replies)} kinds"), _reactions(each)) if each.replies else "none",
            str(each.rate or "no bound"),
            f"{each.connections}, from {min(each.start, each.connections)}",
            str(each.messages),
        )
        for each in rules
    ]
    heads = ("Rule", "Hosts that end with", "Refusals", "Rate", "Connections", "Mails for each")
    return look.table("Rules", heads, rows, 2)


def _reactions(rule: Rule) -> Markup:
    told = [" ".join((*map(str, each.codes), repr(each.text) if each.text else "")).strip() for each in rule.replies]
    return tag("ul", *(tag("li", f"{what or 'any'}: {each}") for what, each in zip(told, rule.replies, strict=True)))
