"""Price tables, orders and the ledger's entries over the memory twin, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from threading import Barrier, Thread
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.books import IBooks, Wanted
from mailrelay.interfaces.orders import (
    GRANTED,
    MONTHLY,
    PREPAID,
    REFUSED,
    REQUESTED,
    WITHDRAWN,
    Decision,
    IOrders,
    IPrices,
    Order,
    PriceTable,
)
from mailrelay.interfaces.plans import IPlans
from mailrelay.interfaces.registry import Account
from mailrelay.policy.price import Step
from mailrelay.store import Store, open_store
from mailrelay.store.memory import MemoryState
from mailrelay.store.memory.orders import MemoryBooks, MemoryOrders, MemoryPrices
from mailrelay.store.memory.plans import MemoryPlans
from tests.fresh import fresh_database, fresh_folder

from .worlds import HOUR, START, new_id, result

TABLE = PriceTable("usual", PREPAID, "", "EUR", (Step(1000, 200), Step(10_000, 150)), START)
ORDER = Order("O1", "A", PREPAID, 500, REQUESTED, "usual", "EUR", 200, 100, "for June", "ann", START)
GRANT = Decision(GRANTED, "invoice 17", "root", START + HOUR, 202601)


class OrderLaws:
    """What is promised of prices, orders and entries; the account "A" has 10 sends at first, "B" none."""

    prices: IPrices
    orders: IOrders
    books: IBooks
    plans: IPlans

    def available(self) -> int:
        raise NotImplementedError

    def top_up(self, amount: int, at: int) -> None:
        raise NotImplementedError

    def entries(self, limit: int = 10, **wanted: Any) -> list[tuple[str, int]]:
        return [(each.kind, each.amount) for each in result(self.books.page(Wanted("A", **wanted), limit))]

    def test_prices(self) -> None:
        """A table is kept under its name, replaced, and forgotten."""
        verifyObject(IPrices, self.prices)
        for each in (TABLE, replace(TABLE, name="at first", account="A"), replace(TABLE, currency="USD")):
            result(self.prices.put(each))
        self.assertEqual(
            [(each.name, each.currency) for each in result(self.prices.every())],
            [("at first", "EUR"), ("usual", "USD")],
        )
        self.assertEqual([result(self.prices.remove("usual")) for _ in range(2)], [True, False])
        (left,) = result(self.prices.every())
        self.assertEqual(left, replace(TABLE, name="at first", account="A"))

    def test_granted_once(self) -> None:
        """Granting books the sends in the commit that decides, and a second time nothing."""
        verifyObject(IOrders, self.orders)
        result(self.orders.add(ORDER))
        self.assertEqual(result(self.orders.find("O1")), ORDER)
        self.assertEqual([result(self.orders.decide(id, GRANT)) for id in ("O1", "O1", "O9\0")], [True, False, False])
        self.assertFalse(result(self.orders.decide("O1", replace(GRANT, status=REFUSED))))
        self.assertEqual(self.available(), 510)
        (entry,) = result(self.books.page(Wanted("A", kind="order"), 10))
        self.assertEqual((entry.subject, entry.amount, entry.note, entry.at), ("O1", 500, "invoice 17", START + HOUR))
        decided = replace(ORDER, status=GRANTED, answer="invoice 17", decided_by="root", decided_at=START + HOUR)
        self.assertEqual(result(self.orders.find("O1")), decided)

    def test_not_granted(self) -> None:
        """What is refused or withdrawn moves nothing, nor can it be granted afterwards."""
        for id, status in (("O1", REFUSED), ("O2", WITHDRAWN)):
            result(self.orders.add(replace(ORDER, id=id)))
            self.assertTrue(result(self.orders.decide(id, replace(GRANT, status=status))))
            self.assertFalse(result(self.orders.decide(id, GRANT)))
        self.assertEqual(self.available(), 10)
        self.assertEqual(self.entries(kind="order"), [])

    def test_too_much(self) -> None:
        """A balance that cannot be kept is not booked, and the order stays open."""
        result(self.orders.add(replace(ORDER, sends=1 << 62)))
        with self.assertRaises(ValueError):  # type: ignore[attr-defined]
            result(self.orders.decide("O1", GRANT))
        self.assertEqual(result(self.orders.find("O1")).status, REQUESTED)

    def test_plan(self) -> None:
        """A granted plan begins at once where there is none, else with the next month; prepaid sends stay prepaid."""
        result(self.orders.add(replace(ORDER, id="O1", kind=MONTHLY, sends=100)))
        result(self.orders.add(replace(ORDER, id="O2", kind=MONTHLY, sends=70)))
        result(self.orders.add(replace(ORDER, id="O3")))
        for id in ("O1", "O2", "O3"):
            self.assertTrue(result(self.orders.decide(id, GRANT)))
        (plan,) = result(self.plans.every())
        self.assertEqual((plan.monthly, plan.granted, plan.left(self.available())), (70, 100, 100))
        self.assertEqual(self.available(), 610)
        self.assertEqual(self.entries(kind="monthly"), [("monthly", 100)])

    def test_pages(self) -> None:
        """Orders come newest first, a page behind another, by account and by status."""
        for id, account in (("O1", "A"), ("O2", "B"), ("O3", "A")):
            result(self.orders.add(replace(ORDER, id=id, account=account)))
        result(self.orders.decide("O3", GRANT))

        def ids(*given: Any) -> str:
            return " ".join(each.id for each in result(self.orders.page(*given)))

        self.assertEqual(ids("", "", "", 10), "O3 O2 O1")
        self.assertEqual(ids("", "", "", 2), "O3 O2")
        self.assertEqual(ids("", "", "O2", 2), "O1")
        self.assertEqual(ids("A", "", "", 10), "O3 O1")
        self.assertEqual(ids("", REQUESTED, "", 10), "O2 O1")
        self.assertEqual(ids("A", GRANTED, "", 10), "O3")

    def test_entries(self) -> None:
        """Movements come newest first, those of one instant too, each on one page; by kind and time."""
        verifyObject(IBooks, self.books)
        for number, at in enumerate((START, START + HOUR, START + HOUR, START + HOUR, START + 2 * HOUR), 1):
            self.top_up(number, at)
        whole = result(self.books.page(Wanted("A", kind="topup"), 10))
        self.assertEqual([each.amount for each in whole], [5, 4, 3, 2, 1])
        read, before = [], None
        while page := result(self.books.page(Wanted("A", kind="topup", before=before), 2)):
            read += page
            before = page[-1].mark
        self.assertEqual(read, whole)
        self.assertEqual(
            self.entries(kind="topup", since=START + HOUR, until=START + 2 * HOUR), [("topup", n) for n in (4, 3, 2)]
        )
        self.assertEqual(result(self.books.page(Wanted("B", kind="topup"), 10)), [])


class MemoryOrderTests(OrderLaws, SynchronousTestCase):
    """Over the memory twin."""

    def setUp(self) -> None:
        self.state = MemoryState(balance={"A": 10, "B": 0})
        self.prices, self.books = MemoryPrices(self.state), MemoryBooks(self.state)
        self.orders, self.plans = MemoryOrders(self.state, new_id), MemoryPlans(self.state, new_id)

    def available(self) -> int:
        return self.state.available("A")

    def top_up(self, amount: int, at: int) -> None:
        self.state.move(new_id(), "topup", "A", amount, at)


class DatabaseOrderLaws(OrderLaws):
    """Over a database."""

    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.where = self.place()
        self.store = self.open()
        store = self.store
        self.prices, self.orders, self.books, self.plans = store.prices, store.orders, store.books, store.plans
        for id, balance in (("A", 10), ("B", 0)):
            result(store.registry.add_account(Account(id, id.lower(), balance, 0, START)))

    def open(self) -> Store:
        return open_store(self.where, node=new_id(), now=lambda: START, inline=True, names=new_id)

    def tearDown(self) -> None:
        self.assertEqual(list(result(self.store.history.audit())), [])  # type: ignore[attr-defined]
        result(self.store.close())

    def available(self) -> int:
        account = next(each for each in result(self.store.registry.accounts()) if each.id == "A")
        return int(account.available)

    def top_up(self, amount: int, at: int) -> None:
        result(self.store.registry.move_balance("A", amount, "topup", "", at))

    def test_opening(self) -> None:
        """The opening balance is the first movement."""
        self.top_up(5, START + HOUR)
        self.assertEqual(self.entries(), [("topup", 5), ("opening", 10)])  # type: ignore[attr-defined]

    def test_two_processes(self) -> None:
        """Of two processes that grant at the same time one books, whichever read the order first."""
        result(self.orders.add(ORDER))
        other = self.open()
        self.addCleanup(lambda: result(other.close()))  # type: ignore[attr-defined]
        self.assertEqual(result(other.orders.find("O1")).status, REQUESTED)
        done = [result(each.decide("O1", GRANT)) for each in (self.orders, other.orders)]
        self.assertEqual((done, self.available()), ([True, False], 510))

    def test_race(self) -> None:
        """Two processes that grant the same orders at the same instant book each once, whoever is faster."""
        ids = [f"R{n}" for n in range(8)]
        for id in ids:
            result(self.orders.add(replace(ORDER, id=id, sends=1)))
        start, done = Barrier(2), []

        def process() -> None:
            store = self.open()
            start.wait(20)
            done.extend(result(store.orders.decide(id, GRANT)) for id in ids)
            result(store.close())

        threads = [Thread(target=process) for _ in range(2)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(30)
        self.assertEqual((done.count(True), done.count(False)), (8, 8))  # type: ignore[attr-defined]
        self.assertEqual(self.available(), 18)  # type: ignore[attr-defined]


class SqliteOrderTests(DatabaseOrderLaws, SynchronousTestCase):
    """Over SQLite."""

    def place(self) -> str:
        return fresh_folder(self.mktemp())


class PostgresOrderTests(DatabaseOrderLaws, SynchronousTestCase):
    """Over PostgreSQL."""

    def place(self) -> str:
        return fresh_database()
