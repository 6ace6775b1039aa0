"""The memory twins of price tables, orders and the ledger's entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred, execute, succeed
from zope.interface import implementer

from ...interfaces.books import OF_RECIPIENTS, Entry, IBooks, Wanted
from ...interfaces.orders import GRANTED, PREPAID, REQUESTED, Decision, IOrders, IPrices, Order, PriceTable
from .money import MemoryMoney


@implementer(IPrices)
class MemoryPrices:
    """Price tables in a dictionary."""

    def __init__(self, state: MemoryMoney) -> None:
        self._prices = state.prices

    def every(self) -> Deferred[Sequence[PriceTable]]:
        return succeed([self._prices[name] for name in sorted(self._prices)])

    def put(self, table: PriceTable) -> Deferred[None]:
        self._prices[table.name] = table
        return succeed(None)

    def remove(self, name: str) -> Deferred[bool]:
        return succeed(self._prices.pop(name, None) is not None)


@implementer(IOrders)
class MemoryOrders:
    """Orders in a dictionary."""

    def __init__(self, state: MemoryMoney, new_id: Callable[[], str]) -> None:
        self._state = state
        self._new_id = new_id

    def add(self, order: Order) -> Deferred[None]:
        self._state.orders[order.id] = order
        return succeed(None)

    def find(self, id: str) -> Deferred[Order | None]:
        return succeed(self._state.orders.get(id))

    def page(self, account: str, status: str, before: str, limit: int) -> Deferred[Sequence[Order]]:
        newest = sorted(self._state.orders.values(), key=lambda each: each.id, reverse=True)
        fitting = [
            each
            for each in newest
            if account in ("", each.account) and status in ("", each.status) and (not before or each.id < before)
        ]
        return succeed(fitting[:limit])

    def decide(self, id: str, decision: Decision) -> Deferred[bool]:
        return execute(self._decide, id, decision)

    def _decide(self, id: str, decision: Decision) -> bool:
        order, state = self._state.orders.get(id), self._state
        if order is None or order.status != REQUESTED:
            return False
        granted = decision.status == GRANTED
        if granted and state.balance[order.account] + order.sends >= 1 << 62:
            raise ValueError("a balance this large cannot be kept")
        state.orders[id] = replace(
            order, status=decision.status, answer=decision.answer, decided_by=decision.by, decided_at=decision.at
        )
        if granted and order.kind == PREPAID:
            state.move(id, "order", order.account, order.sends, decision.at, decision.answer)
        elif granted:
            state.put_plan(order.account, order.sends)
            state.turn(order.account, decision.month, decision.at, self._new_id)
        return True


@implementer(IBooks)
class MemoryBooks:
    """The entries in a dictionary."""

    def __init__(self, state: MemoryMoney) -> None:
        self._state = state

    def page(self, wanted: Wanted, limit: int) -> Deferred[Sequence[Entry]]:
        found = [each for each in self._state.entries.values() if _fits(each, wanted)]
        found.sort(key=lambda each: _place(each, wanted), reverse=True)
        if wanted.before is not None:
            mark = wanted.before
            place = (mark.subject, mark.kind) if wanted.of_recipients else tuple(mark)
            found = [each for each in found if _place(each, wanted) < place]
        return succeed(found[:limit])


def _fits(entry: Entry, wanted: Wanted) -> bool:
    return (
        entry.account == wanted.account
        and (entry.kind in OF_RECIPIENTS) is wanted.of_recipients
        and wanted.kind in ("", entry.kind)
        and entry.at >= wanted.since
        and (not wanted.until or entry.at < wanted.until)
    )


def _place(entry: Entry, wanted: Wanted) -> tuple[object, ...]:
    return (entry.subject, entry.kind) if wanted.of_recipients else tuple(entry.mark)
