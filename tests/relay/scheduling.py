"""A scheduler with everything around it in memory: clock, ledger, bodies, and a next hop that answers by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from mailrelay.mail.address import parse_mailbox
from mailrelay.mail.envelope import SECOND, Delivery, Hop, Instructions, Outcome, Recipient, State, Submission, ulid
from mailrelay.mail.message import Message
from mailrelay.policy.retry import Schedule
from mailrelay.relay.compose import compose
from mailrelay.relay.down import DownHosts
from mailrelay.relay.outbound import Outbound, OutboundLimits
from mailrelay.relay.settle import Settler
from mailrelay.relay.turns import LARGE
from mailrelay.store.memory import MemoryBodies, MemoryLedger, MemoryState

from .fakes import START, FakeTransmitter, connection

HOPS = (Hop("mx1.test", 25), Hop("mx2.test", 25))


class World:
    """One process, accounts A to D with a thousand sends each, retries after 60 s and 300 s."""

    def __init__(self, **limits: Any) -> None:
        self.clock = Clock()
        self.state = MemoryState(balance=dict.fromkeys("ABCD", 1000))
        for account in "ABCD":
            self.state.connections[f"C-{account}"] = connection(f"C-{account}", account=account)
        self.ledger = MemoryLedger(self.state, "N1")
        self.bodies = MemoryBodies(self.state)
        self.transmitter = FakeTransmitter()
        self.way: Sequence[Hop] | Outcome = HOPS
        self.fallbacks: dict[str, Sequence[Hop]] = {}
        self.down = DownHosts(self.now)
        self.settler = Settler(
            self.ledger, Schedule((60, 300), 3600), self.now, lambda: 0.0, lambda recipient: succeed(())
        )
        self._ids = count(1)
        self.outbound = Outbound(
            self.ledger,
            self.bodies,
            self.transmitter,
            find_way=lambda delivery: self.find_way(delivery),
            find_fallback=lambda delivery, route: succeed(self.fallbacks.get(route)),
            down=self.down,
            reverse_path=lambda delivery: f"b-{delivery.recipient}@bounces.test" if delivery.sender else "",
            compose=lambda *what: succeed(compose(*what, "relay.test")),
            settle=lambda delivery, outcome: self.settle(delivery, outcome),
            clock=self.clock,
            now=self.now,
            limits=replace(OutboundLimits(), **limits),
        )

    def now(self) -> int:
        return START + round(self.clock.seconds() * SECOND)

    def find_way(self, delivery: Delivery) -> Deferred[Sequence[Hop] | Outcome]:
        return succeed(self.way)

    def settle(self, delivery: Delivery, outcome: Outcome) -> Deferred[int]:
        return self.settler.settle(delivery, outcome)

    def accept(
        self,
        *recipients: str,
        account: str = "A",
        lease: bool | None = None,
        text: str = "x",
        priority: int | None = None,
        lifetime: int = 3600,
    ) -> list[str]:
        """Commit a message as a transaction does, and hand on what is leased; gives the ids of its recipients."""
        id = self._new_id()
        message = Message.parse(f"From: app@acme.test\r\nSubject: {text}\r\n\r\n{text}\r\n".encode())
        mailboxes = [parse_mailbox(each if "@" in each else f"{each}@b.test") for each in recipients]
        submission = Submission(
            id=id,
            account=account,
            connection=f"C-{account}",
            dialect="standard",
            peer="192.0.2.1",
            sender="app@acme.test",
            recipients=tuple(Recipient(self._new_id(), each.address, each.key, each.domain) for each in mailboxes),
            source=message.encode(),
            subject=text,
            received_at=self.now(),
            expires_at=self.now() + lifetime * SECOND,
            instructions=Instructions(priority=priority),
        )
        leased = self.outbound.has_room(submission) if lease is None else lease
        deliveries: list[Sequence[Delivery]] = []
        self.ledger.accept(submission, leased).addCallback(deliveries.append)
        self.outbound.take(deliveries[0], message if submission.size <= LARGE else None)
        return [each.id for each in submission.recipients]

    def _new_id(self) -> str:
        return ulid(self.now(), next(self._ids).to_bytes(10, "big"))

    def states(self, ids: Sequence[str] = ()) -> list[State]:
        return [self.state.recipients[id].state for id in ids or self.state.recipients]

    def leases(self) -> set[str]:
        """The recipients that this process has the lease of, by the store."""
        return {id for id, entry in self.state.recipients.items() if entry.lease == "N1"}

    def pass_time(self, seconds: float) -> None:
        """Let time pass a little at a time, as it does, so that every timer sees the clock as it would."""
        for _ in range(round(seconds * 16)):
            self.clock.advance(1 / 16)
