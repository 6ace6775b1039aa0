"""What the tests of the relay stand on: values made in one line, and fakes of what lies beyond its borders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from mailrelay.interfaces.directory import ConnectionFacts
from mailrelay.interfaces.submission import Peer
from mailrelay.interfaces.transmitter import ITransmitter
from mailrelay.interfaces.verdicts import IVerdicts
from mailrelay.mail.envelope import SECOND, Capabilities, Delivered, Delivery, Hop, Outcome
from mailrelay.mail.envelope import Deferred as Postponed
from mailrelay.mail.reply import Reply
from mailrelay.policy.dialect import Dialects

START = 1_700_000_000 * SECOND
DIALECTS = Dialects.shipped()
OK = Reply(250, "2.0.0", "Ok")
LATER = Reply(450, "4.2.0", "Later")
NEVER = Reply(550, "5.1.1", "Never")
NOBODY = Reply(451, "4.4.1", "No connection")

_numbers = count(1)


def connection(id: str = "C1", **changes: Any) -> ConnectionFacts:
    """An active connection of account A, whose sender is of acme.test."""
    facts: dict[str, Any] = {
        "account": "A",
        "name": "shop",
        "dialect": "standard",
        "status": "active",
        "sender": "app@acme.test",
        "sender_domain": "acme.test",
        "options": DIALECTS.get(str(changes.get("dialect", "standard"))).options,
    }
    return ConnectionFacts(id=id, **{**facts, **changes})


def peer(address: str = "192.0.2.1", session: str = "", listener: str = "mx") -> Peer:
    """A client; every one is a session of its own unless told otherwise."""
    return Peer(address, listener, session or f"S{next(_numbers)}", "client.test")


def delivery(recipient: str, account: str = "A", message: str = "M1", **changes: Any) -> Delivery:
    """A leased recipient, to be billed on accept, that has an hour."""
    facts: dict[str, Any] = {
        "connection": "C1",
        "sender": "app@acme.test",
        "address": f"{recipient.lower()}@b.test",
        "destination": "b.test",
        "route": "",
        "attempts": 0,
        "accepted_at": START,
        "expires_at": START + 3600 * SECOND,
    }
    return Delivery(recipient=recipient, message=message, account=account, **{**facts, **changes})


@dataclass(slots=True)
class Sent:
    """One call of `transmit`; the test answers it when it likes."""

    hop: Hop
    sender: str
    recipient: str
    compose: Callable[[Capabilities], Deferred[bytes]]
    result: Deferred[Sequence[Outcome]] = field(default_factory=Deferred)

    def answer(self, outcome: Outcome) -> None:
        self.result.callback((outcome,))

    def deliver(self) -> None:
        self.answer(Delivered(OK, self.hop.host, START))

    def defer(self, reply: Reply = LATER) -> None:
        self.answer(Postponed(reply, self.hop.host, START))


@implementer(ITransmitter)
class FakeTransmitter:
    """Keeps what it is asked to send; `pending` are those without an answer, `at_once` answers without being asked."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.at_once: Callable[[Sent], None] | None = None

    def transmit(
        self, hop: Hop, sender: str, recipients: Sequence[str], compose: Callable[[Capabilities], Deferred[bytes]]
    ) -> Deferred[Sequence[Outcome]]:
        (recipient,) = recipients
        sent = Sent(hop, sender, recipient, compose)
        self.sent.append(sent)
        if self.at_once is not None:
            self.at_once(sent)
        return sent.result

    def close(self) -> Deferred[None]:
        return succeed(None)

    @property
    def pending(self) -> list[Sent]:
        return [sent for sent in self.sent if not sent.result.called]

    @property
    def addressed(self) -> list[str]:
        """The local parts of what was sent, in order."""
        return [sent.recipient.partition("@")[0] for sent in self.sent]


@implementer(IVerdicts)
class KeptVerdicts:
    """The book of refusals."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str, str, str, Sequence[Mapping[str, object]]]] = []

    def keep(
        self, connection: str, account: str, peer: str, stage: str, verdicts: Sequence[Mapping[str, object]]
    ) -> None:
        self.kept.append((connection, account, peer, stage, verdicts))


@contextmanager
def logged() -> Iterator[list[LogEvent]]:
    """Every event logged meanwhile, at any level."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        yield events
    finally:
        globalLogPublisher.removeObserver(events.append)


def told(events: Sequence[LogEvent]) -> str:
    """All that events say: their texts, their fields, and the tracebacks they bear."""
    failures = [event["log_failure"] for event in events if "log_failure" in event]
    texts = [formatEvent(event) for event in events] + [repr(event) for event in events]
    return "\n".join(texts + [f"{failure.getTraceback(detail='verbose')}" for failure in failures])
