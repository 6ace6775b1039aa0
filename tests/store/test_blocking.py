"""Connections that are blocked by what came of their recipients, over real databases."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.blocking import IBlocking
from mailrelay.interfaces.events import Sought
from mailrelay.interfaces.registry import Connection
from mailrelay.mail.envelope import Settlement, State
from mailrelay.mail.event import Event
from mailrelay.relay.blocking import Blocker

from .worlds import HOUR, START, DatabaseWorld, postgres_world, result, sqlite_world, submission


class BlockingLaws:
    """A connection with a rule of its own: at least 10 finished, more than 20 % refused."""

    def make(self) -> DatabaseWorld:
        raise NotImplementedError

    def setUp(self) -> None:
        self.world = self.make()
        self.process = self.world.start()
        assert self.process.store is not None
        self.store = self.process.store
        self.account = self.world.account(1000)
        self.connection = self.world.connection(self.account)
        self.change({"options": {"block_minimum": 10, "block_percent": 20}})

    def tearDown(self) -> None:
        self.world.stop(self.process)
        self.assertEqual(self.world.audit(), [])
        self.world.close()

    def change(self, changes: Mapping[str, object]) -> Connection:
        changed: Connection = result(self.store.registry.change_connection(self.connection, changes))
        return changed

    def send(self, delivered: int, bounced: int) -> None:
        states = [State.DELIVERED] * delivered + [State.BOUNCED] * bounced
        made = submission(self.account, self.connection, [f"u{n}@b.test" for n in range(len(states))], self.world.now)
        for delivery, state in zip(result(self.store.ledger.accept(made, True)), states, strict=True):
            result(self.store.ledger.settle(Settlement(delivery.recipient, state, at=self.world.now)))

    def look(self) -> str:
        """The connection's status after one look."""
        result(Deferred.fromCoroutine(Blocker(self.store.blocking, lambda: self.world.now).look()))
        (found,) = result(self.store.registry.connections(self.account))
        return f"{found.status} {found.status_reason}".strip()

    def test_blocked(self) -> None:
        """With more than so many refused it is blocked, once, with its figures, and the event tells them."""
        verifyObject(IBlocking, self.store.blocking)
        self.world.now = START + 10 * HOUR
        before = result(self.store.events.head())
        self.send(8, 2)
        self.assertEqual(self.look(), "active")
        self.send(0, 1)
        reason = "3 of 11 recipients in 24 hours were refused, more than 20 %"
        self.assertEqual(self.look(), f"blocked {reason}")
        self.assertEqual(self.look(), f"blocked {reason}")
        sought = Sought(account=self.account, events=(Event.CONNECTION_BLOCKED,))
        (told,) = result(self.store.events.after(before, sought, 10)).events
        self.assertEqual((told.connection, told.facts["refused"]), (self.connection, 3))

    def test_too_few(self) -> None:
        """Few recipients prove nothing, however many are refused, and what is older than a day does not count."""
        self.world.now = START + 10 * HOUR
        self.send(0, 9)
        self.assertEqual(self.look(), "active")
        self.world.now += 25 * HOUR
        self.send(1, 1)
        self.assertEqual(self.look(), "active")

    def test_activated_again(self) -> None:
        """An administrator's activation begins a new window: what came before counts no more."""
        self.world.now = START + 10 * HOUR + HOUR // 2
        self.send(0, 10)
        self.assertTrue(self.look().startswith("blocked"))
        self.change({"status": "active", "status_reason": "", "active_since": self.world.now})
        self.assertEqual(self.look(), "active")
        self.world.now += HOUR
        self.send(9, 1)
        self.assertEqual(self.look(), "active")
        self.send(0, 9)
        self.assertTrue(self.look().startswith("blocked 10 of 19"))

    def test_no_rule(self) -> None:
        """A connection without the option is never blocked."""
        self.change({"options": {}})
        self.send(0, 20)
        self.assertEqual(self.look(), "active")


class SqliteBlockingTests(BlockingLaws, SynchronousTestCase):
    """The laws over SQLite."""

    def make(self) -> DatabaseWorld:
        return sqlite_world()


class PostgresBlockingTests(BlockingLaws, SynchronousTestCase):
    """The laws over a real PostgreSQL."""

    def make(self) -> DatabaseWorld:
        return postgres_world()
