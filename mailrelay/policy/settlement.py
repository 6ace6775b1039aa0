"""The table of state transitions: what became of a leased recipient, and what follows from it.

A lease is held on a recipient that is queued or deferred. Whatever ends the lease is one row of `TRANSITIONS`: the
next state, what is charged by the moment of billing, and the event. Only DEFERRED is ever tried again; every other row
is final. This module reads no clock and changes nothing: the ledger carries out what it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..mail.envelope import SECOND, Bounced, Delivered, Delivery, Outcome, Return, Settlement, State
from ..mail.reply import Reply
from .bounce import shipped
from .hint import wait_asked
from .retry import Schedule, after, next_attempt, patience


@dataclass(frozen=True, slots=True)
class Transition:
    """One row. `accept` and `attempt` are the charge ("", "capture", "release") for sends billed at that moment."""

    accept: str
    attempt: str
    event: str

    def charge(self, billing: str) -> str:
        """What happens to the send that was reserved; where nothing is billed there is none."""
        return self.attempt if billing == "attempt" else self.accept


#: By the state that a recipient comes to. What is billed on accept was captured in that commit and is not given back;
#: on the attempt a delivery is charged and an error of delivery alike, whether a host or a deadline said so.
TRANSITIONS: Mapping[State, Transition] = MappingProxyType(
    {
        #                            accept  attempt     event
        State.DELIVERED:  Transition("",     "capture",  "delivered"),
        State.BOUNCED:    Transition("",     "capture",  "bounced"),
        State.DEFERRED:   Transition("",     "",         "deferred"),
        State.EXPIRED:    Transition("",     "capture",  "expired"),
        State.FAILED:     Transition("",     "capture",  "failed"),
        State.SUPPRESSED: Transition("",     "release",  "suppressed"),
    }
)  # fmt: skip

#: The reason for which an address is suppressed that a host refused for good.
HARD_BOUNCE = "hard_bounce"

#: The fact of an attempt after which the mail may have arrived.
UNCERTAIN = "uncertain"

_NO_FACTS: Mapping[str, object] = MappingProxyType({})


def settle(
    delivery: Delivery, outcome: Outcome, now: int, schedule: Schedule, jitter: float, doubts: int = 0
) -> Settlement:
    """What an attempt leads to: its outcome, or EXPIRED when a deferral comes at or after the deadline.

    `now` is in microseconds; `jitter` is chance from 0 to 1; `doubts` are earlier attempts after which the mail may
    have arrived, which matters only where this is one more. An address of which the refusal says that it is no good is
    suppressed from now on.
    """
    state, due_at, facts, suppression, until = State.DEFERRED, 0, _NO_FACTS, "", 0
    hold = False
    if outcome.held and (due := after(outcome.held, now, delivery.expires_at, jitter)) is not None:
        return _put_off(delivery, outcome, due)
    if isinstance(outcome, Delivered):
        state = State.DELIVERED
    elif isinstance(outcome, Bounced):
        state = State.BOUNCED
        found = shipped().classify(outcome.reply)
        facts = {"rule": "bounce_class", "class": found.name}
        if outcome.asked and found.suppresses(outcome.reply):
            suppression, until = HARD_BOUNCE, found.until(now)
    else:
        factor = patience(outcome.reply)
        made = delivery.attempts + 1
        wait = 0 if factor > 1 else wait_asked(outcome.reply)
        due = next_attempt(schedule, made, now, delivery.expires_at, jitter, factor, wait)
        late = min(now + schedule.uncertain * SECOND, delivery.expires_at) if outcome.uncertain else 0
        if due is None:
            state, facts = State.EXPIRED, {"rule": "deadline"}
        else:
            due_at = max(due, late)
            facts = {
                "rule": "deadline" if due_at == delivery.expires_at else "schedule",
                "attempts": made,
                "delay": schedule.delay(made) // SECOND,
                "factor": factor,
            }
            if due_at < delivery.expires_at and (wait or late > due):
                rule, asked = ("uncertain", schedule.uncertain) if late > due else ("hint", wait)
                facts |= {"rule": rule, "asked": asked}
        if outcome.uncertain:
            facts = {**facts, UNCERTAIN: True}
            hold = state is State.DEFERRED and doubts >= schedule.uncertain_retries
            if hold:
                facts |= {"rule": "uncertain_held", "doubts": doubts + 1}
    if outcome.fallback:
        facts = {**facts, "left_routes": outcome.fallback}
    row = TRANSITIONS[state]
    return Settlement(
        recipient=delivery.recipient,
        state=state,
        due_at=due_at,
        charge=row.charge(delivery.billing),
        suppression=suppression,
        reply=outcome.reply,
        host=outcome.host,
        at=outcome.at,
        event=row.event,
        outcome=outcome,
        facts=facts,
        suppressed_until=until,
        hold=hold,
        took=outcome.took,
        throttled=outcome.throttled,
    )


def _put_off(delivery: Delivery, outcome: Outcome, due_at: int) -> Settlement:
    """Nothing was tried, since its receiver is left alone for a while: no attempt, no event, and only then a deferral
    when an attempt failed before."""
    return Settlement(
        recipient=delivery.recipient,
        state=State.DEFERRED if delivery.attempts else State.QUEUED,
        due_at=due_at,
        attempted=False,
        reply=outcome.reply,
        host=outcome.host,
        at=outcome.at,
        throttled=max(due_at - outcome.at, 0) + outcome.throttled,
    )


def returned(recipient: str, reply: Reply, host: str, now: int) -> Return:
    """What follows when a host that took a recipient says later, by mail, that it was refused for good after all."""
    found = shipped().classify(reply)
    suppresses = found.suppresses(reply)
    return Return(
        recipient=recipient,
        reply=reply,
        host=host,
        at=now,
        suppression=HARD_BOUNCE if suppresses else "",
        suppressed_until=found.until(now) if suppresses else 0,
        facts={"rule": "returned", "class": found.name},
    )


def conclude(delivery: Delivery, state: State, now: int, reply: Reply | None = None) -> Settlement:
    """End a lease by a decision, without an attempt: FAILED, SUPPRESSED, or EXPIRED at the deadline.

    `reply` says why, in our own words or by the last answer of a next hop. Raises `ValueError` for any other state.
    """
    if state not in (State.FAILED, State.SUPPRESSED, State.EXPIRED):
        raise ValueError(f"no decision makes a recipient {state}")
    row = TRANSITIONS[state]
    return Settlement(
        recipient=delivery.recipient,
        state=state,
        attempted=False,
        charge=row.charge(delivery.billing),
        reply=reply,
        at=now,
        event=row.event,
    )
