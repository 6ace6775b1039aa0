"""The twin of what recipients do."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, execute
from zope.interface import implementer

from ...interfaces.engagement import KEPT, Engagement, IEngagement
from ...mail.envelope import Delivery
from .state import MemoryState


@implementer(IEngagement)
class MemoryEngagement:
    """What recipients of the shared state do; `failures` of the state fail its writes, too."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def record(self, engagements: Sequence[Engagement]) -> Deferred[None]:
        return execute(self._record, engagements)

    def _record(self, engagements: Sequence[Engagement]) -> None:
        if self._state.failures:
            raise self._state.failures.pop(0)
        for each in engagements:
            acts = self._state.acts.setdefault(each.recipient, [])
            entry = self._state.recipients.get(each.recipient)
            if entry is not None and len(acts) < KEPT:
                acts.append(each)
                told = {"machine": each.machine, "target": each.target, "address": each.address, "agent": each.agent}
                self._state.tell(each.act.value, entry, each.at, **told)

    def unsubscribe(self, account: str, mailbox: str, engagement: Engagement) -> Deferred[bool]:
        return execute(self._unsubscribe, account, mailbox, engagement)

    def _unsubscribe(self, account: str, mailbox: str, engagement: Engagement) -> bool:
        if account not in self._state.balance:
            raise KeyError(account)
        self._record((engagement,))
        if self._state.suppressions.get((account, mailbox)) in ("unsubscribe", "complaint"):
            return False
        self._state.suppressions[account, mailbox] = "unsubscribe"
        return True

    def complain(self, engagement: Engagement) -> Deferred[bool]:
        return execute(self._complain, engagement)

    def _complain(self, engagement: Engagement) -> bool:
        entry = self._state.recipients.get(engagement.recipient)
        acts = self._state.acts.get(engagement.recipient, [])
        if entry is None or any(each.act is engagement.act for each in acts):
            return False
        self._record((engagement,))
        self._state.suppressions[entry.delivery.account, entry.key] = "complaint"
        return True

    def delivery(self, recipient: str) -> Deferred[Delivery]:
        return execute(lambda: self._state.recipients[recipient].delivery)
