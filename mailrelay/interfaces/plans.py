"""Monthly plans: how many sends an account is given for each calendar month; what is left of them lapses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from twisted.internet.defer import Deferred
from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class Plan:
    """`monthly` sends are given to an account from the next month on (0: none, and the plan is gone then). In `month`,
    as year times 100 + month, it was given `granted`; `base` is what would be available now had nothing been sent."""

    account: str
    monthly: int
    month: int = 0
    granted: int = 0
    base: int = 0

    def left(self, available: int) -> int:
        """How many of this month's sends are left, when so many are available in all: they are used first."""
        return max(0, min(self.granted, self.granted - (self.base - available), available))

    def moved(self, available: int, amount: int) -> Plan:
        """The same when so many were available and `amount` was added by hand, or taken where it is below zero: what is
        added is prepaid, and prepaid ones are taken first."""
        left = self.left(available)
        taken = left - min(left, available + amount)
        return replace(self, base=self.base + amount, granted=self.granted - taken)

    def came_back(self, available: int) -> Plan:
        """The same after a refund. When more is available than there would be had nothing been sent, a send of an
        earlier month came back: it is prepaid from now on."""
        return replace(self, base=max(self.base, available))


class IPlans(Interface):
    """What accounts are given each month. What is sent costs nothing here: how much of a month is left is told by the
    balance alone."""

    def every() -> Deferred[Sequence[Plan]]:
        """The plans, by account."""

    def put(account: str, monthly: int) -> Deferred[None]:
        """Give an account so many from the next month on; without a plan, from the next `turn` on."""

    def turn(account: str, month: int, now: int) -> Deferred[bool]:
        """Begin a month: what is left of the last one lapses, and the new one's are given, in one commit. False when
        that month, or a later one, has begun."""
