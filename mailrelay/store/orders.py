"""Price tables and orders over a database: `IPrices`, `IOrders`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.orders import GRANTED, PREPAID, REQUESTED, Decision, IOrders, IPrices, Order, PriceTable
from ..policy.price import Step
from . import plans
from .accept import clean
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import orders, prices
from .work import Work
from .writer import Writer

#: The kind of the entry that a granted order makes.
ORDER = "order"
_TEXTS = ("prices", "note", "requested_by", "answer", "decided_by")


@implementer(IPrices)
class Prices:
    """Price tables in a database."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    def every(self) -> Deferred[Sequence[PriceTable]]:
        statement = sa.select(prices).order_by(prices.c.name)
        return self._reader.ask(LOOK_UP, lambda work: [_table(row) for row in work.execute(statement)])

    def put(self, table: PriceTable) -> Deferred[None]:
        steps = json.dumps([[step.at_least, step.per_thousand] for step in table.steps])
        values = asdict(table) | {"name": clean(table.name), "steps": steps}

        def put(work: Work) -> None:
            work.execute(work.upsert(prices, list(values)), values)

        return self._writer.ask(CALL, put)

    def remove(self, name: str) -> Deferred[bool]:
        statement = sa.delete(prices).where(prices.c.name == clean(name))
        return self._writer.ask(CALL, lambda work: bool(work.execute(statement).rowcount))


@implementer(IOrders)
class Orders:
    """Orders in a database."""

    def __init__(self, writer: Writer, reader: Reader, new_id: Callable[[], str]) -> None:
        self._writer = writer
        self._reader = reader
        self._new_id = new_id

    def add(self, order: Order) -> Deferred[None]:
        row = asdict(order) | {name: clean(getattr(order, name)) for name in _TEXTS}

        def add(work: Work) -> None:
            work.execute(sa.insert(orders), row)

        return self._writer.ask(CALL, add)

    def find(self, id: str) -> Deferred[Order | None]:
        return self._reader.ask(LOOK_UP, lambda work: _find(work, id))

    def page(self, account: str, status: str, before: str, limit: int) -> Deferred[Sequence[Order]]:
        statement = sa.select(orders).order_by(orders.c.id.desc()).limit(limit)
        if account:
            statement = statement.where(orders.c.account == account)
        if status:
            statement = statement.where(orders.c.status == status)
        if before:
            statement = statement.where(orders.c.id < clean(before))
        return self._reader.ask(LOOK_UP, lambda work: [Order(*row) for row in work.execute(statement)])

    def decide(self, id: str, decision: Decision) -> Deferred[bool]:
        return self._writer.ask(CALL, lambda work: self._decide(work, id, decision))

    def _decide(self, work: Work, id: str, decision: Decision) -> bool:
        found = _find(work, id)
        purse = work.purse(found.account) if found is not None else None  # locked before the order, as everywhere
        if found is None or purse is None:
            return False
        granted = decision.status == GRANTED
        if granted and purse.balance + found.sends >= 1 << 62:
            raise ValueError("a balance this large cannot be kept")
        values = {
            "status": decision.status,
            "answer": clean(decision.answer),
            "decided_by": clean(decision.by),
            "decided_at": decision.at,
        }
        open_ = sa.and_(orders.c.id == found.id, orders.c.status == REQUESTED)
        if not work.execute(sa.update(orders).where(open_).values(values)).rowcount:
            return False  # another was faster
        if granted and found.kind == PREPAID:
            purse.move(found.sends)
            plans.moved(work, found.account, found.sends)
            work.enter(found.id, ORDER, found.account, found.sends, clean(decision.answer), decision.at)
        elif granted:
            plans.put(work, found.account, found.sends)
            plans.turn(work, found.account, decision.month, decision.at, self._new_id)
        return True


def _find(work: Work, id: str) -> Order | None:
    row = work.execute(sa.select(orders).where(orders.c.id == clean(id))).first()
    return None if row is None else Order(*row)


def _table(row: Any) -> PriceTable:
    steps = tuple(Step(*each) for each in json.loads(row.steps))
    return PriceTable(row.name, row.kind, row.account, row.currency, steps, row.changed_at)
