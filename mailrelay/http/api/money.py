"""Money: prices by volume, orders, and the balance with its ledger. Amounts are decimal numbers in texts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ...manage import entries, orders, plain, plain_money, plans, prices
from ...policy.price import MOST_SENDS, MOST_STEPS
from .. import query
from ..members import Flag, Id, Instant, Members, Name, Owned, Whole
from ..operation import Asked, Nothing, Operation, operation
from .owners import owners

TAG = "money"
READ, WRITE = "plans:read", "plans:write"
Plain = plain.Plain

Kind = Annotated[Literal["prepaid", "monthly"], Field(description="sends that stay, or a plan of so many each month")]
Status = Literal["requested", "granted", "refused", "withdrawn"]
Amount = Annotated[str, Field(max_length=20, description="a decimal number, empty without price", examples=["12.50"])]
Currency = Annotated[str, Field(max_length=3, description="ISO 4217, empty without price", examples=["EUR"])]
Number = Annotated[int, Field(ge=1, le=MOST_SENDS, examples=[10_000])]
Note = Annotated[str, Field(max_length=orders.MAX_NOTE, examples=["invoice 17"])]
Limit = Annotated[Whole, Field(ge=1, le=orders.MOST)]
Account = Annotated[str, Field(description="the account's name", examples=["shop"])]


class PriceStep(Members):
    """From so many sends on, a thousand cost this."""

    from_: Annotated[int, Field(alias="from", ge=1, le=MOST_SENDS, examples=[1000])]
    per_thousand: Annotated[str, Field(min_length=1, max_length=20, examples=["2.00"])]


class NewPrices(Members):
    """What sends of a kind cost."""

    kind: Kind = "prepaid"
    account: Annotated[Name, Field(description="for this one alone; empty: for everybody")] = ""
    currency: Annotated[str, Field(min_length=3, max_length=3, examples=["EUR"])]
    steps: Annotated[list[PriceStep], Field(min_length=1, max_length=MOST_STEPS)]


class Prices(Members):
    """A price table; for everybody where `account` is empty."""

    name: Annotated[str, Field(examples=["usual"])]
    kind: Kind
    account: str
    currency: Currency
    steps: list[PriceStep]
    changed_at: Instant


class Cost(Members):
    """So many sends and what they cost."""

    sends: int
    currency: Currency
    per_thousand: Amount
    total: Amount


class Quote(Cost):
    """What so many sends cost by the table `prices`; `cheaper` is how at least as many cost less."""

    kind: Kind
    prices: str
    cheaper: Cost | None


class NewOrder(Owned):
    """Sends that are asked for."""

    sends: Number
    kind: Kind = "prepaid"
    prices: Annotated[Name, Field(description="the price table, where there are several")] = ""
    note: Note = ""


class Order(Cost):
    """An order. Its price is that of when it was requested."""

    id: Id
    account: Account
    kind: Kind
    status: Status
    prices: str
    note: str
    requested_by: str
    requested_at: Instant
    answer: Annotated[str, Field(description="the note of who decided")]
    decided_by: str
    decided_at: Instant


class Decided(Members):
    """A note, kept with the order and with the ledger's entry."""

    note: Note = ""


class Pots(Members):
    """What an account may send: prepaid sends, and this month's, which are used first and lapse at `month_ends`."""

    id: Id
    name: str
    account: Account
    balance: int
    reserved: int
    available: int
    monthly: Annotated[int, Field(description="sends that the plan gives each month from the next on")]
    monthly_left: int
    month: Annotated[str, Field(description="the month that runs, empty without a plan", examples=["2026-01"])]
    month_ends: Instant
    prepaid: int
    used_first: Kind
    zone: str
    weight: int
    created_at: Instant


class Entry(Members):
    """One movement of a balance. `subject` is the order or the recipient that it is about, or its own id."""

    at: Instant
    kind: Annotated[str, Field(examples=["topup"])]
    amount: int
    note: str
    subject: str
    mark: Annotated[str, Field(description="what `before` takes")]


class Page(Members):
    """Entries, the newest first, and the mark before which the next page begins, empty for none."""

    entries: list[Entry]
    before: str


class WhichPrices(Owned):
    """A number of sends to be priced."""

    sends: Annotated[Whole, Field(ge=1, le=MOST_SENDS)]
    kind: Kind = "prepaid"
    prices: Name = ""


class WhichOrders(Owned):
    """Orders to be listed, older than the id `before`."""

    status: Annotated[Literal["", "requested", "granted", "refused", "withdrawn"], Field()] = ""
    before: Name = ""
    limit: Limit = 50


class WhichEntries(Owned):
    """Entries to be listed. With `sends` they are those of single recipients, else all others."""

    kind: Annotated[str, Field(max_length=20)] = ""
    sends: Flag = False
    since: Annotated[str, Field(max_length=50, description="an instant; it counts")] = ""
    until: Annotated[str, Field(max_length=50, description="an instant; it does not count")] = ""
    before: Annotated[str, Field(max_length=100)] = ""
    limit: Limit = 50


@operation("GET", "/prices", TAG, READ, list[Prices])
async def price_list(asked: Asked[Nothing, None]) -> list[Plain]:
    """The price tables, for everybody and for accounts."""
    named = await owners(asked.installation)
    return [plain_money.price_table(each, named) for each in await prices.every(asked.installation)]


@operation("PUT", "/prices/{name}", TAG, WRITE, Prices, body=NewPrices, administrator=True)
async def price_set(asked: Asked[Nothing, NewPrices]) -> Plain:
    """Say what sends cost.

    A purchase stands at one price as a whole, that of the last step which it reaches. Orders keep the price that they
    were told.
    """
    body = asked.body
    steps = [(each.from_, each.per_thousand) for each in body.steps]
    made = await prices.put(asked.installation, asked.path["name"], body.currency, steps, body.kind, body.account)
    return plain_money.price_table(made, await owners(asked.installation))


@operation("DELETE", "/prices/{name}", TAG, WRITE, None, 204, administrator=True)
async def price_remove(asked: Asked[Nothing, None]) -> None:
    """Forget a price table."""
    await prices.remove(asked.installation, asked.path["name"])


@operation("GET", "/quote", TAG, READ, Quote, query=WhichPrices)
async def quote(asked: Asked[WhichPrices, None]) -> Plain:
    """What so many sends cost an account, and whether more cost less."""
    which = asked.query
    found = await prices.quote(asked.installation, which.account, which.sends, which.kind, which.prices)
    return plain_money.quote(found, which.sends, which.kind)


@operation("GET", "/orders", TAG, READ, list[Order], query=WhichOrders)
async def order_list(asked: Asked[WhichOrders, None]) -> list[Plain]:
    """Orders, the newest first."""
    which, named = asked.query, await owners(asked.installation)
    found = await orders.page(asked.installation, which.account, which.status, which.before, which.limit)
    return [plain_money.order(each, named) for each in found]


@operation("POST", "/orders", TAG, WRITE, Order, 201, body=NewOrder)
async def order_request(asked: Asked[Nothing, NewOrder]) -> Plain:
    """Ask for sends, or for a plan.

    The price is computed now and stays. An administrator grants or refuses.
    """
    body = asked.body
    made = await orders.request(asked.installation, body.account, body.sends, body.kind, body.prices, body.note)
    return plain_money.order(made, await owners(asked.installation))


@operation("GET", "/orders/{id}", TAG, READ, Order)
async def order_show(asked: Asked[Nothing, None]) -> Plain:
    """One order."""
    found = await orders.find(asked.installation, asked.path["id"])
    return plain_money.order(found, await owners(asked.installation))


@operation("POST", "/orders/{id}/grant", TAG, WRITE, Order, body=Decided, administrator=True)
async def order_grant(asked: Asked[Nothing, Decided]) -> Plain:
    """Grant an order, once however often this is asked.

    Its sends are booked in the same transaction; those of a plan at once where there is none, else from the next month
    on.
    """
    found = await orders.grant(asked.installation, asked.path["id"], asked.body.note)
    return plain_money.order(found, await owners(asked.installation))


@operation("POST", "/orders/{id}/refuse", TAG, WRITE, Order, body=Decided, administrator=True)
async def order_refuse(asked: Asked[Nothing, Decided]) -> Plain:
    """Refuse an order; the note says why."""
    found = await orders.refuse(asked.installation, asked.path["id"], asked.body.note)
    return plain_money.order(found, await owners(asked.installation))


@operation("POST", "/orders/{id}/withdraw", TAG, WRITE, Order, body=Decided)
async def order_withdraw(asked: Asked[Nothing, Decided]) -> Plain:
    """Take an order back that is not decided yet."""
    found = await orders.withdraw(asked.installation, asked.path["id"], asked.body.note)
    return plain_money.order(found, await owners(asked.installation))


@operation("GET", "/balance", TAG, READ, Pots, query=Owned)
async def balance_show(asked: Asked[Owned, None]) -> Plain:
    """What an account may send: both pots."""
    return plain_money.balance(await plans.show(asked.installation, asked.query.account))


@operation("GET", "/balance/entries", TAG, READ, Page, query=WhichEntries)
async def balance_entries(asked: Asked[WhichEntries, None]) -> Plain:
    """What moved the balance of an account, the newest first."""
    which = asked.query
    since, until = (
        query.instant(name, text) if text else 0 for name, text in (("since", which.since), ("until", which.until))
    )
    found = await entries.page(
        asked.installation, which.account, which.kind, which.sends, since, until, which.before, which.limit
    )
    return plain_money.entries(found)


OPERATIONS: tuple[Operation, ...] = (
    price_list,
    price_set,
    price_remove,
    quote,
    order_list,
    order_request,
    order_show,
    order_grant,
    order_refuse,
    order_withdraw,
    balance_show,
    balance_entries,
)
