"""Pages about what an account may send: both pots, a quote and an order, orders to decide, and the ledger."""

from __future__ import annotations

from urllib.parse import urlencode

from klein import Klein
from twisted.web.server import Request

from ...interfaces.books import OF_RECIPIENTS
from ...interfaces.orders import MONTHLY, PREPAID, REQUESTED, STATUSES, Order
from ...manage import accounts, checked, entries, orders, plans, prices, spans
from ...manage.errors import Invalid, Unknown
from ...manage.installation import Installation
from .. import query
from ..markup import Markup, join, tag
from ..problem import Problem
from . import balance_view as view
from . import faults, look, owners
from .frame import Console
from .visit import Visit

HERE = "/console/balance"
ORDERS, LEDGER, PRICES = f"{HERE}/orders", f"{HERE}/ledger", f"{HERE}/prices"
SHOWN = 25
_KINDS = ((PREPAID, "Sends that stay"), (MONTHLY, "A plan: so many each month"))
_STATUS = (("", "All"), *((each, each.capitalize()) for each in STATUSES))
_ASKED = ("sends", "kind", "prices")


def add_routes(app: Klein, console: Console) -> None:
    """Serve the pages."""

    @app.route(HERE, methods=["GET"])
    async def console_balance(request: Request) -> bytes:
        return await shown(request, await console.visit(request))

    async def shown(request: Request, visit: Visit, fault: Invalid | Unknown | None = None) -> bytes:
        owner = await _owner(visit, request)
        if not owner:
            return console.page(request, visit, "Plans and balance", _no_account(), here=HERE)
        body = await _balance(visit, request, owner, fault)
        return console.page(request, visit, "Plans and balance", *body, here=HERE)

    @app.route(f"{HERE}/<string:act>", methods=["POST"])
    async def console_balance_act(request: Request, act: str) -> bytes:
        visit = await console.visit(request)
        owner = await _owner(visit, request)
        try:
            said = await _act(visit.installation, request, owner, act)
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return await shown(request, visit, fault)
        return console.go(request, _path(visit, HERE, owner), said)

    @app.route(ORDERS, methods=["GET"])
    async def console_orders(request: Request) -> bytes:
        visit = await console.visit(request)
        body = await _orders(visit, request)
        return console.page(request, visit, "Orders", *body, here=HERE, above=[(HERE, "Plans and balance")])

    async def order(request: Request, visit: Visit, found: Order, fault: Invalid | None = None) -> bytes:
        body = await _order(visit, found, fault)
        above = [(HERE, "Plans and balance"), (ORDERS, "Orders")]
        return console.page(request, visit, f"Order of {view.number(found.sends)} sends", *body, here=HERE, above=above)

    @app.route(f"{ORDERS}/<string:id>", methods=["GET"])
    async def console_order(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        return await order(request, visit, await orders.find(visit.installation, id))

    @app.route(f"{ORDERS}/<string:id>/<string:act>", methods=["POST"])
    async def console_order_act(request: Request, id: str, act: str) -> bytes:
        visit = await console.visit(request)
        decide = {"grant": orders.grant, "refuse": orders.refuse, "withdraw": orders.withdraw}.get(act)
        if decide is None:
            raise Problem(404)
        try:
            decided = await decide(visit.installation, id, query.text(request, "note"))
        except Invalid as fault:
            request.setResponseCode(400)
            return await order(request, visit, await orders.find(visit.installation, id), fault)
        booked = " Its sends are booked." if act == "grant" else ""
        return console.go(request, f"{ORDERS}/{decided.id}", f"The order is {decided.status}.{booked}")

    @app.route(LEDGER, methods=["GET"])
    async def console_ledger(request: Request) -> bytes:
        visit = await console.visit(request)
        owner = await _owner(visit, request)
        body = await _ledger(visit, request, owner) if owner else [_no_account()]
        return console.page(request, visit, "Ledger", *body, here=HERE, above=[(HERE, "Plans and balance")])


async def _owner(visit: Visit, request: Request) -> str:
    """The id of the account that a page is about; the first there is, where none was chosen; "" for none at all."""
    chosen = owners.owned(visit, request)
    if chosen:
        return (await accounts.find(visit.installation, chosen)).id
    return next((each.id for each in await accounts.every(visit.installation)), "")


def _path(visit: Visit, path: str, owner: str, **more: str) -> str:
    asked = ({} if visit.caller.bound else {"account": owner}) | {name: value for name, value in more.items() if value}
    return f"{path}?{urlencode(asked)}" if asked else path


def _no_account() -> Markup:
    words = "There is no account yet, so nothing can be sent."
    return look.nothing(words, tag("a", "Make an account", href="/console/accounts", class_="button"))


async def _act(place: Installation, request: Request, owner: str, act: str) -> str:
    note = query.text(request, "note").strip()
    if act == "order":
        asked = [query.text(request, name).strip() for name in _ASKED]
        made = await orders.request(place, owner, checked.whole("sends", asked[0]), asked[1], asked[2], note)
        return f"{view.number(made.sends)} sends are requested. An administrator grants them."
    sends = checked.whole("sends", query.text(request, "sends").strip())
    if act == "topup":
        await accounts.top_up(place, owner, sends, note)
        return f"{view.number(sends)} prepaid sends are added."
    if act == "plan":
        await plans.give(place, owner, sends)
        return f"{view.number(sends)} sends are given each month." if sends else "The plan ends with the month."
    raise Problem(404)


def _tabs(visit: Visit, owner: str, here: str) -> Markup:
    pages = ((HERE, "Balance"), (ORDERS, "Orders"), (LEDGER, "Ledger"), (PRICES, "Prices"))
    paths = {path: _path(visit, path, owner) for path, _ in pages}
    return look.tabs("Plans and balance", [(paths[path], name) for path, name in pages], paths[here])


async def _chooser(visit: Visit, path: str, owner: str, *fields: str) -> list[Markup]:
    made = [*await owners.field(visit, owner), *fields]
    return [look.filters(path, *made)] if made else []


async def _balance(visit: Visit, request: Request, owner: str, fault: Invalid | Unknown | None) -> list[Markup]:
    place = visit.installation
    found = await plans.show(place, owner)
    latest = await orders.page(place, owner, limit=5)
    parts = [_tabs(visit, owner, HERE), *await _chooser(visit, HERE, owner), view.pots(visit, found)]
    if latest:
        parts += [tag("h2", "Latest orders"), view.order_list(visit, latest, ORDERS, {}, "The latest orders")]
    parts += [tag("h2", "Order sends"), *await _ordering(visit, request, owner, fault)]
    if visit.caller.administrator:
        parts += [tag("h2", "By hand"), _by_hand(visit, owner, fault, request)]
    return parts


async def _ordering(visit: Visit, request: Request, owner: str, fault: Invalid | Unknown | None) -> list[Markup]:
    """Ask what so many cost; with an answer, order."""
    place = visit.installation
    sends, kind, name = (query.text(request, each).strip() for each in _ASKED)
    kind = kind or PREPAID
    ordering = request.path.decode("latin-1") in (HERE, f"{HERE}/order")
    wrong = faults.beside(fault, {"sends": "sends", "note": "note"}, "sends") if ordering else {}
    tables = await prices.of_account(place, await accounts.find(place, owner))
    offer: list[Markup] = []
    if sends and ordering and not wrong.get("sends"):
        try:
            wanted = checked.whole("sends", sends)
            offer = view.quoted(
                await prices.quote(place, owner, wanted, kind or PREPAID, name), wanted, kind or PREPAID
            )
        except (Invalid, Unknown) as found:
            wrong = faults.beside(found, {}, "sends")
            request.setResponseCode(400)
    named = [("", "The usual"), *((each.name, f"{each.name} ({each.currency})") for each in tables)]
    several = max((sum(each.kind == one for each in tables) for one, _ in _KINDS), default=0) > 1
    fields = [
        look.field("sends", "Sends", wrong.get("sends", ""), value=sends if ordering else "", inputmode="numeric",
                   required=True, size="12"),
        look.choice("kind", "What", _KINDS, kind),
        *((look.choice("prices", "Price table", named, name),) if several else ()),
    ]  # fmt: skip
    if not visit.caller.bound:
        fields.append(tag("input", type="hidden", name="account", value=owner))
    ask = tag("form", *fields, look.button("Show the price", "quiet"), method="get", action=HERE, class_="filters")
    parts = [ask]
    if offer:
        kept = {"sends": sends, "kind": kind, "prices": name, "account": owner}
        hidden = [tag("input", type="hidden", name=each, value=value) for each, value in kept.items()]
        note = look.field("note", "Note", wrong.get("note", ""), "For whoever grants it, such as a number of yours.")
        form = look.form(f"{HERE}/order", visit.key, *hidden, note, look.button("Order"), stacked=True)
        parts.append(tag("div", *offer, form, class_="offer"))
    parts += [view.steps(each) for each in tables]
    return parts


def _by_hand(visit: Visit, owner: str, fault: Invalid | Unknown | None, request: Request) -> Markup:
    """What administrators do without an order."""
    act = request.path.decode("latin-1").rpartition("/")[2]
    wrong = faults.beside(fault, {"note": "note"}, "sends")
    hidden = tag("input", type="hidden", name="account", value=owner)

    def form(name: str, label: str, hint: str, text: str, *more: str) -> Markup:
        about = wrong.get("sends", "") if act == name else ""
        field = look.field("sends", label, about, hint, inputmode="numeric", required=True, id=f"{name}-sends")
        return look.form(f"{HERE}/{name}", visit.key, hidden, field, *more, look.button(text, "quiet"), stacked=True)

    note = look.field("note", "Note", wrong.get("note", "") if act == "topup" else "", id="topup-note")
    return tag(
        "div",
        look.confirm("Add prepaid sends…", "They stay until they are used.",
                     form("topup", "Sends to add", "", "Add", note), open=act == "topup"),
        look.confirm("Set the plan…", "At once, where there is none; else from the next month on.",
                     form("plan", "Sends each month", "0 ends the plan with the month.", "Set the plan"),
                     open=act == "plan"),
        class_="buttons",
    )  # fmt: skip


async def _orders(visit: Visit, request: Request) -> list[Markup]:
    place = visit.installation
    chosen, status = owners.owned(visit, request), query.text(request, "status")
    owner = (await accounts.find(place, chosen)).id if chosen else ""
    found = await orders.page(place, owner, status, query.text(request, "before"), SHOWN)
    named = await owners.named(visit)
    fields = [*await owners.field(visit, owner, "All"), look.choice("status", "Status", _STATUS, status)]
    parts = [_tabs(visit, owner, ORDERS), look.filters(ORDERS, *fields)]
    if not found:
        order = tag("a", "Order sends", href=_path(visit, HERE, owner), class_="button")
        return [*parts, look.nothing("No orders here. Whoever needs more sends asks for them.", order)]
    parts.append(view.order_list(visit, found, ORDERS, {} if visit.caller.bound else named))
    if len(found) == SHOWN:
        parts.append(look.older(_path(visit, ORDERS, owner, status=status, before=found[-1].id)))
    return parts


async def _order(visit: Visit, found: Order, fault: Invalid | None) -> list[Markup]:
    named = await owners.named(visit)
    parts = [view.order_facts(visit, found, named.get(found.account, found.account))]
    if fault is not None and fault.field != "note":
        parts.append(look.notice(str(fault), "fault"))
    if found.status != REQUESTED:
        return parts
    wrong = fault.reason if fault is not None and fault.field == "note" else ""

    def form(act: str, text: str, hint: str, style: str) -> Markup:
        note = look.field("note", "Note", wrong, hint, id=f"{act}-note")
        return look.form(f"{ORDERS}/{found.id}/{act}", visit.key, note, look.button(text, style), stacked=True)

    if visit.caller.administrator:
        parts += [
            tag("h2", "Decide"),
            form("grant", "Grant", "Kept with the ledger's entry, such as the invoice's number.", ""),
            look.confirm(
                "Refuse…", "Nothing is booked.", form("refuse", "Refuse", "Why; the account reads it.", "danger")
            ),
        ]
    take_back = form("withdraw", "Withdraw", "", "danger")
    parts.append(look.confirm("Withdraw…", "The request is taken back; nothing is booked.", take_back))
    return parts


async def _ledger(visit: Visit, request: Request, owner: str) -> list[Markup]:
    given = {name: query.text(request, name).strip() for name in ("kind", "since", "until")}
    sends, before = query.text(request, "sends") == "true", query.text(request, "before")
    wrong: dict[str, str] = {}
    page = entries.Page((), "")
    try:
        since, until = (
            spans.instant(name, given[name], visit.zone) if given[name] else 0 for name in ("since", "until")
        )
        page = await entries.page(visit.installation, owner, given["kind"], sends, since, until, before, SHOWN)
    except Invalid as fault:
        request.setResponseCode(400)
        wrong = faults.beside(fault, {"since": "since", "until": "until"}, "kind")
    kinds = [("", "All movements"), *((kind, text) for kind, text in view.KINDS.items() if kind not in OF_RECIPIENTS)]
    kinds += [(kind, f"{view.KINDS[kind]} (each recipient)") for kind in OF_RECIPIENTS]
    fields = [
        look.choice("kind", "What", kinds, given["kind"], wrong.get("kind", "")),
        look.field("since", "From", wrong.get("since", ""), value=given["since"], placeholder="2026-03-01"),
        look.field(
            "until", "Before", wrong.get("until", ""), value=given["until"], placeholder="2026-04-01", size="12"
        ),
    ]
    parts = [_tabs(visit, owner, LEDGER), *await _chooser(visit, LEDGER, owner, *fields)]
    if not page.entries:
        return [*parts, look.nothing("Nothing moved the balance then.")]
    name = (await accounts.find(visit.installation, owner)).name
    parts.append(view.ledger(visit, page.entries, f"What moved the balance of {name}, the newest first"))
    if page.before:
        parts.append(look.older(_path(visit, LEDGER, owner, **given, before=page.before)))
    return [join(*parts)]
