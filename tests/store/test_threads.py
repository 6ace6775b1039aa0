"""The store with its threads: group commit, deadlines, and many who ask at once. Real threads, a reactor turned by
hand."""

from __future__ import annotations

import time
from threading import Barrier, Event
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.ledger import Undecided
from mailrelay.interfaces.registry import Account, Connection
from mailrelay.mail.envelope import Settlement, State
from mailrelay.mail.reply import Refusal, Reply
from mailrelay.store import Store, open_store
from mailrelay.store.engine import WriterLock, sqlite_module
from mailrelay.store.jobs import LOOK_UP, Gathering
from mailrelay.store.nodes import BEAT
from mailrelay.store.schema import nodes
from mailrelay.store.work import Work
from tests.fresh import fresh_database, fresh_folder
from tests.live.postgres import server

from .pump import Pump
from .worlds import START, new_id, submission


class ThreadLaws:
    """What holds for a store with threads, over both engines."""

    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.where = self.place()
        self.pump = Pump()
        self.stores: list[Store] = []
        self.store = self.open()
        self.account, self.connection = self.tenant(20)

    def tearDown(self) -> None:
        faults = self.pump.until(self.store.history.audit())
        for store in self.stores:
            self.pump.until(store.nodes.leave())
            self.pump.until(store.close())
        self.assertEqual(faults, [])

    def open(self, patience: float = 10.0) -> Store:
        store = open_store(
            self.where, node=new_id(), now=lambda: START, reactor=self.pump, patience=patience, names=new_id
        )
        self.pump.until(store.nodes.join())
        self.stores.append(store)
        return store

    def tenant(self, balance: int) -> tuple[str, str]:
        account, connection = new_id(), new_id()
        made = Connection(connection, account, "main", "standard", "a@b.test", "active", "", (), 0, 60, 1, START)
        self.pump.until(self.store.registry.add_account(Account(account, account, balance, 0, START)))
        self.pump.until(self.store.registry.add_connection(made))
        return account, connection

    def submit(
        self, store: Store | None = None, lease: bool = True, to: str = "u@b.test", **more: Any
    ) -> Deferred[Any]:
        return (store or self.store).ledger.accept(
            submission(self.account, self.connection, [to], START, **more), lease
        )

    def test_onlookers_hold_nothing_up(self) -> None:
        """While two long questions are looked up, at the same time, what mail asks for is answered."""
        meet, go_on = Barrier(2), Event()

        def long(work: Work) -> bool:
            meet.wait(10)
            return go_on.wait(10)

        questions = [self.store._onlooker.ask(LOOK_UP, long) for _ in range(2)]
        self.pump.until(self.store.directory.connection(self.connection))
        self.assertFalse(any(each.called for each in questions))
        go_on.set()
        self.assertEqual([self.pump.until(each) for each in questions], [True, True])

    def outcomes(self, asked: list[Deferred[Any]]) -> list[str]:
        """ "ok", or the key of the refusal."""
        found = []
        for deferred in asked:
            try:
                self.pump.until(deferred)
                found.append("ok")
            except Refusal as refused:
                found.append(refused.key)
        return found

    def balance(self) -> int:
        accounts = self.pump.until(self.store.registry.accounts())
        return next(account.balance for account in accounts if account.id == self.account)

    def count_commits(self, store: Store) -> list[object]:
        commits: list[object] = []
        sa.event.listen(store._writer._database._writer, "commit", commits.append)
        return commits

    def test_fifty_at_once_never_overdraw(self) -> None:
        """Fifty submissions at once against a balance of twenty: twenty are taken, thirty refused, nothing below
        zero."""
        found = self.outcomes([self.submit() for _ in range(50)])
        self.assertEqual((found.count("ok"), found.count("balance_short")), (20, 30))
        self.assertEqual(self.balance(), 0)

    def test_fifty_at_two_processes_never_overdraw(self) -> None:
        """The same when two processes share the balance, and each moves money of its own besides."""
        other = self.open()
        asked = [self.submit(store, billing=how) for how in ("accept", "attempt") for store in (self.store, other) * 15]
        found = self.outcomes(asked)
        self.assertEqual((found.count("ok"), found.count("balance_short")), (20, 40))

    def test_what_gathers_is_committed_together(self) -> None:
        """What is asked while a commit runs goes into the next one, so a hundred settlements need few commits."""
        delivered = [self.pump.until(self.submit())[0] for _ in range(20)]
        commits = self.count_commits(self.store)
        self.outcomes([self.submit() for _ in range(5)])
        asked = [
            self.store.ledger.settle(Settlement(delivery.recipient, State.DELIVERED, at=START))
            for delivery in delivered
        ]
        self.assertTrue(all(self.pump.until(deferred) for deferred in asked))
        self.assertLess(len(commits), 12)

    def test_asking_never_waits(self) -> None:
        """Asking takes no time worth speaking of, whatever the database does (the reactor is not blocked)."""
        before = time.perf_counter()
        asked = [self.submit() for _ in range(20)]
        self.assertLess((time.perf_counter() - before) / 20, 0.05)
        self.outcomes(asked)

    def test_one_culprit_alone_is_refused(self) -> None:
        """A member that the database cannot take is refused alone; those who shared its batch are committed."""
        twice = submission(self.account, self.connection, ["a@b.test"], START)
        asked = [
            self.submit(),
            self.store.ledger.accept(twice, True),
            self.store.ledger.accept(twice, True),
            self.submit(),
        ]
        self.assertEqual(sorted(self.outcomes(asked)), ["ok", "ok", "ok", "temporary"])
        self.assertEqual(self.balance(), 17)

    def test_hostile_text_is_taken_and_kept_harmless(self) -> None:
        """NUL and lone surrogates in texts never make a commit fail (portable from day one)."""
        made = submission(self.account, self.connection, ["a\0\ud800@b.test"], START)
        self.assertEqual(self.outcomes([self.store.ledger.accept(made, True)]), ["ok"])

    def test_undecided_by_the_deadline(self) -> None:
        """When nobody can tell in time the submission is left without a reply; on return it is voided and refunded
        before anything else is done (design 4)."""
        self.store = self.open(patience=0.4)
        engine = self.store._writer._database._writer
        cut = [True]

        def commit(connection: sa.Connection) -> None:
            if cut:
                connection.connection.driver_connection.commit()  # type: ignore[union-attr]
                raise OSError(5, "Input/output error")

        def begin(connection: sa.Connection) -> None:
            if len(cut) > 1:
                raise OSError(5, "Input/output error")

        sa.event.listen(engine, "commit", commit)
        sa.event.listen(engine, "begin", begin)
        doubtful = self.submit(lease=False)
        while self.store._writer._doubt is None:
            self.pump.turn()
        cut.append(True)
        later = self.submit(to="later@b.test")
        with self.assertRaises(Undecided):
            self.pump.until(doubtful)
        self.assertEqual(self.outcomes([later]), ["temporary"])
        cut.clear()
        self.assertEqual(self.outcomes([self.submit(to="last@b.test")]), ["ok"])
        self.assertEqual(self.pump.until(self.store.ledger.lanes({}, 100)), [])
        self.assertEqual(self.balance(), 19)

    def test_close_answers_everything(self) -> None:
        """Closing writes what was asked before; what is asked afterwards is refused as temporary."""
        store = self.open()
        asked = [self.submit(store, lease=False) for _ in range(5)]
        closing = store.close()
        asked.append(self.submit(store))
        self.pump.until(closing)
        self.stores.remove(store)
        self.assertEqual(self.outcomes(asked), ["ok"] * 5 + ["temporary"])
        looked = store.directory.connection(self.connection)
        self.assertIsInstance(self.failureResultOf(looked), Failure)

    def test_no_look_up_is_overlooked(self) -> None:
        """A look-up asked at the very moment at which a thread takes the one before it is answered as well."""

        class Overtaken(Gathering):
            """Is emptied by a thread right after it was found to hold something."""

            def __len__(self) -> int:
                count = super().__len__()
                while count and super().__len__():
                    time.sleep(0.001)
                return count

        self.store._reader._gathering = Overtaken()
        self.pump.until(self.store.ledger.lanes({}, 100))
        for _ in range(20):
            for asked in [self.store.ledger.lanes({}, 100) for _ in range(3)]:
                self.pump.until(asked, limit=3)

    def test_look_ups_are_taken_together(self) -> None:
        """Many look-ups at once are answered rightly, each its own."""
        asked = [self.store.directory.recipient(self.account, f"{n}@b.test") for n in range(50)]
        asked.append(self.store.directory.connection(self.connection))
        answers = [self.pump.until(deferred) for deferred in asked]
        self.assertEqual({facts.suppression for facts in answers[:50]}, {""})
        self.assertEqual(answers[50].account, self.account)
        with self.assertRaises(KeyError):
            self.pump.until(self.store.directory.connection("unknown"))


class SqliteThreadTests(ThreadLaws, SynchronousTestCase):
    """Threads over SQLite."""

    def place(self) -> str:
        return fresh_folder(self.mktemp())

    def test_a_foreign_lock_delays_nobody_but_the_waiting(self) -> None:
        """D7: while a foreign BEGIN EXCLUSIVE holds the file, a submission is refused as temporary by its deadline,
        while still gathered; nothing of it appears later, what has happened is kept, and all goes on when the lock is
        gone."""
        self.store = self.open(patience=0.4)
        leased = self.pump.until(self.submit())[0]
        foreign = sqlite_module().connect(f"{self.where}/mailrelay.sqlite3", isolation_level=None)
        foreign.execute("BEGIN EXCLUSIVE")
        before = time.monotonic()
        refused = self.submit()
        settled = self.store.ledger.settle(Settlement(leased.recipient, State.DELIVERED, at=START))
        looked = self.store.directory.connection(self.connection)
        self.assertFalse(refused.called or settled.called, "asking did not wait")
        self.assertEqual(self.pump.until(looked).id, self.connection)
        self.assertEqual(self.outcomes([refused]), ["temporary"])
        self.assertLess(time.monotonic() - before, 5)
        self.assertFalse(settled.called)
        foreign.execute("ROLLBACK")
        foreign.close()
        self.assertIs(self.pump.until(settled), True)
        self.assertEqual(self.outcomes([self.submit()]), ["ok"])
        self.assertEqual(self.balance(), 18)

    def test_a_full_disk_refuses_and_comes_back(self) -> None:
        """D4: without room what is submitted is refused as such and no commit is in doubt; what has happened is kept
        and tried on, with pauses and one line in the log; all goes on by itself when there is room again."""
        leased = self.pump.until(self.submit())[0]
        begun: list[object] = []

        def begin(connection: sa.Connection) -> None:
            begun.append(connection)
            connection.connection.driver_connection.execute("PRAGMA max_page_count = 1")  # type: ignore[union-attr]

        engine = self.store._writer._database._writer
        sa.event.listen(engine, "begin", begin)
        settled = self.store.ledger.settle(
            Settlement(leased.recipient, State.DEFERRED, due_at=START, reply=Reply(450, None, "x" * 10_000), at=START)
        )
        self.assertEqual(self.outcomes([self.submit(source=b"x" * 200_000) for _ in range(3)]), ["storage_full"] * 3)
        before = len(begun)
        self.pump.until(deferLater(self.pump, 0.2))  # type: ignore[arg-type]
        self.assertLess(len(begun) - before, 15)
        self.assertFalse(settled.called)
        sa.event.remove(engine, "begin", begin)
        self.assertIs(self.pump.until(settled), True)
        self.assertEqual(self.outcomes([self.submit(source=b"x" * 200_000)]), ["ok"])
        self.assertEqual(self.balance(), 18)

    def test_closing_is_not_held_up_by_a_stuck_writer(self) -> None:
        """A foreign program that keeps the writers' lock delays the end of a store by twice its patience at most."""
        store = self.open(patience=0.4)
        lock = WriterLock(store._writer._database.place.folder)
        with lock.held():
            asked = self.submit(store)
            self.pump.until(store.close(), limit=10)
            self.stores.remove(store)
        lock.close()
        self.assertEqual(len(self.outcomes([asked])), 1)


class PostgresThreadTests(ThreadLaws, SynchronousTestCase):
    """Threads over a real PostgreSQL."""

    def place(self) -> str:
        return fresh_database()

    def test_a_restarted_server_is_found_again(self) -> None:
        """R6: after the server was killed and came back, writing and reading go on; nothing accepted is lost."""
        self.assertEqual(self.outcomes([self.submit()]), ["ok"])
        server().stop()
        server().start()
        outcomes: list[str] = []
        while "ok" not in outcomes:
            self.assertLess(len(outcomes), 5)
            outcomes += self.outcomes([self.submit()])
        self.assertLessEqual(set(outcomes), {"ok", "temporary"})
        self.assertEqual(self.balance(), 20 - 1 - 1)

    def test_the_heart_beats_by_itself(self) -> None:
        """A node of PostgreSQL shows life every few seconds without being asked, until it leaves."""
        statement = sa.select(nodes.c.beat).where(nodes.c.id == self.store.nodes.id)
        database = self.store._writer._database

        def beat() -> int:
            with database.open_reader() as connection:
                return int(connection.execute(statement).scalar_one())

        before = beat()
        self.pump.advance(BEAT)
        while beat() == before:
            self.pump.turn()
        self.assertGreater(beat(), before)
