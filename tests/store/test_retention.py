"""Forgetting: what is old and finished goes, everything else stays, and the books still close."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.engagement import Engagement
from mailrelay.interfaces.history import Selection
from mailrelay.mail.envelope import DAY, Instructions, Settlement, State
from mailrelay.mail.event import Event
from mailrelay.store import Store
from mailrelay.store.accept import CHUNK
from mailrelay.store.schema import attempts, chunks, engaged, entries, messages, recipients

from .worlds import DatabaseWorld, new_id, postgres_world, result, sqlite_world, submission


class RetentionTests:
    """What holds on every engine."""

    def make(self) -> DatabaseWorld:
        raise NotImplementedError

    def setUp(self) -> None:
        self.world = self.make()
        self.process = self.world.start()
        self.account = self.world.account(100)
        self.connection = self.world.connection(self.account)

    def tearDown(self) -> None:
        self.assertEqual(self.world.audit(), [])
        self.world.close()

    @property
    def store(self) -> Store:
        assert self.process.store is not None
        return self.process.store

    def send(self, *addresses: str, state: State = State.DELIVERED, **more: Any) -> str:
        """Accept a message and bring it to a state; gives its id."""
        made = submission(
            self.account, self.connection, addresses, self.world.now, instructions=Instructions(tag="t"), **more
        )
        result(self.process.ledger.accept(made, state is not State.QUEUED))
        for recipient in made.recipients if state is not State.QUEUED else ():
            result(self.process.ledger.settle(Settlement(recipient.id, state, at=self.world.now)))
        return made.id

    def forget(self, **days: int) -> None:
        result(self.store.forget(self.world.now, **days))

    def ids(self) -> set[str]:
        return {passage.id for passage in result(self.store.history.passages(Selection(account=self.account), 100))}

    def rows(self, table: sa.Table) -> int:
        """How many rows there are that belong to this test's account or messages."""
        of = {
            messages: messages.c.account == self.account,
            recipients: recipients.c.account == self.account,
            entries: entries.c.account == self.account,
            chunks: chunks.c.message.in_(sa.select(messages.c.id).where(messages.c.account == self.account)),
        }.get(table)
        statement = sa.select(sa.func.count()).select_from(table)
        with self.store._writer._database.open_reader() as connection:
            return int(connection.execute(statement if of is None else statement.where(of)).scalar_one())

    def source(self, id: str) -> bytes:
        found: bytes = result(self.store.bodies.read(id))
        return found

    def test_nothing_is_forgotten_unasked(self) -> None:
        """0 days keep everything for ever."""
        id = self.send("a@b.test")
        self.world.now += 5000 * DAY
        self.forget()
        self.assertEqual((self.ids(), self.source(id)[:7]), ({id}, b"Subject"))

    def test_bodies(self) -> None:
        """The source of an old message goes, in its row or in chunks; what became of it stays."""
        small, large = self.send("a@b.test"), self.send("b@b.test", source=b"Subject: x\r\n\r\n" + b"y" * 2 * CHUNK)
        self.world.now += 3 * DAY
        fresh = self.send("c@b.test")
        self.forget(bodies=2)
        for id in (small, large):
            with self.assertRaises(KeyError):
                self.source(id)
        self.assertEqual(self.rows(chunks), 0)
        self.assertTrue(self.source(fresh))
        self.assertEqual(self.ids(), {small, large, fresh})

    def test_waiting_mail_keeps_its_body(self) -> None:
        """A message of which a recipient waits is kept however old, and forgotten once it is at its end."""
        first = self.send("a@b.test")
        waiting = self.send("b@b.test", state=State.QUEUED, lifetime=9 * DAY)
        last = self.send("c@b.test")
        self.world.now += 3 * DAY
        self.forget(bodies=2, history=2)
        self.assertEqual(self.ids(), {waiting})
        self.assertTrue(self.source(waiting))
        (passage,) = result(self.store.history.passages(Selection(message=waiting), 1))
        self.world.drop(passage.recipient)
        self.forget(bodies=2)
        with self.assertRaises(KeyError):
            self.source(waiting)
        self.assertNotIn(first, self.ids() | {last} - {last})

    def test_bodies_after_one_that_waited(self) -> None:
        """The next look begins where the last one left something, however much was forgotten behind it."""
        waiting = self.send("b@b.test", state=State.QUEUED, lifetime=9 * DAY)
        later = self.send("c@b.test")
        self.world.now += 3 * DAY
        self.forget(bodies=2)
        with self.assertRaises(KeyError):
            self.source(later)
        (passage,) = result(self.store.history.passages(Selection(message=waiting), 1))
        self.world.drop(passage.recipient)
        self.forget(bodies=2)
        with self.assertRaises(KeyError):
            self.source(waiting)

    def test_bodies_behind_an_old_one_that_waits(self) -> None:
        """However many have come after one that waits, they are forgotten, and looked for only once."""
        waiting = self.send("b@b.test", state=State.QUEUED, lifetime=9 * DAY)
        made = [
            submission(self.account, "", [f"r{number}@b.test"], self.world.now, billing="none") for number in range(520)
        ]
        for each in made:
            result(self.process.ledger.accept(each, True))
            result(self.process.ledger.settle(Settlement(each.recipients[0].id, State.DELIVERED, at=self.world.now)))
        self.world.now += 3 * DAY
        self.assertEqual(result(self.store.forget(self.world.now, bodies=2)), 520)
        for each in (made[0], made[-1]):
            with self.assertRaises(KeyError):
                self.source(each.id)
        self.assertTrue(self.source(waiting))
        self.assertEqual(result(self.store.forget(self.world.now, bodies=2)), 0)

    def test_history(self) -> None:
        """A forgotten message leaves nothing but its counts, and one entry in the place of all its money."""
        id = self.send("a@b.test", "b@b.test")
        passage = result(self.store.history.passages(Selection(message=id), 1))[0]
        opened = Engagement(new_id(), passage.recipient, Event.OPENED, self.world.now)
        result(self.store.engagement.record((opened,)))
        before = {table: self.rows(table) for table in (attempts, engaged)}
        self.world.now += 11 * DAY
        fresh = self.send("c@b.test", state=State.BOUNCED)
        self.forget(history=10)
        self.assertEqual(self.ids(), {fresh})
        self.assertEqual((self.rows(messages), self.rows(recipients)), (1, 1))
        self.assertLess(self.rows(engaged), before[engaged])
        # the opening balance, what was carried, and the charge of the fresh one
        self.assertEqual(self.rows(entries), 3)
        self.assertEqual(self.world.money(self.account), (97, 0))
        self.world.now += 11 * DAY
        self.forget(history=10)
        self.assertEqual((self.ids(), self.rows(entries)), (set(), 2))
        self.assertEqual(self.world.money(self.account), (97, 0))

    def test_refusals(self) -> None:
        """Why something was turned down goes by its own time."""
        connection = new_id()
        self.store.verdicts.keep(connection, self.account, "192.0.2.1", "mail", ({"rule": "x"},))
        self.world.now += 3 * DAY
        self.store.verdicts.keep(connection, self.account, "192.0.2.1", "rcpt", ({"rule": "x"},))
        self.forget(refusals=2)
        self.assertEqual([each.stage for each in result(self.store.history.refusals(connection, 10))], ["rcpt"])


class SqliteRetentionTests(RetentionTests, SynchronousTestCase):
    """On SQLite."""

    def make(self) -> DatabaseWorld:
        return sqlite_world()


class PostgresRetentionTests(RetentionTests, SynchronousTestCase):
    """On PostgreSQL."""

    def make(self) -> DatabaseWorld:
        return postgres_world()
