"""What the pages about money are made of: both pots as a picture, quotes, orders, entries. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...interfaces.books import Entry
from ...interfaces.orders import MONTHLY, REQUESTED, Order, PriceTable
from ...manage.plans import Pots
from ...manage.prices import Priced
from ...policy.price import written
from ..markup import Markup, join, tag
from . import look
from .visit import Visit

#: Kinds of entries in words.
KINDS = {
    "opening": "Opening balance",
    "topup": "Added",
    "set": "Set",
    "order": "Order granted",
    "monthly": "Month's sends",
    "lapsed": "Lapsed with the month",
    "carried": "Sends of forgotten history",
    "send": "Send",
    "refund": "Given back",
}
_ORDER = {
    "requested": ("Requested", "not-activated"),
    "granted": ("Granted", "active"),
    "refused": ("Refused", "blocked"),
    "withdrawn": ("Withdrawn", "withdrawn"),
}
_BOUGHT = {"prepaid": "prepaid", "monthly": "each month"}


def number(value: int) -> str:
    """A number of sends with thin blanks between its thousands."""
    return f"{value:,}".replace(",", "\u202f")


def money(amount: int, currency: str) -> str:
    """An amount with its currency, a dash where there is no price."""
    return f"{written(amount, currency)} {currency}" if currency else "–"


def pots(visit: Visit, value: Pots) -> Markup:
    """Both pots: what is left of the month beside what was given, and what is prepaid."""
    plan = value.plan
    given = plan.granted if plan else 0
    whole = max(given + value.prepaid, 1)
    parts = (("month", value.monthly_left), ("gone", given - value.monthly_left), ("prepaid", value.prepaid))
    left, shapes = 0.0, []
    for style, sends in parts:
        wide = sends / whole * 100
        if wide > 0:
            shapes.append(tag("rect", x=f"{left:.3f}", y="0", width=f"{wide:.3f}", height="10", class_=style))
        left += wide
    told = f"{number(value.monthly_left)} of the month's {number(given)} sends left, {number(value.prepaid)} prepaid"
    bar = tag("svg", *shapes, viewBox="0 0 100 10", preserveAspectRatio="none", role="img", aria_label=told,
              class_="pots", xmlns="http://www.w3.org/2000/svg")  # fmt: skip
    legend = [("prepaid", f"{number(value.prepaid)} prepaid")]
    if plan:
        legend = [("month", f"{number(value.monthly_left)} left of this month"),
                  ("gone", f"{number(given - value.monthly_left)} of it used"), *legend]  # fmt: skip
    marks = [tag("li", tag("i", class_=style), text) for style, text in legend]
    facts: list[tuple[str, str]] = [("May be sent now", tag("strong", number(value.account.available)))]
    if plan:
        facts.append(
            ("Each month", f"{number(plan.monthly)} sends" if plan.monthly else "the plan ends with the month")
        )
        facts.append(
            ("The month ends", join(look.when(value.ends_at, visit.now, visit.zone), ". What is left lapses."))
        )
        facts.append(("Used first", "the month's sends" if value.monthly_left else "prepaid ones"))
    if value.account.reserved:
        facts.append(("Reserved", f"{number(value.account.reserved)}, for mail that is under way"))
    return tag("section", bar, tag("ul", *marks, class_="legend"), look.facts(facts), class_="pot-card")


def steps(table: PriceTable) -> Markup:
    """The steps of a price table."""
    rows = [(number(each.at_least), money(each.per_thousand, table.currency)) for each in table.steps]
    kind = "a month of a plan" if table.kind == MONTHLY else "sends that stay"
    made = look.table(f"{table.name}: {kind}", ("From sends", "For a thousand"), rows, 2)
    return tag("div", made, class_="narrow")


def quoted(found: Priced | None, sends: int, kind: str) -> list[Markup]:
    """What so many sends cost, and what would be cheaper."""
    if found is None:
        return [tag("p", f"{number(sends)} sends, {_BOUGHT[kind]}. There is no price table for them.")]
    quote, currency = found.quote, found.table.currency
    month = " a month" if kind == MONTHLY else ""
    price = tag("strong", f"{money(quote.total, currency)}{month}")
    said = [tag("p", f"{number(sends)} sends cost ", price, f", {money(quote.per_thousand, currency)} a thousand.",
                class_="quote")]  # fmt: skip
    if found.cheaper is not None:
        more = found.cheaper
        text = f"{number(more.sends)} sends would cost less: {money(more.total, currency)}{month}."
        said.append(look.notice(text))
    return said


def order_status(order: Order) -> Markup:
    """Where an order stands."""
    word, style = _ORDER[order.status]
    return tag("span", word, class_=f"status {style}")


def order_list(
    visit: Visit, found: Sequence[Order], here: str, owners: Mapping[str, str], caption: str = "Orders"
) -> Markup:
    """Orders, the newest first; `owners` has names of accounts by id, where they are to be shown."""
    rows = [
        (
            tag("a", f"{number(each.sends)} {_BOUGHT[each.kind]}", href=f"{here}/{each.id}"),
            *((owners.get(each.account, each.account),) if owners else ()),
            order_status(each),
            look.when(each.requested_at, visit.now, visit.zone),
            each.requested_by,
            money(each.total, each.currency),
        )
        for each in found
    ]
    heads = ("Sends", *(("Account",) if owners else ()), "Status", "Requested", "By", "Price")
    return look.table(caption, heads, rows, 1)


def order_facts(visit: Visit, order: Order, owner: str) -> Markup:
    """All of one order."""
    pairs: list[tuple[str, str]] = [
        ("Account", owner),
        ("Sends", f"{number(order.sends)}, {_BOUGHT[order.kind]}"),
        ("Status", order_status(order)),
        ("Price", f"{money(order.total, order.currency)}" + (f" (table {order.prices})" if order.prices else "")),
        ("Requested", join(look.when(order.requested_at, visit.now, visit.zone), f" by {order.requested_by}")),
    ]
    if order.note:
        pairs.append(("Note", order.note))
    if order.status != REQUESTED:
        pairs.append(("Decided", join(look.when(order.decided_at, visit.now, visit.zone), f" by {order.decided_by}")))
    if order.answer:
        pairs.append(("Answer", order.answer))
    return look.facts(pairs)


def ledger(visit: Visit, found: Sequence[Entry], caption: str) -> Markup:
    """Entries, the newest first."""
    rows = [
        (
            look.when(each.at, visit.now, visit.zone),
            KINDS.get(each.kind, each.kind),
            tag("bdi", _note(each)) if each.note else "",
            tag("span", f"{'+' if each.amount > 0 else '−'}{number(abs(each.amount))}",
                class_="gained" if each.amount > 0 else "spent"),
        )
        for each in found
    ]  # fmt: skip
    return look.table(caption, ("When", "What", "Note", "Sends"), rows, 1)


def _note(entry: Entry) -> str:
    """The note; of a month's sends it is the month."""
    month = entry.kind in ("monthly", "lapsed") and len(entry.note) == 6
    return f"{entry.note[:4]}-{entry.note[4:]}" if month else entry.note
