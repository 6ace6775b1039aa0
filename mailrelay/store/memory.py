"""The memory twin: what the ledger, the nodes, the bodies and the directory promise, in plain dictionaries.

For unit tests of those who use them; the same tests run over it and over the databases. Several ledgers may share one
state, as processes share a database. It keeps nothing, knows no threads, and every Deferred has fired on return.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from twisted.internet.defer import Deferred, execute, succeed
from zope.interface import implementer

from ..interfaces.bodies import IBodies, ISpool
from ..interfaces.directory import (
    ConnectionFacts,
    Credential,
    IDirectory,
    RecipientFacts,
    SenderFacts,
    SigningKey,
    TagFacts,
)
from ..interfaces.engagement import KEPT, Engagement, IEngagement
from ..interfaces.events import Happening
from ..interfaces.ledger import KEY_LIFETIME, ILedger, Lane, Once
from ..interfaces.nodes import INodes
from ..interfaces.registry import Taken
from ..interfaces.routes import IRoutes, RouteNames, StoredRoute
from ..interfaces.templates import ITemplates, Template
from ..mail.envelope import DAY, SECOND, Delivery, Return, Settlement, State, Submission, deliveries_of
from ..mail.event import Event
from ..mail.reply import Refusal
from ..policy.bounce import mailbox_full, shipped
from ..policy.rejection import within
from ..policy.settlement import HARD_BOUNCE, TRANSITIONS
from .memory_money import MemoryMoney

_BLOCKED_PAUSE = 60 * SECOND


@dataclass(slots=True)
class Entry:
    """One recipient."""

    delivery: Delivery
    key: str
    state: State = State.QUEUED
    lease: str = ""
    held: bool = False
    due_at: int = 0
    reserved: int = 0
    billed: int = 0
    last: str = ""

    @property
    def waiting(self) -> bool:
        return not self.state.final and not self.lease and not self.held


@dataclass(slots=True)
class MemoryState(MemoryMoney):
    """What processes share. Fill it by hand: `balance` in sends by account, connections by id, suppressions by
    (account, key) with their reason, domains by (account, name) with their status."""

    connections: dict[str, ConnectionFacts] = field(default_factory=dict)
    credentials: dict[str, tuple[Credential, ...]] = field(default_factory=dict)
    #: what is looked up by its digest alone
    keys: dict[str, tuple[Credential, ...]] = field(default_factory=dict)
    domains: dict[tuple[str, str], str] = field(default_factory=dict)
    #: status by (account, canonical address)
    senders: dict[tuple[str, str], str] = field(default_factory=dict)
    suppressions: dict[tuple[str, str], str] = field(default_factory=dict)
    full: dict[tuple[str, str], int] = field(default_factory=dict)
    signing_keys: dict[tuple[str, str], tuple[SigningKey, ...]] = field(default_factory=dict)
    #: stored routes by (account or "", id)
    routes: dict[tuple[str, str], StoredRoute] = field(default_factory=dict)
    switches: dict[str, str] = field(default_factory=dict)
    #: of the accounts whose weight is not 1
    weights: dict[str, int] = field(default_factory=dict)
    #: by (account, id), the newest last
    templates: dict[tuple[str, str], list[Template]] = field(default_factory=dict)
    submissions: dict[str, Submission] = field(default_factory=dict)
    recipients: dict[str, Entry] = field(default_factory=dict)
    spooled: dict[str, dict[int, bytes]] = field(default_factory=dict)
    acts: dict[str, list[Engagement]] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    #: by (connection, key): the message's id, its digest, when it came, and the recipients by canonical address
    keyed: dict[tuple[str, str], tuple[str, str, int, set[str]]] = field(default_factory=dict)
    #: by connection: the day, and what counts on it against the daily limit
    daily: dict[str, tuple[int, int]] = field(default_factory=dict)
    #: the outbox, numbered from 1
    happened: list[Happening] = field(default_factory=list)
    #: the next accepts fail with these, one each
    failures: list[Exception] = field(default_factory=list)

    def reserved(self, account: str) -> int:
        return sum(entry.reserved for entry in self.recipients.values() if entry.delivery.account == account)

    def available(self, account: str) -> int:
        return self.balance.get(account, 0) - self.reserved(account)

    def sent(self, connection: str, now: int) -> int:
        day, sent = self.daily.get(connection, (0, 0))
        return sent if day == now // DAY else 0

    def change(self, change: Callable[[Entry], object], fits: Callable[[Entry], bool]) -> int:
        """Do something to every pending recipient that fits; gives how many."""
        found = [entry for entry in self.recipients.values() if not entry.state.final and fits(entry)]
        for entry in found:
            change(entry)
        return len(found)

    def end(self, entry: Entry, state: State, reason: str = "", at: int = 0) -> None:
        """Bring a recipient to an end without an attempt."""
        if entry.reserved and TRANSITIONS[state].attempt == "capture":
            entry.billed = 1
            self.book(entry.delivery.recipient, "send", entry.delivery.account, -1, at)
        entry.state, entry.lease, entry.held, entry.reserved, entry.last = state, "", False, 0, reason
        self.came_back(entry.delivery.account)
        self.tell(TRANSITIONS[state].event, entry, at, reply=reason)

    def tell(self, event: str, entry: Entry, at: int, **more: Any) -> None:
        """Put an event of a recipient into the outbox."""
        delivery = entry.delivery
        submission = self.submissions.get(delivery.message)
        if delivery.connection and submission is not None:  # of mail of the system itself nobody is told
            facts = self.connections.get(delivery.connection)
            self.happened.append(
                Happening(
                    id=self.happened[-1].id + 1 if self.happened else 1,
                    event=Event[event.upper()],
                    at=at,
                    account=delivery.account,
                    connection=delivery.connection,
                    connection_name=facts.name if facts else "",
                    dialect=submission.dialect,
                    message=delivery.message,
                    recipient=delivery.recipient,
                    sender=delivery.sender,
                    rcpt=delivery.address,
                    subject=submission.subject,
                    tag=submission.instructions.tag,
                    client_ref=submission.instructions.client_ref,
                    metadata=submission.instructions.metadata,
                    accepted_at=delivery.accepted_at,
                    **more,
                )
            )


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


@implementer(IBodies)
class MemoryBodies:
    """The sources of what was accepted."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def read(self, message: str) -> Deferred[bytes]:
        def read() -> bytes:
            source = self._state.submissions[message].source
            return source + b"".join(octets for _, octets in sorted(self._state.spooled.get(message, {}).items()))

        return execute(read)


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


@implementer(ISpool)
class MemorySpool:
    """Pieces of the sources to come."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def put(self, message: str, number: int, octets: bytes) -> Deferred[None]:
        self._state.spooled.setdefault(message, {})[number] = octets
        return succeed(None)

    def read(self, message: str) -> Deferred[bytes]:
        return succeed(b"".join(octets for _, octets in sorted(self._state.spooled.get(message, {}).items())))

    def drop(self, message: str) -> Deferred[None]:
        if message not in self._state.submissions:
            self._state.spooled.pop(message, None)
        return succeed(None)


@implementer(ITemplates)
class MemoryTemplates:
    """Templates of the shared state; accounts are those that have a balance."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def every(self, account: str | None = None) -> Deferred[Sequence[Template]]:
        found = [kept[-1] for (owner, _), kept in self._state.templates.items() if account in (None, owner)]
        return succeed(sorted(found, key=lambda each: (each.id, each.account)))

    def versions(self, account: str, id: str) -> Deferred[Sequence[Template]]:
        return succeed(self._state.templates.get((account, id), [])[::-1])

    def save(self, template: Template, new: bool) -> Deferred[Template]:
        return execute(self._save, template, new)

    def _save(self, template: Template, new: bool) -> Template:
        owner, place = template.account, (template.account, template.id)
        if (owner and owner not in self._state.balance) or (not new and place not in self._state.templates):
            raise KeyError(owner)
        if new and place in self._state.templates:
            raise Taken(f"template {template.id}")
        kept = self._state.templates.setdefault(place, [])
        first = kept[0].created_at if kept else template.saved_at
        kept.append(replace(template, version=len(kept) + 1, created_at=first))
        return kept[-1]

    def remove(self, account: str, id: str) -> Deferred[None]:
        return execute(lambda: (self._state.templates.pop((account, id)), None)[1])


@implementer(IRoutes)
class MemoryRoutes:
    """The memory twin of stored routes."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def every(self, account: str | None = None) -> Deferred[Sequence[StoredRoute]]:
        found = [route for route in self._state.routes.values() if account in (None, route.account)]
        return succeed(sorted(found, key=lambda route: (route.created_at, route.id)))

    def add(self, route: StoredRoute) -> Deferred[None]:
        return execute(self._add, route)

    def _add(self, route: StoredRoute) -> None:
        if (route.account, route.id) in self._state.routes:
            raise Taken(f"route {route.id}")
        self._state.routes[route.account, route.id] = route

    def put(self, route: StoredRoute) -> Deferred[None]:
        return execute(self._put, route)

    def _put(self, route: StoredRoute) -> None:
        del self._state.routes[route.account, route.id]
        self._state.routes[route.account, route.id] = route

    def remove(self, account: str, id: str) -> Deferred[None]:
        return execute(lambda: (self._state.routes.pop((account, id)), None)[1])


@implementer(IDirectory)
class MemoryDirectory:
    """Hot reads of the shared state."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def credentials(self, username: str) -> Deferred[tuple[Credential, ...]]:
        return execute(self._state.credentials.get, username.casefold(), ())

    def connection(self, id: str) -> Deferred[ConnectionFacts]:
        return execute(lambda: self._state.connections[id])

    def keys(self, digest: str) -> Deferred[tuple[Credential, ...]]:
        return execute(self._state.keys.get, digest, ())

    def sender(self, account: str, connection: str, domain: str, address: str = "") -> Deferred[SenderFacts]:
        def facts() -> SenderFacts:
            state = self._state
            known = state.connections.get(connection)
            return SenderFacts(
                state.domains.get((account, domain), ""),
                state.available(account),
                known.status if known is not None else "",
                state.senders.get((account, address), ""),
            )

        return execute(facts)

    def signing_keys(self, account: str, domain: str) -> Deferred[tuple[SigningKey, ...] | None]:
        owned = (account, domain) in self._state.domains
        return execute(lambda: self._state.signing_keys.get((account, domain), ()) if owned else None)

    def recipient(self, account: str, key: str) -> Deferred[RecipientFacts]:
        state = self._state
        return execute(
            lambda: RecipientFacts(state.suppressions.get((account, key), ""), state.full.get((account, key), 0))
        )

    def tag(self, account: str, tag: str) -> Deferred[TagFacts]:
        def facts() -> TagFacts:
            submissions = self._state.submissions.values()
            used = {each.instructions.tag for each in submissions if each.account == account} - {""}
            return TagFacts(len(used), tag in used)

        return execute(facts)

    def routes(self, account: str) -> Deferred[RouteNames]:
        found = [each for each in self._state.routes.values() if each.account in (account, "")]
        return execute(RouteNames.of, [(each.account, each.id, each.domains) for each in found])

    def route(self, account: str, id: str) -> Deferred[StoredRoute | None]:
        found = self._state.routes
        return execute(lambda: found.get((account, id)) or found.get(("", id)))

    def template(self, account: str, id: str) -> Deferred[Template | None]:
        def find() -> Template | None:
            for owner in (account, ""):
                if kept := self._state.templates.get((owner, id)):
                    return kept[-1]
            return None

        return execute(find)

    def spent(self, account: str) -> None:
        """Nothing is remembered here."""

    def keyed(self, connection: str, now: int) -> Deferred[bool]:
        found = [at for (owner, _), (_, _, at, _) in self._state.keyed.items() if owner == connection]
        return execute(lambda: any(at > now - KEY_LIFETIME for at in found))

    def sent(self, connection: str, now: int) -> Deferred[int]:
        return execute(self._state.sent, connection, now)

    def weights(self) -> Deferred[Mapping[str, int]]:
        return execute(lambda: dict(self._state.weights))

    def settings(self) -> Deferred[Mapping[str, str]]:
        return execute(lambda: dict(self._state.switches))
