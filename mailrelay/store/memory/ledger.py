"""The twin of the ledger, and of the nodes that may have leases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, execute
from zope.interface import implementer

from ...interfaces.ledger import KEY_LIFETIME, ILedger, Lane, Once
from ...interfaces.nodes import INodes
from ...mail.envelope import DAY, SECOND, Delivery, Return, Settlement, State, Submission, deliveries_of
from ...mail.reply import Refusal
from ...policy.bounce import mailbox_full, shipped
from ...policy.rejection import within
from ...policy.settlement import HARD_BOUNCE
from .state import Entry, MemoryState

_BLOCKED_PAUSE = 60 * SECOND


@implementer(ILedger)
class MemoryLedger:
    """The ledger of one process."""

    def __init__(self, state: MemoryState, node: str) -> None:
        self.state = state
        self.node = node

    def accept(self, submission: Submission, lease: bool) -> Deferred[Sequence[Delivery]]:
        return execute(self._accept, submission, lease)

    def _accept(self, submission: Submission, lease: bool) -> Sequence[Delivery]:
        state = self.state
        if state.failures:
            raise state.failures.pop(0)
        if submission.account not in state.balance:
            raise Refusal("temporary", rule="account_exists")
        if submission.daily_limit:
            submission = within(submission, state.sent(submission.connection, submission.received_at))
        live = submission.live
        if submission.billing != "none" and state.available(submission.account) < len(live):
            raise Refusal("balance_short", rule="balance_covers")
        if submission.daily_limit:
            today, sent = submission.received_at // DAY, state.sent(submission.connection, submission.received_at)
            state.daily[submission.connection] = today, sent + len(live)
        at_once = submission.billing == "accept"
        state.submissions[submission.id] = submission
        deliveries = deliveries_of(submission)
        for recipient, delivery in zip(live, deliveries, strict=True):
            entry = Entry(delivery, recipient.key, due_at=submission.received_at)
            entry.lease = self.node if lease else ""
            entry.reserved, entry.billed = {"accept": (0, 1), "attempt": (1, 0)}.get(submission.billing, (0, 0))
            state.recipients[recipient.id] = entry
            if at_once:
                state.book(recipient.id, "send", submission.account, -1, submission.received_at)
            state.tell("accepted", entry, submission.received_at)
        for recipient in submission.recipients:
            if recipient.rejected:
                (delivery,) = deliveries_of(replace(submission, recipients=(replace(recipient, rejected=""),)))
                state.recipients[recipient.id] = entry = Entry(delivery, recipient.key, due_at=submission.received_at)
                state.tell("accepted", entry, submission.received_at)
                state.end(entry, State.SUPPRESSED, recipient.rejected, submission.received_at)
        return deliveries if lease else ()

    def accept_once(self, submission: Submission, lease: bool) -> Deferred[Once]:
        return execute(self._accept_once, submission, lease)

    def _accept_once(self, submission: Submission, lease: bool) -> Once:
        place = (submission.connection, submission.instructions.idempotency_key)
        id, digest, at, known = self.state.keyed.get(place, ("", "", 0, set[str]()))
        if not id or at <= submission.received_at - KEY_LIFETIME:
            deliveries = self._accept(submission, lease)
            keys = {recipient.key for recipient in submission.recipients}
            self.state.keyed[place] = (submission.id, submission.digest, submission.received_at, keys)
            return Once(submission.id, deliveries)
        if digest != submission.digest:
            raise Refusal("idempotency_conflict", rule="idempotency", facts={"message": id})
        fresh = tuple(recipient for recipient in submission.recipients if recipient.key not in known)
        first = self.state.submissions[id]
        more = self._accept(replace(submission, id=id, recipients=fresh), lease) if fresh else ()
        self.state.submissions[id] = first
        known |= {recipient.key for recipient in fresh}
        return Once(id, more)

    def lanes(self, after: Mapping[tuple[str, int], str], limit: int) -> Deferred[Sequence[Lane]]:
        return execute(self._lanes, after, limit)

    def _lanes(self, after: Mapping[tuple[str, int], str], limit: int) -> Sequence[Lane]:
        found: dict[tuple[str, int, str], int] = {}
        for entry in self.state.recipients.values():
            if entry.waiting:
                lane = (entry.delivery.account, entry.delivery.priority, entry.delivery.destination)
                found[lane] = min(entry.due_at, found.get(lane, entry.due_at))
        taken: Counter[tuple[str, int]] = Counter()
        lanes = []
        for (account, priority, destination), due_at in sorted(found.items()):
            queue = (account, priority)
            if destination > after.get(queue, "") and taken[queue] < limit:
                taken[queue] += 1
                lanes.append(Lane(account, destination, due_at, priority))
        return lanes

    def claim(self, lane: Lane, limit: int, now: int) -> Deferred[Sequence[Delivery]]:
        return execute(self._claim, lane, limit, now)

    def _claim(self, lane: Lane, limit: int, now: int) -> Sequence[Delivery]:
        head = [
            entry
            for entry in self.state.recipients.values()
            if entry.waiting
            and entry.due_at <= now
            and (entry.delivery.account, entry.delivery.priority) == (lane.account, lane.priority)
            and entry.delivery.destination == lane.destination
        ]
        head.sort(key=lambda entry: (entry.due_at, entry.delivery.recipient))
        claimed = []
        for entry in head[:limit]:
            connection = self.state.connections.get(entry.delivery.connection)
            if entry.delivery.expires_at <= now:
                self.state.end(entry, State.EXPIRED, at=now)
            elif self.state.suppressions.get((lane.account, entry.key), HARD_BOUNCE) != HARD_BOUNCE:
                self.state.end(entry, State.SUPPRESSED, at=now)
            elif entry.delivery.connection and (connection is None or connection.status != "active"):
                entry.due_at = now + _BLOCKED_PAUSE
            else:
                entry.lease = self.node
                claimed.append(entry.delivery)
        return claimed

    def settle(self, settlement: Settlement) -> Deferred[bool]:
        return execute(self._settle, settlement)

    def _settle(self, settlement: Settlement) -> bool:
        entry = self.state.recipients.get(settlement.recipient)
        if entry is None or entry.lease != self.node:
            if entry is not None:
                self.state.tell("possible_duplicate", entry, settlement.at)
            return False
        account = entry.delivery.account
        entry.state, entry.lease, entry.due_at = settlement.state, "", settlement.due_at
        entry.last = str(settlement.reply) if settlement.reply is not None else ""
        if settlement.attempted:
            entry.delivery = replace(entry.delivery, attempts=entry.delivery.attempts + 1)
        entry.held = entry.held or settlement.hold
        if not entry.state.final:
            entry.state = State.DEFERRED if entry.delivery.attempts else State.QUEUED
        if entry.reserved and (settlement.charge or settlement.state.final):
            entry.reserved = 0
            if settlement.charge == "capture":
                entry.billed = 1
                self.state.book(settlement.recipient, "send", account, -1, settlement.at)
            self.state.came_back(account)
        if settlement.reply is not None and mailbox_full(settlement.reply):
            self.state.full[account, entry.key] = settlement.at
        self._suppress(entry, settlement.suppression)
        if settlement.event:
            self._tell(entry, settlement)
        return True

    def _tell(self, entry: Entry, settlement: Settlement) -> None:
        outcome = settlement.outcome
        more: dict[str, Any] = {"reply": entry.last}
        if outcome is not None:
            number = entry.delivery.attempts
            more |= {"attempt": number, "route": outcome.route, "host": outcome.host, "due_at": settlement.due_at}
            more["tls"] = outcome.tls
            if outcome.fallback:
                self.state.tell("route_failover", entry, settlement.at, **more | {"due_at": 0})
        if settlement.reply is not None and settlement.reply.code >= 400:
            more["bounce_class"] = shipped().classify(settlement.reply).name
        self.state.tell(settlement.event, entry, settlement.at, **more)

    def bounce_later(self, given: Return) -> Deferred[bool]:
        return execute(self._returned, given)

    def _returned(self, given: Return) -> bool:
        entry = self.state.recipients.get(given.recipient)
        if entry is None or entry.state is not State.DELIVERED:
            return False
        entry.state, entry.last = State.BOUNCED, str(given.reply)
        self._suppress(entry, given.suppression)
        found = shipped().classify(given.reply).name
        more = {"attempt": entry.delivery.attempts + 1, "host": given.host, "reply": entry.last}
        self.state.tell("bounced", entry, given.at, bounce_class=found, **more)
        return True

    def _suppress(self, entry: Entry, reason: str) -> None:
        """That a host refused an address never stands in the place of what a person wants."""
        place = (entry.delivery.account, entry.key)
        if reason and self.state.suppressions.get(place, HARD_BOUNCE) == HARD_BOUNCE:
            self.state.suppressions[place] = reason

    def release(self, recipients: Collection[str]) -> Deferred[int]:
        def ours(entry: Entry) -> bool:
            return entry.lease == self.node and entry.delivery.recipient in recipients

        return execute(self.state.change, _give_back, ours)

    def leases(self) -> Deferred[Collection[str]]:
        return execute(lambda: [id for id, entry in self.state.recipients.items() if entry.lease == self.node])

    def expire(self, now: int) -> Deferred[int]:
        def overdue(entry: Entry) -> bool:
            return not entry.lease and entry.delivery.expires_at <= now

        return execute(self.state.change, lambda entry: self.state.end(entry, State.EXPIRED, at=now), overdue)


def _give_back(entry: Entry) -> None:
    entry.lease = ""


@implementer(INodes)
class MemoryNodes:
    """One process among those of the shared state."""

    def __init__(self, state: MemoryState, node: str) -> None:
        self.id = node
        self._state = state

    def join(self) -> Deferred[None]:
        return execute(self._state.dead.discard, self.id)

    def bury(self) -> Deferred[int]:
        return execute(self._state.change, _give_back, lambda entry: entry.lease in self._state.dead)

    def leave(self) -> Deferred[None]:
        return execute(lambda: (self._state.change(_give_back, lambda entry: entry.lease == self.id), None)[1])
