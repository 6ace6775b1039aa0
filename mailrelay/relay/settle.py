"""Carries out what `policy.settlement` decides about an outcome: state, deadline, money and event, in one commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred

from ..interfaces.history import Attempt
from ..interfaces.ledger import ILedger
from ..mail.envelope import Delivery, Outcome
from ..policy.retry import Schedule
from ..policy.settlement import UNCERTAIN, settle
from .line import Lines

log = Lines()


class Settler:
    """Settles one outcome at a time; `jitter` gives numbers from 0 to 1, `now` microseconds, `attempts` those that were
    made at a recipient."""

    def __init__(
        self,
        ledger: ILedger,
        schedule: Schedule,
        now: Callable[[], int],
        jitter: Callable[[], float],
        attempts: Callable[[str], Deferred[Sequence[Attempt]]],
    ) -> None:
        self._ledger = ledger
        self._attempts = attempts
        self._schedule = schedule
        self._now = now
        self._jitter = jitter

    def settle(self, delivery: Delivery, outcome: Outcome) -> Deferred[int]:
        """Fires with the instant of the next attempt or 0; fails when the ledger could not commit."""
        if outcome.uncertain and delivery.attempts:
            return self._attempts(delivery.recipient).addCallback(self._doubted, delivery, outcome)
        return self._carry_out(delivery, outcome, 0)

    def _doubted(self, attempts: Sequence[Attempt], delivery: Delivery, outcome: Outcome) -> Deferred[int]:
        """One more attempt after which the mail may have arrived, perhaps."""
        return self._carry_out(delivery, outcome, sum(bool(each.facts.get(UNCERTAIN)) for each in attempts))

    def _carry_out(self, delivery: Delivery, outcome: Outcome, doubts: int) -> Deferred[int]:
        settlement = settle(delivery, outcome, self._now(), self._schedule, self._jitter(), doubts)

        def settled(ours: bool) -> int:
            if not ours:
                log.warn("possible duplicate of {recipient}: the lease was lost", recipient=delivery.recipient)
                return 0
            if settlement.hold:
                log.warn(
                    "{id} {recipient} may have arrived {doubts} times: held back",
                    id=delivery.message,
                    recipient=delivery.recipient,
                    doubts=doubts + 1,
                )
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
