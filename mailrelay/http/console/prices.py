"""The page about what sends cost: the tables, and for administrators setting and removing them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from klein import Klein
from twisted.web.server import Request

from ...interfaces.orders import MONTHLY, PREPAID, PriceTable
from ...manage import prices
from ...manage.errors import Invalid, Unknown
from ...policy.price import written
from .. import query
from ..markup import Markup, tag
from . import balance, balance_view, faults, look, owners
from .frame import Console
from .visit import Visit

HERE = balance.PRICES
_FIELDS = ("name", "currency", "kind", "account", "steps")
_ABOVE = [(balance.HERE, "Plans and balance")]
_KINDS = ((PREPAID, "Sends that stay"), (MONTHLY, "A month of a plan"))
_HINT = "A line for each: from how many sends on, and what a thousand cost then, such as 10000 1.50."


def add_routes(app: Klein, console: Console) -> None:
    """Serve the page."""

    async def shown(
        request: Request, visit: Visit, given: Mapping[str, str], fault: Invalid | Unknown | None = None
    ) -> bytes:
        body = await _page(visit, given, fault)
        return console.page(request, visit, "Prices", *body, here=balance.HERE, above=_ABOVE)

    @app.route(HERE, methods=["GET"])
    async def console_prices(request: Request) -> bytes:
        visit = await console.visit(request)
        edited = query.text(request, "edit")
        return await shown(request, visit, _again(await prices.find(visit.installation, edited)) if edited else {})

    @app.route(HERE, methods=["POST"])
    async def console_set_prices(request: Request) -> bytes:
        visit = await console.visit(request)
        given = {name: query.text(request, name).strip() for name in _FIELDS}
        try:
            if query.text(request, "remove"):
                await prices.remove(visit.installation, given["name"])
                return console.go(request, HERE, f"The prices {given['name']} are forgotten. Orders keep theirs.")
            steps = list(_steps(query.text(request, "steps")))
            made = await prices.put(
                visit.installation, given["name"], given["currency"], steps, given["kind"], given["account"]
            )
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return await shown(request, visit, given, fault)
        return console.go(request, HERE, f"The prices {made.name} hold from now on.")


def _steps(text: str) -> Iterator[tuple[int, str]]:
    """Pairs of sends and price, one a line."""
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or not (words[0].isascii() and words[0].isdigit() and len(words[0]) < 16):
            raise Invalid("steps", f"{line.strip()[:40]!r} is no step; they are written like 10000 1.50")
        yield int(words[0]), words[1]


def _again(table: PriceTable) -> dict[str, str]:
    """A table as the form has it."""
    steps = "\n".join(f"{each.at_least} {written(each.per_thousand, table.currency)}" for each in table.steps)
    return {
        "name": table.name,
        "currency": table.currency,
        "kind": table.kind,
        "account": table.account,
        "steps": steps,
    }


async def _page(visit: Visit, given: Mapping[str, str], fault: Invalid | Unknown | None) -> list[Markup]:
    tables = await prices.every(visit.installation)
    may = visit.caller.administrator and not visit.caller.bound
    named = await owners.named(visit)
    parts: list[Markup] = []
    for each in tables:
        parts.append(balance_view.steps(each))
        if each.account:
            parts.append(tag("p", f"For {named.get(each.account, each.account)} alone."))
        if may:
            hidden = tag("input", type="hidden", name="name", value=each.name)
            remove = look.form(HERE, visit.key, hidden, look.answer("remove", "yes", "Remove", "danger"))
            asked = look.confirm("Remove…", "Orders keep the price that they were told.", remove)
            edit = tag("form", look.answer("edit", each.name, "Change", "quiet"), method="get", action=HERE)
            parts.append(tag("div", edit, asked, class_="buttons"))
    if not tables:
        parts.append(look.nothing("Nothing has a price yet: orders are granted without one."))
    if not may:
        return parts
    wrong = faults.beside(fault, {each: each for each in _FIELDS}, "name")
    shown = {name: given.get(name, "") for name in _FIELDS}
    everybody = [("", "Everybody"), *named.items()]
    fields = [
        look.field("name", "Name", wrong.get("name", ""), "A table of the same name is replaced.",
                   value=shown["name"], required=True),
        look.field("currency", "Currency", wrong.get("currency", ""), "Three letters, such as EUR.",
                   value=shown["currency"], required=True, size="4", maxlength="3"),
        look.choice("kind", "What it is a price of", _KINDS, shown["kind"], wrong.get("kind", "")),
        look.choice("account", "For", everybody, shown["account"], wrong.get("account", ""),
                    "An account's own table stands in the place of those for everybody."),
        look.area("steps", "Steps", shown["steps"], wrong.get("steps", ""), _HINT, 5, required=True),
    ]  # fmt: skip
    return [*parts, tag("h2", "Set prices"), look.form(HERE, visit.key, *fields, look.button("Set"), stacked=True)]
