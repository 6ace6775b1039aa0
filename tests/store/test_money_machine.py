"""A state machine over money: plans, orders, sends, what comes back, and months that end in the account's zone.

Against a model of two pots so simple that it can be read: this month's sends are used first and come back last, what
is left of them lapses with the month, prepaid ones stay. At each step both pots are as the model says, and the balance
is the sum of the ledger, read page by page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.books import Entry, IBooks, Wanted
from mailrelay.interfaces.orders import (
    GRANTED,
    MONTHLY,
    PREPAID,
    REFUSED,
    REQUESTED,
    WITHDRAWN,
    Decision,
    IOrders,
    Order,
)
from mailrelay.interfaces.plans import IPlans
from mailrelay.interfaces.registry import Account
from mailrelay.mail.envelope import SECOND, Settlement, State, Submission
from mailrelay.mail.reply import Refusal
from mailrelay.manage.plans import month_of
from mailrelay.store import books
from mailrelay.store.claim import void
from mailrelay.store.jobs import CALL
from mailrelay.store.memory.orders import MemoryBooks, MemoryOrders
from mailrelay.store.memory.plans import MemoryPlans

from ..examples import at_most
from .worlds import HOUR, DatabaseWorld, MemoryWorld, new_id, result, sqlite_world, submission

OPENING = 8
_AGES = 10**6 * HOUR
ZONE = "Asia/Tokyo"  # nine hours before Greenwich, always


@dataclass
class Pots:
    """The two pots as they must be. Of the month's `granted` sends `monthly` are left; `taken` are prepaid ones that
    were used since the month began."""

    monthly: int = 0
    prepaid: int = OPENING
    granted: int = 0
    taken: int = 0

    def use(self) -> None:
        if self.monthly:
            self.monthly -= 1
        else:
            self.prepaid, self.taken = self.prepaid - 1, self.taken + 1

    def come_back(self) -> None:
        if self.taken:
            self.prepaid, self.taken = self.prepaid + 1, self.taken - 1
        elif self.monthly < self.granted:
            self.monthly += 1
        else:  # a send of an earlier month
            self.prepaid += 1

    def by_hand(self, amount: int) -> None:
        beyond = max(0, -amount - self.prepaid)
        self.prepaid += amount + beyond
        self.monthly, self.granted = self.monthly - beyond, self.granted - beyond

    def begin(self, sends: int) -> None:
        self.monthly = self.granted = sends
        self.taken = 0


@dataclass
class Under:
    """A message under way."""

    made: Submission
    reserved: bool
    open: list[str] = field(default_factory=list)


class MoneyMachine(RuleBasedStateMachine):
    """One account with a few prepaid sends."""

    plans: IPlans
    orders: IOrders
    books: IBooks

    def make(self) -> MemoryWorld | DatabaseWorld:
        raise NotImplementedError

    def move(self, amount: int) -> None:
        raise NotImplementedError

    def refund(self, made: Submission) -> None:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.world = self.make()
        self.account = self.world.account(OPENING)
        self.connection = self.world.connection(self.account)
        self.process = self.world.start()
        self.furnish()
        self.pots, self.monthly, self.month = Pots(), 0, 0
        self.asked: dict[str, Order] = {}
        self.under: list[Under] = []
        self.moved = 0

    def furnish(self) -> None:
        raise NotImplementedError

    # What happens

    @rule(hours=st.sampled_from([1, 5, 24, 24 * 9, 24 * 31]), chore=st.booleans())
    def time_passes(self, hours: int, chore: bool) -> None:
        """The chore may be late; it gives the month that is, and no other."""
        self.world.now += hours * HOUR
        if chore:
            result(self.plans.turn(self.account, self._month(), self.world.now))
            self._turned()

    @rule(sends=st.integers(0, 6))
    def give_plan(self, sends: int) -> None:
        result(self.plans.put(self.account, sends))
        result(self.plans.turn(self.account, self._month(), self.world.now))
        self.monthly = sends
        self._turned(planned=True)

    @rule(kind=st.sampled_from([PREPAID, MONTHLY]), sends=st.integers(1, 5))
    def request(self, kind: str, sends: int) -> None:
        order = Order(new_id(), self.account, kind, sends, REQUESTED, "", "", 0, 0, "", "ann", self.world.now)
        result(self.orders.add(order))
        self.asked[order.id] = order

    @rule(data=st.data(), status=st.sampled_from([GRANTED, GRANTED, REFUSED, WITHDRAWN]))
    def decide(self, data: st.DataObject, status: str) -> None:
        """Any order, decided or not; only the first decision counts."""
        if not self.asked:
            return
        order = data.draw(st.sampled_from(list(self.asked.values())))
        first = result(self.orders.find(order.id)).status == REQUESTED
        decision = Decision(status, "", "root", self.world.now, self._month())
        assert result(self.orders.decide(order.id, decision)) is first
        if first and status == GRANTED and order.kind == PREPAID:
            self.pots.by_hand(order.sends)
            self.moved += order.sends
        elif first and status == GRANTED:
            self.monthly = order.sends
            self._turned(planned=True)

    @rule(amount=st.integers(-4, 6))
    def by_hand(self, amount: int) -> None:
        if amount and self.pots.monthly + self.pots.prepaid + amount >= 0:
            self.move(amount)
            self.pots.by_hand(amount)

    @rule(number=st.integers(1, 4), at_once=st.booleans())
    def send(self, number: int, at_once: bool) -> None:
        """Nothing goes out that is in neither pot."""
        addresses = [f"u{n}@b.test" for n in range(number)]
        billing = "accept" if at_once else "attempt"
        made = submission(self.account, self.connection, addresses, self.world.now, billing=billing, lifetime=_AGES)
        if self.pots.monthly + self.pots.prepaid < number:
            try:
                result(self.process.ledger.accept(made, True))
            except Refusal as refusal:
                assert refusal.key == "balance_short"
                return
            raise AssertionError("sent without money")
        result(self.process.ledger.accept(made, True))
        for _ in addresses:
            self.pots.use()
        self.under.append(Under(made, not at_once, [each.id for each in made.recipients]))

    @rule(data=st.data(), charge=st.sampled_from(["capture", "release"]))
    def settle(self, data: st.DataObject, charge: str) -> None:
        """What was reserved is captured, or comes back; what was captured stays."""
        if not self.under:
            return
        under = data.draw(st.sampled_from(self.under))
        id = under.open.pop()
        state = State.DELIVERED if charge == "capture" else State.SUPPRESSED
        assert result(self.process.ledger.settle(Settlement(id, state, charge=charge, at=self.world.now)))
        if under.reserved and charge == "release":
            self.pots.come_back()
        self.under = [each for each in self.under if each.open]

    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        """A message whose client got no reply is taken back with its money."""
        if not self.under:
            return
        under = data.draw(st.sampled_from(self.under))
        self.refund(under.made)
        for _ in under.open:
            self.pots.come_back()
        self.under.remove(under)

    # What must be

    @invariant()
    def pots_hold(self) -> None:
        """Month first, lapsing; prepaid ones stay."""
        if not hasattr(self, "pots"):
            return
        balance, reserved = self.world.money(self.account)
        plan = next((each for each in result(self.plans.every()) if each.account == self.account), None)
        left = plan.left(balance - reserved) if plan else 0
        assert (left, balance - reserved - left) == (self.pots.monthly, self.pots.prepaid), plan

    @invariant()
    def books_hold(self) -> None:
        """The balance is the sum of what the pages of the ledger show, nothing of it twice."""
        if not hasattr(self, "pots"):
            return
        read = self._pages(False) + self._pages(True)
        assert len({(each.subject, each.kind) for each in read}) == len(read)
        assert sum(each.amount for each in read) == self.world.money(self.account)[0]

    def teardown(self) -> None:
        if hasattr(self, "pots"):
            assert self.world.audit() == []
            self.world.close()

    # How it is modelled

    def _month(self) -> int:
        return month_of(Account(self.account, "a", 0, 0, 0, zone=ZONE), self.world.now)

    def _turned(self, planned: bool = False) -> None:
        there = datetime.fromtimestamp(self.world.now // SECOND, UTC) + timedelta(hours=9)
        month = there.year * 100 + there.month
        if (planned or self.monthly or self.month) and month > self.month:
            self.pots.begin(self.monthly)
            self.month = month if self.monthly else 0

    def _pages(self, of_recipients: bool) -> list[Entry]:
        read: list[Entry] = []
        wanted: Any = Wanted(self.account, of_recipients)
        while page := result(self.books.page(wanted, 7)):
            read += page
            wanted = Wanted(self.account, of_recipients, before=page[-1].mark)
        return read


class MemoryMachine(MoneyMachine):
    """Over the memory twin."""

    def make(self) -> MemoryWorld:
        world = MemoryWorld()
        self.state = world.state
        return world

    def furnish(self) -> None:
        self.plans, self.books = MemoryPlans(self.state, new_id), MemoryBooks(self.state)
        self.orders = MemoryOrders(self.state, new_id)
        self.state.balance[self.account] = 0
        self.state.book(self.account, "opening", self.account, OPENING, 0)

    def move(self, amount: int) -> None:
        self.state.move(new_id(), "topup", self.account, amount, self.world.now)

    def refund(self, made: Submission) -> None:
        for recipient in made.recipients:
            entry = self.state.recipients[recipient.id]
            if not entry.state.final:
                if entry.billed:
                    self.state.book(recipient.id, "refund", self.account, 1, self.world.now)
                entry.state, entry.lease, entry.reserved, entry.billed = State.FAILED, "", 0, 0
                self.state.came_back(self.account)


class SqliteMachine(MoneyMachine):
    """Over SQLite."""

    def make(self) -> DatabaseWorld:
        return sqlite_world("money")

    def furnish(self) -> None:
        store = self.store = self.process.store
        assert store is not None
        self.plans, self.orders, self.books = store.plans, store.orders, store.books

    def move(self, amount: int) -> None:
        assert self.store is not None
        result(self.store.registry.move_balance(self.account, amount, "topup", "", self.world.now))

    def refund(self, made: Submission) -> None:
        assert self.store is not None
        result(self.store._writer.ask(CALL, lambda work: void(work, [made], "taken back", self.world.now)))


class MoneyMachineTests(SynchronousTestCase):
    """The machine, run a bounded and repeatable number of times."""

    def test_memory(self) -> None:
        """Both pots and the ledger are right in the memory twin, whatever happens in whatever order."""
        run_state_machine_as_test(MemoryMachine, settings=at_most(80, stateful_step_count=40))

    def test_sqlite(self) -> None:
        """Both pots and the ledger are right in SQLite, whatever happens in whatever order."""
        self.patch(books, "AT_A_TIME", 1)
        run_state_machine_as_test(SqliteMachine, settings=at_most(10, stateful_step_count=30))
