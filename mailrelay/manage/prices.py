"""What sends cost: price tables by volume, and quotes.

A table is for everybody or for one account, whose own tables stand in the place of those for everybody. Without any
table orders have no price. Money is counted in minor units (`policy.price`), and told as decimal numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..interfaces.orders import MONTHLY, PREPAID, PriceTable
from ..interfaces.registry import Account
from ..policy import price
from ..policy.price import Quote, Step
from . import checked, names
from .audited import audited
from .errors import Invalid, Unknown
from .installation import Installation, use_case
from .rights import administrators_only

KINDS = (PREPAID, MONTHLY)


@dataclass(frozen=True, slots=True)
class Priced:
    """What so many sends cost an account by a table; `cheaper` is the cheapest way to have at least as many, if that
    is another."""

    table: PriceTable
    quote: Quote
    cheaper: Quote | None = None


@audited("price.set")
@administrators_only
async def put(
    installation: Installation,
    name: str,
    currency: str,
    steps: Iterable[tuple[int, str]],
    kind: str = PREPAID,
    account: str = "",
) -> PriceTable:
    """Keep a table: `steps` are pairs: from how many sends on, and what a thousand cost then, as a decimal number of
    the currency. A table of the same name is replaced; orders keep the price that they were told."""
    name = checked.name("name", name)
    kind = kind_of(kind)
    owner = (await names.account(installation.registry, account)).id if account else ""
    try:
        price.check_currency(currency)
    except ValueError as error:
        raise Invalid("currency", str(error)) from error
    try:
        made = tuple(sorted(Step(sends, price.read(text, currency)) for sends, text in steps))
        price.check_steps(made)
    except ValueError as error:
        raise Invalid("steps", str(error)) from error
    checked.number("steps", made[-1].at_least, 1, price.MOST_SENDS)
    table = PriceTable(name, kind, owner, currency, made, installation.now())
    await installation.prices.put(table)
    return table


@audited("price.remove")
@administrators_only
async def remove(installation: Installation, name: str) -> None:
    """Forget a table."""
    if not await installation.prices.remove(name):
        raise Unknown("price", name)


@use_case
async def every(installation: Installation) -> Sequence[PriceTable]:
    """All tables that the caller may know of, by name."""
    return await installation.prices.every()


@use_case
async def find(installation: Installation, name: str) -> PriceTable:
    """One table."""
    for each in await every(installation):
        if each.name == name:
            return each
    raise Unknown("price", name)


@use_case
async def quote(
    installation: Installation, account: str, sends: int, kind: str = PREPAID, prices: str = ""
) -> Priced | None:
    """What so many sends cost an account, by the table `prices` or the only one there is; None without any table."""
    owner = await names.account(installation.registry, account)
    sends = checked.number("sends", sends, 1, price.MOST_SENDS)
    table = await _table(installation, owner, kind_of(kind), prices)
    if table is None:
        return None
    try:
        found = price.quote(table.steps, sends)
    except ValueError as error:
        raise Invalid("sends", str(error)) from error
    least = price.fewest_money(table.steps, sends)
    return Priced(table, found, None if least.total == found.total else least)


def kind_of(text: str) -> str:
    """A kind of what can be bought."""
    if text not in KINDS:
        raise Invalid("kind", f"{text!r} is none of {', '.join(KINDS)}")
    return text


async def of_account(installation: Installation, account: Account, kind: str = "") -> Sequence[PriceTable]:
    """The tables that hold for an account: its own of a kind, else those for everybody."""
    found: list[PriceTable] = []
    everything = await installation.prices.every()
    for each in (kind,) if kind else KINDS:
        of_kind = [table for table in everything if table.kind == each]
        own = [table for table in of_kind if table.account == account.id]
        found += own or [table for table in of_kind if not table.account]
    return found


async def _table(installation: Installation, account: Account, kind: str, name: str) -> PriceTable | None:
    fitting = await of_account(installation, account, kind)
    if not name:
        if len(fitting) > 1:
            raise Invalid("prices", f"there are several tables: name one of {', '.join(each.name for each in fitting)}")
        return fitting[0] if fitting else None
    for each in fitting:
        if each.name == name:
            return each
    raise Unknown("price", name)
