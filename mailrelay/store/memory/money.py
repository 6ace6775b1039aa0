"""What the memory twins share of money: balances, entries, plans and orders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ...interfaces.books import Entry
from ...interfaces.orders import Order, PriceTable
from ...interfaces.plans import Plan


@dataclass(slots=True)
class MemoryMoney:
    """`balance` in sends by account, filled by hand; entries by (subject, kind); plans by account."""

    balance: dict[str, int] = field(default_factory=dict)
    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    prices: dict[str, PriceTable] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)

    def available(self, account: str) -> int:
        """What an account may still send."""
        raise NotImplementedError

    def book(self, subject: str, kind: str, account: str, amount: int, at: int, note: str = "") -> None:
        """Move a balance, and say why."""
        assert (subject, kind) not in self.entries, f"{subject} is booked as {kind} twice"
        self.entries[subject, kind] = Entry(subject, kind, account, amount, note, at)
        self.balance[account] += amount

    def came_back(self, account: str) -> None:
        """Something may have been given back to an account."""
        if account in self.plans:
            self.plans[account] = self.plans[account].came_back(self.available(account))

    def move(self, subject: str, kind: str, account: str, amount: int, at: int, note: str = "") -> None:
        """Add prepaid sends to a balance, or take some."""
        if account in self.plans:
            self.plans[account] = self.plans[account].moved(self.available(account), amount)
        self.book(subject, kind, account, amount, at, note)

    def put_plan(self, account: str, monthly: int) -> None:
        """Give an account so many from the next month on."""
        self.plans[account] = replace(self.plans.get(account, Plan(account, 0)), monthly=monthly)

    def turn(self, account: str, month: int, now: int, new_id: Callable[[], str]) -> bool:
        """Begin a month; False when it, or a later one, has begun."""
        plan = self.plans.get(account)
        if plan is None or plan.month >= month:
            return False
        for kind, amount in (("lapsed", -plan.left(self.available(account))), ("monthly", plan.monthly)):
            if amount:
                self.book(new_id(), kind, account, amount, now, str(month))
        if plan.monthly:
            self.plans[account] = Plan(account, plan.monthly, month, plan.monthly, self.available(account))
        else:
            del self.plans[account]
        return True
