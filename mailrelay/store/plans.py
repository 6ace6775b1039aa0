"""Monthly plans over a database: `IPlans`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.plans import IPlans, Plan
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import plans
from .work import Work
from .writer import Writer

#: Kinds of entries.
GRANTED, LAPSED = "monthly", "lapsed"


def moved(work: Work, account: str, amount: int) -> None:
    """Let a balance that was moved by hand change nothing of what is left of the month, but where it was taken."""
    this = plans.c.account == account
    row = work.execute(sa.select(plans).where(this)).first()
    purse = work.purse(account)
    if row is not None and purse is not None:
        plan = Plan(*row).moved(purse.available - amount, amount)
        work.execute(sa.update(plans).where(this).values(granted=plan.granted, base=plan.base))


def put(work: Work, account: str, monthly: int) -> None:
    """Give an account so many from the next month on."""
    change = sa.update(plans).where(plans.c.account == account).values(monthly=monthly)
    if not work.execute(change).rowcount:
        work.execute(sa.insert(plans), asdict(Plan(account, monthly)))


def turn(work: Work, account: str, month: int, now: int, new_id: Callable[[], str]) -> bool:
    """Begin a month; False when it, or a later one, has begun."""
    purse = work.purse(account)  # locks the account, so that of two processes one waits
    this = plans.c.account == account
    row = work.execute(sa.select(plans).where(this)).first()
    if purse is None or row is None or row.month >= month:
        return False
    plan = Plan(*row)
    for kind, amount in ((LAPSED, -plan.left(purse.available)), (GRANTED, plan.monthly)):
        if amount:
            purse.move(amount)
            work.enter(new_id(), kind, account, amount, str(month), now)
    if plan.monthly:
        values = {"month": month, "granted": plan.monthly, "base": purse.available}
        work.execute(sa.update(plans).where(this).values(values))
    else:
        work.execute(sa.delete(plans).where(this))
    return True


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
        return self._writer.ask(CALL, lambda work: put(work, account, monthly))

    def turn(self, account: str, month: int, now: int) -> Deferred[bool]:
        return self._writer.ask(CALL, lambda work: turn(work, account, month, now, self._new_id))
