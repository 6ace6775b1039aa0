"""Price tables, orders and the ledger's entries as one account sees them: its own, and the prices for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from ...interfaces.books import Entry, IBooks, Wanted
from ...interfaces.orders import Decision, IOrders, IPrices, Order, PriceTable
from .base import Narrowed, answers

_PRICES = "price tables are looked after by administrators"


class OwnPrices(Narrowed[IPrices]):
    """`IPrices` of one account: it is told what it costs everybody, and it alone."""

    CLOSED: ClassVar = {"put": _PRICES, "remove": _PRICES}

    @answers
    async def every(self) -> Sequence[PriceTable]:
        return [each for each in await self._whole.every() if each.account in ("", self._account)]


class OwnOrders(Narrowed[IOrders]):
    """`IOrders` of one account."""

    @answers
    async def add(self, order: Order) -> None:
        self._require(order.account)
        await self._whole.add(order)

    @answers
    async def find(self, id: str) -> Order | None:
        found = await self._whole.find(id)
        return found if found is not None and found.account == self._account else None

    @answers
    async def page(self, account: str, status: str, before: str, limit: int) -> Sequence[Order]:
        return await self._whole.page(self._account, status, before, limit) if self._own(account) else []

    @answers
    async def decide(self, id: str, decision: Decision) -> bool:
        found = await self._whole.find(id)
        own = found is not None and found.account == self._account
        return own and await self._whole.decide(id, decision)


class OwnBooks(Narrowed[IBooks]):
    """`IBooks` of one account."""

    @answers
    async def page(self, wanted: Wanted, limit: int) -> Sequence[Entry]:
        if not self._own(wanted.account):
            return []
        return await self._whole.page(replace(wanted, account=self._account), limit)
