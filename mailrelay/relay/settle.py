"""Carries out what `policy.settlement` decides about an outcome: state, deadline, money and event, in one commit."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..interfaces.ledger import ILedger
from ..mail.envelope import Delivery, Outcome
from ..policy.retry import Schedule
from ..policy.settlement import settle

log = Logger()


class Settler:
    """Settles one outcome at a time; `jitter` gives numbers from 0 to 1, `now` microseconds."""

    def __init__(
        self, ledger: ILedger, schedule: Schedule, now: Callable[[], int], jitter: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._schedule = schedule
        self._now = now
        self._jitter = jitter

    def settle(self, delivery: Delivery, outcome: Outcome) -> Deferred[int]:
        """Fires with the instant of the next attempt or 0; fails when the ledger could not commit."""
        settlement = settle(delivery, outcome, self._now(), self._schedule, self._jitter())

        def settled(ours: bool) -> int:
            if not ours:
                log.warn("possible duplicate of {recipient}: the lease was lost", recipient=delivery.recipient)
                return 0
            log.info(
                "{id} {recipient} {state}: {reply} ({host})",
                id=delivery.message,
                recipient=delivery.recipient,
                state=settlement.state.value,
                reply=outcome.reply,
                host=outcome.host,
            )
            return settlement.due_at

        return self._ledger.settle(settlement).addCallback(settled)
