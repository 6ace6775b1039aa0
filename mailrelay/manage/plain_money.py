"""Price tables, quotes, orders, pots and entries of the ledger as plain data (see `plain`).

Amounts of money are decimal numbers in texts, with the decimals of their currency, since readers of JSON may round.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..interfaces.books import Entry
from ..interfaces.orders import Order, PriceTable
from ..policy.price import Quote, written
from .entries import Page, mark
from .plain import Plain, instant
from .plain import account as plain_account
from .plans import Pots
from .plans import plain as plain_pots
from .prices import Priced


def price_table(value: PriceTable, owners: Mapping[str, str]) -> Plain:
    """A table; `account` is "" where it is for everybody, `owners` has the names of accounts by id."""
    return {
        "name": value.name,
        "kind": value.kind,
        "account": owners.get(value.account, value.account),
        "currency": value.currency,
        "steps": [
            {"from": step.at_least, "per_thousand": written(step.per_thousand, value.currency)} for step in value.steps
        ],
        "changed_at": instant(value.changed_at),
    }


def quote(value: Priced | None, sends: int, kind: str) -> Plain:
    """What so many sends cost; without a table there is no price. `cheaper` is how at least as many cost less."""
    found = value.quote if value else Quote(sends, 0, 0)
    cheaper = value.cheaper if value else None
    return {
        "kind": kind,
        **_priced(found, value.table.currency if value else ""),
        "prices": value.table.name if value else "",
        "cheaper": None if value is None or cheaper is None else _priced(cheaper, value.table.currency),
    }


def order(value: Order, owners: Mapping[str, str]) -> Plain:
    """An order; where it has no price, amounts and currency are ""."""
    return {
        "id": value.id,
        "account": owners.get(value.account, value.account),
        "kind": value.kind,
        "status": value.status,
        **_priced(Quote(value.sends, value.per_thousand, value.total), value.currency),
        "prices": value.prices,
        "note": value.note,
        "requested_by": value.requested_by,
        "requested_at": instant(value.requested_at),
        "answer": value.answer,
        "decided_by": value.decided_by,
        "decided_at": instant(value.decided_at),
    }


def balance(value: Pots) -> Plain:
    """Both pots of an account. The month's sends are used first, and lapse at `month_ends`."""
    return {
        **plain_account(value.account),
        **plain_pots(value),
        "month_ends": instant(value.ends_at),
        "used_first": "monthly" if value.monthly_left else "prepaid",
    }


def entry(value: Entry) -> Plain:
    """One entry: `subject` is the recipient or the order that it is about, or its own id."""
    return {
        "at": instant(value.at),
        "kind": value.kind,
        "amount": value.amount,
        "note": value.note,
        "subject": value.subject,
        "mark": mark(value.mark),
    }


def entries(value: Page) -> Plain:
    """A page of the ledger."""
    return {"entries": [entry(each) for each in value.entries], "before": value.before}


def _priced(value: Quote, currency: str) -> Plain:
    return {
        "sends": value.sends,
        "currency": currency,
        "per_thousand": written(value.per_thousand, currency) if currency else "",
        "total": written(value.total, currency) if currency else "",
    }
