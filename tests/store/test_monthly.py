"""Monthly plans over the memory twin, SQLite and PostgreSQL, and the sum behind them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.plans import IPlans, Plan
from mailrelay.interfaces.registry import Account
from mailrelay.store import open_store
from mailrelay.store.jobs import CALL
from mailrelay.store.memory import MemoryState
from mailrelay.store.memory.plans import MemoryPlans
from mailrelay.store.work import Work
from tests.fresh import fresh_database, fresh_folder

from .worlds import START, new_id, result


class SumTests(SynchronousTestCase):
    """Two pots told by one balance."""

    @given(
        st.integers(0, 50),
        st.integers(0, 50),
        st.lists(st.tuples(st.sampled_from(["send", "refund", "top up"]), st.integers(1, 20))),
    )
    def test_month_first(self, granted: int, prepaid: int, deeds: list[tuple[str, int]]) -> None:
        """Whatever is sent, refunded and topped up: the month's sends are used first, and come back last."""
        month, stays, sent = granted, prepaid, 0
        base = available = granted + prepaid
        for deed, number in deeds:
            if deed == "top up":
                stays, base, available = stays + number, base + number, available + number
            elif deed == "send" and number <= available:
                of_month = min(month, number)
                month, stays = month - of_month, stays - (number - of_month)
                sent, available = sent + number, available - number
            elif deed == "refund" and number <= sent:
                back = min(number, max(0, sent - granted))
                month, stays = month + number - back, stays + back
                sent, available = sent - number, available + number
            self.assertEqual(Plan("A", 0, 1, granted, base).left(available), month)
            self.assertEqual(available - month, stays)


class MonthLaws:
    """What is promised of monthly plans; the account "A" has 10 prepaid sends at first."""

    plans: IPlans

    def available(self) -> int:
        raise NotImplementedError

    def spend(self, number: int) -> None:
        raise NotImplementedError

    def left(self) -> int:
        (plan,) = result(self.plans.every())
        return int(plan.left(self.available()))

    def test_months(self) -> None:
        """A month's sends are given once, what is left lapses when the next begins, and prepaid ones stay."""
        verifyObject(IPlans, self.plans)
        self.assertFalse(result(self.plans.turn("A", 202601, START)))
        result(self.plans.put("A", 100))
        self.assertEqual([result(self.plans.turn("A", month, START)) for month in (202601, 202601, 202512)], [1, 0, 0])
        self.assertEqual((self.available(), self.left()), (110, 100))
        self.spend(40)
        self.assertEqual(self.left(), 60)
        result(self.plans.put("A", 50))
        self.assertEqual(self.left(), 60, "a change holds from the next month on")
        result(self.plans.turn("A", 202602, START))
        self.assertEqual((self.available(), self.left()), (60, 50))
        self.spend(55)
        self.assertEqual((self.available(), self.left()), (5, 0))
        result(self.plans.put("A", 0))
        result(self.plans.turn("A", 202603, START))
        self.assertEqual((self.available(), list(result(self.plans.every()))), (5, []))

    def test_late_refund(self) -> None:
        """A send of last month that comes back is prepaid, and used behind this month's."""
        result(self.plans.put("A", 5))
        result(self.plans.turn("A", 202601, START))
        self.spend(2)
        result(self.plans.turn("A", 202602, START))
        self.spend(-1)
        self.assertEqual((self.available(), self.left()), (16, 5))
        self.spend(3)
        self.assertEqual((self.available(), self.left()), (13, 2))


class MemoryMonthTests(MonthLaws, SynchronousTestCase):
    """Over the memory twin."""

    def setUp(self) -> None:
        self.state = MemoryState(balance={"A": 10})
        self.plans = MemoryPlans(self.state, new_id)

    def available(self) -> int:
        return self.state.available("A")

    def spend(self, number: int) -> None:
        self.state.balance["A"] -= number
        self.state.came_back("A")


class DatabaseMonthLaws(MonthLaws):
    """Over a database."""

    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.store = open_store(self.place(), node=new_id(), now=lambda: START, inline=True)
        self.plans = self.store.plans
        result(self.store.registry.add_account(Account("A", "a", 10, 0, START)))

    def tearDown(self) -> None:
        self.assertEqual(list(result(self.store.history.audit())), [])  # type: ignore[attr-defined]
        result(self.store.close())

    def available(self) -> int:
        (account,) = result(self.store.registry.accounts())
        return int(account.available)

    def spend(self, number: int) -> None:
        """As what is sent does: the balance moves, and nothing is told to the plan."""
        result(self.store._writer.ask(CALL, lambda work: _spend(work, number)))

    def test_by_hand(self) -> None:
        """What an administrator adds or takes is prepaid."""
        result(self.plans.put("A", 100))
        result(self.plans.turn("A", 202601, START))
        for amount in (25, -30):
            result(self.store.registry.move_balance("A", amount, "topup", "", START))
            self.assertEqual(self.left(), 100)  # type: ignore[attr-defined]
        result(self.store.registry.set_balance("A", 7, "", START))
        self.assertEqual(self.left(), 7)  # type: ignore[attr-defined]
        result(self.store.registry.move_balance("A", 20, "topup", "", START))
        self.assertEqual(self.left(), 7, "what was taken of the month does not come back")  # type: ignore[attr-defined]


def _spend(work: Work, number: int) -> None:
    purse = work.purse("A")
    assert purse is not None
    purse.move(-number)
    work.enter(new_id(), "send", "A", -number, "", START)


class SqliteMonthTests(DatabaseMonthLaws, SynchronousTestCase):
    """Over SQLite."""

    def place(self) -> str:
        return fresh_folder(self.mktemp())


class PostgresMonthTests(DatabaseMonthLaws, SynchronousTestCase):
    """Over PostgreSQL."""

    def place(self) -> str:
        return fresh_database()
