"""A state machine over the scheduler: whatever the next hop, the store and the clock do, nothing is lost or doubled."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from twisted.internet.defer import fail
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import Bounced, Delivered, State
from mailrelay.mail.envelope import Deferred as Postponed
from mailrelay.mail.reply import Refusal

from ..examples import at_most
from .fakes import LATER, NEVER, NOBODY, OK, Sent
from .scheduling import World

BOUND = 6
ON_THE_WIRE = 3


class OutboundMachine(RuleBasedStateMachine):
    """One process with little room, two accounts, a next hop that says anything, a ledger that fails at times."""

    @initialize()
    def begin(self) -> None:
        self.world = World(in_hand=BOUND, concurrency=ON_THE_WIRE, claim=2, kept=400)
        self.settle = self.world.settle
        self.failing = False
        self.world.settle = self.settle_or_fail  # type: ignore[method-assign]
        self.world.outbound.start()
        self.ids: list[str] = []
        self.delivered: Counter[str] = Counter()
        self.numbers = 0

    def settle_or_fail(self, delivery: Any, outcome: Any) -> Any:
        if self.failing:
            return fail(Refusal("temporary", rule="store_busy"))
        return self.settle(delivery, outcome)

    # What happens

    @rule(account=st.sampled_from("AB"), number=st.integers(1, 3), lease=st.booleans())
    def accept(self, account: str, number: int, lease: bool) -> None:
        recipients = [f"r{self.numbers + place}" for place in range(number)]
        self.numbers += number
        self.ids += self.world.accept(*recipients, account=account, lease=None if lease else False, text="x" * 100)

    @rule(data=st.data(), what=st.sampled_from(("deliver", "deliver", "defer", "bounce", "nobody")))
    def answer(self, data: st.DataObject, what: str) -> None:
        if self.world.transmitter.pending:
            sent = data.draw(st.sampled_from(self.world.transmitter.pending))
            self.tell(sent, what)

    def tell(self, sent: Sent, what: str) -> None:
        now, host = self.world.now(), sent.hop.host
        if what == "deliver":
            self.delivered[sent.recipient] += 1
            sent.answer(Delivered(OK, host, now))
        elif what == "bounce":
            sent.answer(Bounced(NEVER, host, now))
        else:
            nobody = what == "nobody"
            sent.answer(Postponed(NOBODY if nobody else LATER, host, now, asked=not nobody))

    @rule(seconds=st.sampled_from((0.25, 1, 70, 400)))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds) if seconds < 2 else self.world.clock.advance(seconds)

    @rule()
    def the_ledger_fails(self) -> None:
        self.failing = True

    @rule()
    def the_ledger_recovers(self) -> None:
        self.failing = False
        self.world.clock.advance(1)

    # What must hold

    @invariant()
    def in_hand_is_what_is_leased(self) -> None:
        """What the process means to hold is what the store says it holds: no lease is lost, none is used twice."""
        assert set(self.world.outbound.in_hand) == self.world.leases()

    @invariant()
    def bounds_hold(self) -> None:
        assert len(self.world.outbound.in_hand) <= BOUND
        assert len(self.world.transmitter.pending) <= ON_THE_WIRE
        assert self.world.outbound._turns.active == len(self.world.transmitter.pending)

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        """No recipient is delivered twice, none is on the wire twice: a failing ledger is told again, not the hop."""
        assert all(number == 1 for number in self.delivered.values())
        assert max(Counter(sent.recipient for sent in self.world.transmitter.pending).values(), default=0) <= 1

    def teardown(self) -> None:
        """At last every recipient that was accepted is in exactly one final state, the one that the hop told of."""
        if not hasattr(self, "world"):
            return
        world, self.failing = self.world, False
        for _ in range(3 * len(self.ids) + 10):
            for sent in world.transmitter.pending:
                self.tell(sent, "deliver")
            world.clock.advance(61)
        assert all(state.final for state in world.states())
        assert sorted(world.state.recipients) == sorted(self.ids)
        for entry in world.state.recipients.values():
            heard = entry.state is State.DELIVERED
            assert self.delivered[entry.delivery.address] == int(heard), entry
        assert (world.leases(), len(world.outbound._kept), len(list(world.outbound._turns))) == (set(), 0, 0)


class OutboundMachineTests(SynchronousTestCase):
    def test_machine(self) -> None:
        """Every accepted recipient ends in one final state, and nobody gets a mail twice (laws 3 and 4, I1, I2)."""
        run_state_machine_as_test(OutboundMachine, settings=at_most(150, stateful_step_count=40))
        self.flushLoggedErrors(Refusal)
