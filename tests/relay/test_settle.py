"""Settling: an outcome becomes one call of the ledger, and one line of the log."""

from __future__ import annotations

from twisted.internet.defer import fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.history import Attempt
from mailrelay.mail.envelope import SECOND, Bounced, Delivered, Delivery, Outcome, State
from mailrelay.mail.envelope import Deferred as Postponed
from mailrelay.policy.retry import Schedule
from mailrelay.relay.settle import Settler
from mailrelay.store.memory import Entry, MemoryLedger, MemoryState

from .fakes import LATER, NEVER, OK, START, delivery, logged, told


class SettlerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = START
        self.state = MemoryState(balance={"A": 5})
        self.ledger = MemoryLedger(self.state, "N1")
        self.attempts: list[Attempt] = []
        schedule = Schedule((60, 300), 3600)
        self.settler = Settler(
            self.ledger, schedule, lambda: self.now, lambda: 0.0, lambda recipient: succeed(self.attempts)
        )

    def leased(self, billing: str = "accept", attempts: int = 0, recipient: str = "R1") -> Delivery:
        made = delivery(recipient, billing=billing, attempts=attempts)
        self.state.recipients[recipient] = Entry(made, "r1@b.test", lease="N1", reserved=int(billing == "attempt"))
        return made

    def settle(self, made: Delivery, outcome: Outcome) -> int:
        return self.successResultOf(self.settler.settle(made, outcome))

    def test_outcomes(self) -> None:
        """Each outcome has its state; only what is deferred is told to come back, at the instant of its schedule."""
        for outcome, state in (
            (Delivered(OK, "mx", START), State.DELIVERED),
            (Bounced(NEVER, "mx", START), State.BOUNCED),
        ):
            self.assertEqual(self.settle(self.leased(), outcome), 0)
            self.assertEqual(self.state.recipients["R1"].state, state)
        for attempts, wait in ((0, 60), (1, 300), (7, 300)):
            due_at = self.settle(self.leased(attempts=attempts), Postponed(LATER, "mx", START))
            self.assertEqual(due_at, START + wait * SECOND)
            entry = self.state.recipients["R1"]
            self.assertEqual((entry.state, entry.due_at, entry.lease), (State.DEFERRED, due_at, ""))

    def test_deadline(self) -> None:
        """A deferral at the deadline ends the recipient; it does not come back (law 3, O15)."""
        made = self.leased()
        self.now = made.expires_at
        self.assertEqual(self.settle(made, Postponed(LATER, "mx", self.now)), 0)
        self.assertEqual(self.state.recipients["R1"].state, State.EXPIRED)

    def test_money(self) -> None:
        """What is billed on the attempt is captured by a delivery, and at the deadline (law 5)."""
        self.settle(self.leased("attempt"), Delivered(OK, "mx", START))
        self.assertEqual((self.state.balance["A"], self.state.reserved("A")), (4, 0))
        made = self.leased("attempt", recipient="R2")
        self.now = made.expires_at
        self.settle(made, Postponed(LATER, "mx", self.now))
        self.assertEqual((self.state.balance["A"], self.state.reserved("A")), (3, 0))

    def test_may_have_arrived_twice(self) -> None:
        """O2: what may have arrived is sent again once; after a second such attempt it is held back, and told of."""
        lost = Postponed(LATER, "mx", START, uncertain=True)
        self.settle(self.leased(), lost)
        self.assertFalse(self.state.recipients["R1"].held)
        self.attempts = [
            Attempt(1, START, "", "mx", "", "", "", State.DEFERRED, str(LATER), START, {"uncertain": True}, ""),
            Attempt(2, START, "", "mx", "", "", "", State.DEFERRED, str(LATER), START, {}, ""),
        ]
        with logged() as events:
            self.settle(self.leased(attempts=2), lost)
        entry = self.state.recipients["R1"]
        self.assertEqual((entry.state, entry.held), (State.DEFERRED, True))
        self.assertIn("M1 R1 may have arrived 2 times: held back", told(events))

    def test_lost_lease(self) -> None:
        """Whose lease was lost is told of as a possible duplicate, and nothing moves (law 4)."""
        made = self.leased()
        self.state.recipients["R1"].lease = "N2"
        with logged() as events:
            self.assertEqual(self.settle(made, Postponed(LATER, "mx", START)), 0)
        self.assertIn("possible duplicate of R1", told(events))
        self.assertEqual(self.state.recipients["R1"].state, State.QUEUED)

    def test_logged(self) -> None:
        """One line tells which message, which recipient, what became of it, by which reply of which host."""
        with logged() as events:
            self.settle(self.leased(), Postponed(LATER, "mx.b.test", START))
        self.assertEqual(len(events), 1)
        self.assertIn("M1 R1 deferred: 450 4.2.0 Later (mx.b.test)", told(events))

    def test_failure(self) -> None:
        """A ledger that could not commit is told of to the scheduler, which settles again."""
        self.ledger.settle = lambda settlement: fail(OSError(5, "Input/output error"))  # type: ignore[method-assign]
        self.failureResultOf(self.settler.settle(self.leased(), Delivered(OK, "mx", START)), OSError)
