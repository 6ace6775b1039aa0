"""What processes share, in plain dictionaries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...interfaces.directory import (
    ConnectionFacts,
    Credential,
    SigningKey,
)
from ...interfaces.engagement import Engagement
from ...interfaces.events import Happening
from ...interfaces.routes import StoredRoute
from ...interfaces.templates import Template
from ...mail.envelope import DAY, Delivery, State, Submission
from ...mail.event import Event
from ...policy.settlement import TRANSITIONS
from .money import MemoryMoney


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
