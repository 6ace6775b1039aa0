"""A state machine over the ledger: whatever happens in whatever order, laws 1 to 5 hold and the books balance.

Against a model so simple that it can be read: every recipient with its state, its lease and its money. Processes
crash, stop, are taken over, settle too late, and lose the outcome of a commit; the memory twin and both databases
must agree with the model after each step.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.ledger import KEY_LIFETIME, Lane, Undecided
from mailrelay.mail.envelope import SECOND, Instructions, Settlement, State, Submission
from mailrelay.mail.reply import Refusal
from mailrelay.store.claim import BLOCKED_PAUSE

from ..examples import at_most
from .worlds import HOUR, DatabaseWorld, MemoryWorld, Process, Seen, postgres_world, result, sqlite_world, submission

DESTINATIONS = ("b.test", "c.test")
OPENING = 12
OUTCOMES = {
    State.DELIVERED: "capture",
    State.BOUNCED: "capture",
    State.FAILED: "capture",
    State.DEFERRED: "",
}


@dataclass
class Modelled:
    """One recipient as it must be."""

    connection: str
    key: str
    destination: str
    accepted_at: int
    expires_at: int
    due_at: int
    lease: str
    reserved: int
    billed: int
    state: State = State.QUEUED
    held: bool = False
    attempts: int = 0

    def seen(self) -> Seen:
        return Seen(self.state, self.lease, self.held, self.attempts, self.reserved, self.billed, self.due_at)

    def end(self, state: State) -> None:
        self.billed |= self.reserved if state is not State.SUPPRESSED else 0
        self.state, self.lease, self.held, self.reserved = state, "", False, 0


@dataclass
class Key:
    """What an idempotency key must stand for: a message by its digest, since then; rows by canonical address."""

    message: str
    digest: str
    at: int
    ids: dict[str, str] = field(default_factory=dict)


class LedgerMachine(RuleBasedStateMachine):
    """Two processes, one account with little money, two connections, two destinations."""

    def make(self) -> MemoryWorld | DatabaseWorld:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.world = self.make()
        self.account = self.world.account(OPENING)
        self.connections = {self.world.connection(self.account): "active" for _ in range(2)}
        self.processes = [self.world.start() for _ in range(2)]
        self.model: dict[str, Modelled] = {}
        self.suppressed: set[str] = set()
        self.gone: list[tuple[Process, str]] = []
        self.known: dict[str, int] = {}
        self.keys: dict[tuple[str, str], Key] = {}

    # What happens

    @rule(
        who=st.integers(0, 1),
        through=st.integers(0, 1),
        number=st.integers(1, 3),
        where=st.sampled_from(DESTINATIONS),
        lease=st.booleans(),
        at_once=st.booleans(),
    )
    def accept(self, who: int, through: int, number: int, where: str, lease: bool, at_once: bool) -> None:
        made = self._submission(through, number, where, at_once)
        process = self.processes[who]
        if self._available() < number:
            self._refused(process, made, lease, "balance_short")
        else:
            deliveries = result(process.ledger.accept(made, lease))
            self._accepted(made, process.node if lease else "")
            expected = [recipient.id for recipient in made.recipients] if lease else []
            assert [delivery.recipient for delivery in deliveries] == expected

    @precondition(lambda self: self.world.commits)
    @rule(who=st.integers(0, 1), number=st.integers(1, 2), there=st.booleans(), lease=st.booleans())
    def accept_with_a_lost_outcome(self, who: int, number: int, there: bool, lease: bool) -> None:
        """The outcome of the commit is unknown at first and found out in time: success only for what is there (law
        1)."""
        made = self._submission(0, number, DESTINATIONS[0], True)
        process = self.processes[who]
        if self._available() < number:
            return
        assert isinstance(self.world, DatabaseWorld)
        self.world.lose_commit(process, there)
        if there:
            result(process.ledger.accept(made, lease))
            self._accepted(made, process.node if lease else "")
        else:
            self._refused(process, made, lease, "temporary")

    @precondition(lambda self: self.world.commits)
    @rule(who=st.integers(0, 1), there=st.booleans(), lease=st.booleans(), taken=st.booleans(), at_once=st.booleans())
    def accept_undecided(self, who: int, there: bool, lease: bool, taken: bool, at_once: bool) -> None:
        """Nobody can tell in time: no reply. On return the batch is voided and refunded, but for what another process
        took up meanwhile."""
        made = self._submission(0, 1, DESTINATIONS[0], at_once)
        process, other = self.processes[who], self.processes[1 - who]
        if self._available() < 1:
            return
        assert isinstance(self.world, DatabaseWorld)
        heal = self.world.lose_commit(process, there, cut=True)
        try:
            result(process.ledger.accept(made, lease))
            raise AssertionError("answered although nobody can know")
        except Undecided:
            pass
        if there:
            self._accepted(made, process.node if lease else "")
        if taken:
            self._claim(other, DESTINATIONS[0])
        heal()
        assert result(process.ledger.release(["nothing"])) == 0
        modelled = self.model.get(made.recipients[0].id)
        if modelled is not None and not modelled.state.final and modelled.lease in ("", process.node):
            modelled.end(State.FAILED)
            modelled.billed = 0

    @rule(
        who=st.integers(0, 1),
        through=st.integers(0, 1),
        number=st.integers(1, 3),
        lease=st.booleans(),
        key=st.sampled_from("kl"),
        digest=st.sampled_from("ddde"),
    )
    def accept_once(self, who: int, through: int, number: int, lease: bool, key: str, digest: str) -> None:
        """Under a key that stands for something only what is new of it is taken."""
        made = self._keyed(through, number, key, digest)
        process = self.processes[who]
        refused = self._refused_once(made)
        if refused:
            try:
                result(process.ledger.accept_once(made, lease))
                raise AssertionError(f"accepted instead of {refused}")
            except Refusal as found:
                assert found.key == refused
        else:
            once = result(process.ledger.accept_once(made, lease))
            fresh = self._accepted_once(made, process.node if lease else "")
            assert once.id == self.keys[made.connection, key].message
            assert [each.recipient for each in once.deliveries] == (fresh if lease else [])

    @precondition(lambda self: self.world.commits)
    @rule(who=st.integers(0, 1), there=st.booleans(), lease=st.booleans(), taken=st.booleans(), told=st.booleans())
    def accept_once_undecided(self, who: int, there: bool, lease: bool, taken: bool, told: bool) -> None:
        """Nobody can tell in time; on return the batch is voided with its keys, but for what another process took up,
        or told its own client of, meanwhile."""
        made = self._keyed(0, 1, "k", "d")
        process, other = self.processes[who], self.processes[1 - who]
        if self._refused_once(made):
            return
        assert isinstance(self.world, DatabaseWorld)
        heal = self.world.lose_commit(process, there, cut=True)
        try:
            result(process.ledger.accept_once(made, lease))
            raise AssertionError("answered although nobody can know")
        except Undecided:
            pass
        fresh = self._accepted_once(made, process.node if lease else "") if there else []
        if told and there:
            assert result(other.ledger.accept_once(self._keyed(0, 1, "k", "d"), False)).deliveries == ()
        if taken:
            self._claim(other, DESTINATIONS[0])
        heal()
        assert result(process.ledger.release(["nothing"])) == 0
        for id in fresh:
            modelled = self.model[id]
            if not told and not modelled.state.final and modelled.lease in ("", process.node):
                modelled.end(State.FAILED)
                modelled.billed = 0
                del self.keys[made.connection, "k"].ids[modelled.key]

    @rule(who=st.integers(0, 1), where=st.sampled_from(DESTINATIONS))
    def claim(self, who: int, where: str) -> None:
        self._claim(self.processes[who], where)

    @rule(data=st.data(), state=st.sampled_from(list(OUTCOMES)))
    def settle(self, data: st.DataObject, state: State) -> None:
        leased = [id for id, modelled in self.model.items() if modelled.lease]
        if not leased:
            return
        id = data.draw(st.sampled_from(leased))
        modelled = self.model[id]
        process = next(process for process in self.processes if process.node == modelled.lease)
        assert self._settle(process, id, state) is True
        modelled.attempts += 1
        modelled.lease = ""
        modelled.state = state
        modelled.due_at = self.world.now + 60 * SECOND
        if state.final:
            modelled.billed |= modelled.reserved if OUTCOMES[state] == "capture" else 0
            modelled.reserved = 0

    @rule(data=st.data())
    def settle_without_the_lease(self, data: st.DataObject) -> None:
        """What is not ours, not ours any more, or ended already, cannot be settled (law 4)."""
        if not self.model:
            return
        id = data.draw(st.sampled_from(list(self.model)))
        for process in self.processes:
            if self.model[id].lease != process.node:
                assert self._settle(process, id, State.DELIVERED) is False

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        process = data.draw(st.sampled_from(self.processes))
        mine = [id for id, modelled in self.model.items() if modelled.lease == process.node]
        given = data.draw(st.lists(st.sampled_from(mine), unique=True)) if mine else []
        assert result(process.ledger.release(given)) == len(given)
        for id in given:
            self.model[id].lease = ""

    @rule(who=st.integers(0, 1))
    def crash(self, who: int) -> None:
        """A process is gone; the other takes over what it had."""
        self._replace(who, self.world.crash)

    @rule(who=st.integers(0, 1))
    def stop(self, who: int) -> None:
        self._replace(who, self.world.stop)

    @rule(seconds=st.sampled_from((1, 60, 600, HOUR // SECOND)))
    def time_passes(self, seconds: int) -> None:
        self.world.now += seconds * SECOND

    @rule(who=st.integers(0, 1))
    def expire(self, who: int) -> None:
        overdue = [m for m in self._pending() if not m.lease and m.expires_at <= self.world.now]
        assert result(self.processes[who].ledger.expire(self.world.now)) == len(overdue)
        for modelled in overdue:
            modelled.end(State.EXPIRED)

    @rule(data=st.data(), what=st.sampled_from(("hold", "unhold", "retry", "drop")))
    def intervene(self, data: st.DataObject, what: str) -> None:
        if not self.model:
            return
        id = data.draw(st.sampled_from(list(self.model)))
        modelled, pending = self.model[id], not self.model[id].state.final
        if what in ("hold", "unhold"):
            changed = pending and modelled.held is (what == "unhold")
            assert self.world.hold(id, what == "hold") == int(changed)
            modelled.held ^= changed
        elif what == "retry":
            changed = pending and not modelled.lease and modelled.due_at > self.world.now
            assert self.world.retry(id) == int(changed)
            modelled.due_at = self.world.now if changed else modelled.due_at
        else:
            changed = pending and not modelled.lease
            assert self.world.drop(id) == int(changed)
            if changed:
                modelled.end(State.FAILED)

    @rule(number=st.integers(0, 2), where=st.sampled_from(DESTINATIONS))
    def suppress(self, number: int, where: str) -> None:
        self.world.suppress(self.account, f"{number}@{where}")
        self.suppressed.add(f"{number}@{where}")

    @rule(through=st.integers(0, 1), status=st.sampled_from(("active", "blocked")))
    def set_status(self, through: int, status: str) -> None:
        connection = list(self.connections)[through]
        self.world.set_status(connection, status)
        if status == "active" and self.connections[connection] != "active":
            for modelled in self._pending():
                if modelled.connection == connection and modelled.state is State.QUEUED:
                    modelled.due_at = modelled.accepted_at
        self.connections[connection] = status

    # What must hold

    @invariant()
    def rows_are_as_modelled(self) -> None:
        """Every recipient is in exactly one state, the one the model says (law 3); nothing refused is there (laws 1,
        2)."""
        found = self.world.rows(self.account)
        assert found.keys() == self.model.keys()
        for id, modelled in self.model.items():
            expected, seen = modelled.seen(), found[id]
            if modelled.state.final:
                assert (seen.state, seen.lease, seen.reserved, seen.billed) == (modelled.state, "", 0, modelled.billed)
            else:
                assert seen == expected, id

    @invariant()
    def money_is_as_modelled(self) -> None:
        """Charged exactly once, never below zero (law 5)."""
        billed = sum(modelled.billed for modelled in self.model.values())
        reserved = sum(modelled.reserved for modelled in self.model.values())
        assert self.world.money(self.account) == (OPENING - billed, reserved)
        assert OPENING - billed - reserved >= 0

    @invariant()
    def lanes_are_as_modelled(self) -> None:
        lanes = {
            lane.destination: lane.due_at
            for lane in result(self.processes[0].ledger.lanes({}, 100))
            if lane.account == self.account
        }
        expected: dict[str, int] = {}
        for modelled in self._pending():
            if not modelled.lease and not modelled.held:
                earliest = expected.get(modelled.destination, modelled.due_at)
                expected[modelled.destination] = min(earliest, modelled.due_at)
        assert lanes == expected

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        for process in self.processes:
            self.world.stop(process)
        for id in self.model:
            self.world.drop(id)
        assert self.world.audit() == []
        self.world.close()

    # How

    def _submission(self, through: int, number: int, where: str, at_once: bool) -> Submission:
        return submission(
            self.account,
            list(self.connections)[through],
            [f"{place}@{where}" for place in range(number)],
            self.world.now,
            billing="accept" if at_once else "attempt",
        )

    def _keyed(self, through: int, number: int, key: str, digest: str) -> Submission:
        made = self._submission(through, number, DESTINATIONS[0], True)
        return replace(made, instructions=Instructions(idempotency_key=key), digest=digest)

    def _standing(self, made: Submission) -> Key | None:
        """What the key of a submission stands for by now."""
        found = self.keys.get((made.connection, made.instructions.idempotency_key))
        if found is None or not found.ids or found.at <= self.world.now - KEY_LIFETIME:
            return None
        return found

    def _refused_once(self, made: Submission) -> str:
        standing = self._standing(made)
        if standing is not None and standing.digest != made.digest:
            return "idempotency_conflict"
        known = standing.ids if standing is not None else {}
        fresh = [recipient for recipient in made.recipients if recipient.key not in known]
        return "balance_short" if fresh and self._available() < len(fresh) else ""

    def _accepted_once(self, made: Submission, lease: str) -> list[str]:
        """The recipients that are new."""
        standing = self._standing(made)
        if standing is None:
            standing = Key(made.id, made.digest, made.received_at)
            self.keys[made.connection, made.instructions.idempotency_key] = standing
        fresh = tuple(recipient for recipient in made.recipients if recipient.key not in standing.ids)
        standing.ids |= {recipient.key: recipient.id for recipient in fresh}
        self._accepted(replace(made, recipients=fresh), lease)
        return [recipient.id for recipient in fresh]

    def _available(self) -> int:
        return OPENING - sum(modelled.billed + modelled.reserved for modelled in self.model.values())

    def _pending(self) -> list[Modelled]:
        return [modelled for modelled in self.model.values() if not modelled.state.final]

    def _accepted(self, made: Submission, lease: str) -> None:
        at_once = made.billing == "accept"
        for recipient in made.recipients:
            self.model[recipient.id] = Modelled(
                connection=made.connection,
                key=recipient.key,
                destination=recipient.destination,
                accepted_at=made.received_at,
                expires_at=made.expires_at,
                due_at=made.received_at,
                lease=lease,
                reserved=int(not at_once),
                billed=int(at_once),
            )

    def _refused(self, process: Process, made: Submission, lease: bool, key: str) -> None:
        try:
            result(process.ledger.accept(made, lease))
        except Refusal as refused:
            assert refused.key == key
        else:
            raise AssertionError(f"accepted instead of {key}")

    def _claim(self, process: Process, where: str) -> None:
        now = self.world.now
        found = result(process.ledger.claim(Lane(self.account, where, 0), 100, now))
        head = {
            id: modelled
            for id, modelled in self.model.items()
            if not (modelled.state.final or modelled.lease or modelled.held)
            and modelled.destination == where
            and modelled.due_at <= now
        }
        expected = set()
        for id, modelled in head.items():
            if modelled.expires_at <= now:
                modelled.end(State.EXPIRED)
            elif modelled.key in self.suppressed:
                modelled.end(State.SUPPRESSED)
            elif self.connections[modelled.connection] != "active":
                modelled.due_at = now + BLOCKED_PAUSE
            else:
                modelled.lease = process.node
                expected.add(id)
        assert {delivery.recipient for delivery in found} == expected
        due = [self.model[delivery.recipient].due_at for delivery in found]
        assert due == sorted(due)

    def _settle(self, process: Process, id: str, state: State) -> Any:
        due_at = self.world.now + 60 * SECOND
        settlement = Settlement(id, state, due_at=due_at, charge=OUTCOMES[state], at=self.world.now)
        return result(process.ledger.settle(settlement))

    def _replace(self, who: int, end: Any) -> None:
        process, other = self.processes[who], self.processes[1 - who]
        end(process)
        self.world.bury(other)
        for modelled in self._pending():
            if modelled.lease == process.node:
                modelled.lease = ""
        self.processes[who] = self.world.start()


class MemoryMachine(LedgerMachine):
    def make(self) -> MemoryWorld:
        return MemoryWorld()


class SqliteMachine(LedgerMachine):
    def make(self) -> DatabaseWorld:
        return sqlite_world("machine")


class PostgresMachine(LedgerMachine):
    def make(self) -> DatabaseWorld:
        return postgres_world("machine")


class LedgerMachineTests(SynchronousTestCase):
    """The machine, run a bounded and repeatable number of times."""

    def run_machine(self, machine: type[LedgerMachine], examples: int, steps: int) -> None:
        run_state_machine_as_test(machine, settings=at_most(examples, stateful_step_count=steps))

    def test_memory(self) -> None:
        """Laws 1 to 5 hold in the memory twin, whatever happens in whatever order."""
        self.run_machine(MemoryMachine, 100, 40)

    def test_sqlite(self) -> None:
        """Laws 1 to 5 hold in SQLite, whatever happens in whatever order."""
        self.run_machine(SqliteMachine, 20, 40)

    def test_postgres(self) -> None:
        """Laws 1 to 5 hold in PostgreSQL, whatever happens in whatever order."""
        self.run_machine(PostgresMachine, 12, 30)
