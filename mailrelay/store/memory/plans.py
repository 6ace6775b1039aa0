"""The twin of monthly plans."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ...interfaces.plans import IPlans, Plan
from .state import MemoryState


@implementer(IPlans)
class MemoryPlans:
    """The memory twin."""

    def __init__(self, state: MemoryState, new_id: Callable[[], str]) -> None:
        self._state = state
        self._new_id = new_id

    def every(self) -> Deferred[Sequence[Plan]]:
        plans = self._state.plans
        return succeed([plans[account] for account in sorted(plans)])

    def put(self, account: str, monthly: int) -> Deferred[None]:
        self._state.put_plan(account, monthly)
        return succeed(None)

    def turn(self, account: str, month: int, now: int) -> Deferred[bool]:
        return succeed(self._state.turn(account, month, now, self._new_id))
