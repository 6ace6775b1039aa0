"""Monthly plans over a database, and their memory twin: `IPlans`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import sqlalchemy as sa
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ..interfaces.plans import IPlans, Plan
from .jobs import CALL, LOOK_UP
from .memory import MemoryState
from .reader import Reader
from .schema import plans
from .work import Work
from .writer import Writer

#: Kinds of entries.
GRANTED, LAPSED = "monthly", "lapsed"


def moved(work: Work, account: str, amount: int) -> None:
    """Let a balance that is moved by hand change nothing of what is left of the month."""
    work.execute(sa.update(plans).where(plans.c.account == account).values(base=plans.c.base + amount))


@implementer(IPlans)
class Plans:
    """Monthly plans in a database."""

    def __init__(self, writer: Writer, reader: Reader, new_id: Callable[[], str]) -> None:
        self._writer = writer
        self._reader = reader
        self._new_id = new_id

    def every(self) -> Deferred[Sequence[Plan]]:
        statement = sa.select(plans).order_by(plans.c.account)
        return self._reader.ask(LOOK_UP, lambda work: [Plan(*row) for row in work.execute(statement)])

    def put(self, account: str, monthly: int) -> Deferred[None]:
        change = sa.update(plans).where(plans.c.account == account).values(monthly=monthly)

        def put(work: Work) -> None:
            if not work.execute(change).rowcount:
                work.execute(sa.insert(plans), asdict(Plan(account, monthly)))

        return self._writer.ask(CALL, put)

    def turn(self, account: str, month: int, now: int) -> Deferred[bool]:
        return self._writer.ask(CALL, lambda work: self._turn(work, account, month, now))

    def _turn(self, work: Work, account: str, month: int, now: int) -> bool:
        purse = work.purse(account)  # locks the account, so that of two processes one waits
        this = plans.c.account == account
        row = work.execute(sa.select(plans).where(this)).first()
        if purse is None or row is None or row.month >= month:
            return False
        plan = Plan(*row)
        for kind, amount in ((LAPSED, -plan.left(purse.available)), (GRANTED, plan.monthly)):
            if amount:
                purse.move(amount)
                work.enter(self._new_id(), kind, account, amount, str(month), now)
        if plan.monthly:
            values = {"month": month, "granted": plan.monthly, "base": purse.available}
            work.execute(sa.update(plans).where(this).values(values))
        else:
            work.execute(sa.delete(plans).where(this))
        return True


@implementer(IPlans)
class MemoryPlans:
    """The memory twin."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state
        self._plans: dict[str, Plan] = {}

    def every(self) -> Deferred[Sequence[Plan]]:
        return succeed([self._plans[account] for account in sorted(self._plans)])

    def put(self, account: str, monthly: int) -> Deferred[None]:
        self._plans[account] = replace(self._plans.get(account, Plan(account, 0)), monthly=monthly)
        return succeed(None)

    def turn(self, account: str, month: int, now: int) -> Deferred[bool]:
        plan = self._plans.get(account)
        if plan is None or plan.month >= month:
            return succeed(False)
        self._state.balance[account] += plan.monthly - plan.left(self._state.available(account))
        if plan.monthly:
            base = self._state.available(account)
            self._plans[account] = Plan(account, plan.monthly, month, plan.monthly, base)
        else:
            del self._plans[account]
        return succeed(True)
