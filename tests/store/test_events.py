"""The outbox: every change of state is told once, in the order of the commits, over the twin and real databases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import sqlalchemy as sa
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.engagement import Engagement
from mailrelay.interfaces.events import Happening, IEvents, Page, Sought
from mailrelay.interfaces.ledger import Lane
from mailrelay.mail.envelope import SECOND, Bounced, Deferred, Delivered, Delivery, Instructions, Outcome, Settlement
from mailrelay.mail.event import Event
from mailrelay.mail.reply import Reply
from mailrelay.policy.retry import Schedule
from mailrelay.policy.settlement import settle
from mailrelay.store import events as reading
from mailrelay.store.engine import Database
from mailrelay.store.memory import MemoryEngagement
from mailrelay.store.memory.events import MemoryEvents
from mailrelay.store.outbox import ROOM
from mailrelay.store.work import Work

from .worlds import HOUR, START, DatabaseWorld, MemoryWorld, new_id, postgres_world, result, sqlite_world, submission

SCHEDULE = Schedule((60,), 432_000, 0.0)
OK = Reply(250, "2.0.0", "Ok")
UNKNOWN = Reply(550, "5.1.1", "User unknown\tin\nlocal table")


class EventLaws:
    """What every outbox promises; subclasses say over which state."""

    world: MemoryWorld | DatabaseWorld

    def make(self) -> MemoryWorld | DatabaseWorld:
        raise NotImplementedError

    def setUp(self) -> None:
        self.world = self.make()
        self.process = self.world.start()
        self.account = self.world.account(100)
        self.connection = self.world.connection(self.account)
        self.start = result(self.events.head())

    def tearDown(self) -> None:
        self.world.close()

    @property
    def events(self) -> IEvents:
        if isinstance(self.world, MemoryWorld):
            twin: IEvents = MemoryEvents(self.world.state)
            return twin
        assert self.process.store is not None
        return self.process.store.events

    def accept(self, *addresses: str, lease: bool = True, **more: Any) -> list[Delivery]:
        made = submission(self.account, self.connection, addresses, self.world.now, **more)
        return list(result(self.process.ledger.accept(made, lease)))

    def settle(self, delivery: Delivery, outcome: Outcome) -> Settlement:
        settlement = settle(delivery, replace(outcome, at=self.world.now), self.world.now, SCHEDULE, 0.0)
        result(self.process.ledger.settle(settlement))
        return settlement

    def after(self, cursor: int | None = None, limit: int = 100, **sought: Any) -> Page:
        asked = Sought(**{"account": self.account, **sought})
        found: Page = result(self.events.after(self.start if cursor is None else cursor, asked, limit))
        return found

    def told(self, **sought: Any) -> list[tuple[str, str]]:
        return [(each.event.value, each.rcpt) for each in self.after(**sought).events]

    def test_interface(self) -> None:
        """Every outbox is one."""
        self.assertTrue(verifyObject(IEvents, self.events))

    def test_life(self) -> None:
        """Acceptance, a deferral and the end are told in that order, each with what it is about and what was heard."""
        (ann,) = self.accept(
            "ann@b.test", instructions=Instructions(tag="news", client_ref="r7", metadata={"order": "9"})
        )
        late = self.settle(ann, Deferred(Reply(452, "4.2.2", "Mailbox full"), "mx.b.test", 0, route="default"))
        self.world.now = late.due_at
        (again,) = result(self.process.ledger.claim(Lane(self.account, "b.test", 0), 9, self.world.now))
        self.settle(again, Bounced(UNKNOWN, "mx.b.test", 0, route="default"))
        accepted, deferred, bounced = self.after().events
        first: Happening = accepted
        self.assert_told(first, Event.ACCEPTED, "", 0, "")
        self.assertEqual((first.tag, first.client_ref, first.metadata), ("news", "r7", {"order": "9"}))
        self.assertEqual((first.sender, first.subject, first.dialect), ("app@acme.test", "x", "standard"))
        self.assertEqual((first.connection, first.message), (self.connection, ann.message))
        self.assert_told(deferred, Event.DEFERRED, "452 4.2.2 Mailbox full", 1, "mailbox_full")
        self.assertEqual((deferred.due_at, deferred.host, deferred.route), (late.due_at, "mx.b.test", "default"))
        self.assert_told(bounced, Event.BOUNCED, str(UNKNOWN), 2, "recipient")
        self.assertEqual(bounced.due_at, 0)
        self.assertEqual(bounced.at, late.due_at)

    def assert_told(self, found: Happening, event: Event, reply: str, attempt: int, bounce_class: str) -> None:
        seen = (found.event, found.reply, found.attempt, found.bounce_class, found.rcpt)
        self.assertEqual(seen, (event, reply, attempt, bounce_class, "ann@b.test"))

    def test_ends_without_an_attempt(self) -> None:
        """What is put on record, expires, turns out suppressed or is dropped is told, too, with the reason."""
        self.accept("a@b.test", "b@b.test", lease=False, rejected={"b@b.test": "not allowed"}, lifetime=HOUR)
        self.accept("c@b.test", lease=False, lifetime=3 * HOUR)
        self.world.now += 2 * HOUR
        result(self.process.ledger.expire(self.world.now))
        self.world.suppress(self.account, "c@b.test")
        result(self.process.ledger.claim(Lane(self.account, "b.test", 0), 9, self.world.now))
        told = self.told()
        self.assertEqual([each for each in told if each[0] == "accepted"], [("accepted", f"{n}@b.test") for n in "abc"])
        ends = [each for each in told if each[0] != "accepted"]
        self.assertEqual(ends, [("suppressed", "b@b.test"), ("expired", "a@b.test"), ("suppressed", "c@b.test")])
        rejected = next(each for each in self.after().events if each.rcpt == "b@b.test" and each.event.final)
        self.assertEqual(rejected.reply, "not allowed")

    def test_acts(self) -> None:
        """What a recipient did is told with where a click led, and who did it."""
        (ann,) = self.accept("ann@b.test")
        engagement = MemoryEngagement(self.world.state) if isinstance(self.world, MemoryWorld) else None
        if engagement is None:
            assert self.process.store is not None
            engagement = self.process.store.engagement  # type: ignore[assignment]
        clicked = Engagement(
            new_id(), ann.recipient, Event.CLICKED, START, "scanner", "https://s.test/", "192.0.2.1", "M"
        )
        result(engagement.record([clicked]))  # type: ignore[union-attr]
        (found,) = self.after(events=(Event.CLICKED,)).events
        seen = (found.machine, found.target, found.address, found.agent)
        self.assertEqual(seen, ("scanner", "https://s.test/", "192.0.2.1", "M"))

    def test_failover(self) -> None:
        """An attempt that left a route for another tells so."""
        (ann,) = self.accept("ann@b.test")
        self.settle(ann, Delivered(OK, "mx", 0, route="spare", fallback="default: down"))
        self.assertEqual([event for event, _ in self.told()], ["accepted", "route_failover", "delivered"])

    def test_encryption(self) -> None:
        """What went in the clear is told as such, and what did not with how it was encrypted (T6)."""
        ann, bob = self.accept("ann@b.test", "bob@b.test")
        self.settle(ann, Delivered(OK, "mx", 0))
        self.settle(bob, Delivered(OK, "mx", 0, "TLSv1.3"))
        (clear, secured) = self.after(events=(Event.DELIVERED,)).events
        self.assertEqual((clear.tls, secured.tls), ("", "TLSv1.3"))

    def test_lost_lease(self) -> None:
        """A settlement that comes too late changes nothing, and is told as what it may mean."""
        (ann,) = self.accept("ann@b.test")
        self.settle(ann, Delivered(OK, "mx", 0))
        self.settle(ann, Delivered(OK, "mx", 0))
        self.assertEqual([event for event, _ in self.told()], ["accepted", "delivered", "possible_duplicate"])

    def test_cursor(self) -> None:
        """By the cursor of each page a reader sees every event once, in order, whatever the size of the pages."""
        for number in range(7):
            self.accept(f"a{number}@b.test", f"b{number}@b.test", lease=False)
        everything = [each.id for each in self.after().events]
        self.assertEqual(everything, sorted(set(everything)))
        for limit in (1, 3, 14):
            seen, cursor, more = [], self.start, True
            while more:
                page = self.after(cursor, limit)
                seen += [each.id for each in page.events]
                cursor, more = page.cursor, page.more
            self.assertEqual(seen, everything)
            self.assertEqual(self.after(cursor).events, [])
        self.accept("late@b.test")
        self.assertEqual([each.rcpt for each in self.after(cursor).events], ["late@b.test"])

    def test_sought(self) -> None:
        """Events of others are not told."""
        self.accept("ann@b.test")
        self.assertEqual(self.told(account=new_id()), [])
        self.assertEqual(self.told(connection=new_id()), [])
        self.assertEqual(self.told(connection=self.connection), [("accepted", "ann@b.test")])
        self.assertEqual(self.told(events=(Event.BOUNCED,)), [])

    def test_of_an_account(self) -> None:
        """An event of an account stands among the others, with its facts."""
        facts = {"connection": self.connection, "reason": "a\tb\nc"}
        result(self.events.tell(Event.CONNECTION_BLOCKED, self.account, START, facts))
        (found,) = self.after().events
        self.assertEqual(
            (found.event, found.connection, found.facts), (Event.CONNECTION_BLOCKED, self.connection, facts)
        )
        self.assertEqual(self.told(account=new_id()), [])

    def test_instant(self) -> None:
        """A reader can begin at an instant, and misses nothing from then on."""
        self.accept("old@b.test")
        self.world.now += 9_999 * HOUR  # where no other test was
        self.accept("new@b.test")
        cursor = result(self.events.before(self.world.now))
        self.assertEqual([each.rcpt for each in self.after(cursor).events], ["new@b.test"])
        self.assertEqual(result(self.events.before(self.world.now + 1)), result(self.events.head()))

    def test_retention(self) -> None:
        """Old events go; numbers go on all the same, even where nothing is left but the newest."""
        self.accept("old@b.test")
        self.world.now += HOUR
        self.accept("new@b.test")
        before = self.after().events[-1].id
        self.assertGreater(result(self.events.forget(self.world.now + HOUR)), 0)
        self.assertEqual([each.rcpt for each in self.after().events], ["new@b.test"])
        self.accept("next@b.test")
        self.assertGreater(self.after().events[-1].id, before)


class DatabaseLaws(EventLaws):
    """What only a database shows."""

    world: DatabaseWorld

    def database(self) -> Database:
        return self.world._watch._writer._database

    def test_many_in_one_commit(self) -> None:
        """A commit of more events than a row of the outbox holds tells all of them, in order."""
        addresses = [f"u{number}@b.test" for number in range(ROOM + 5)]
        self.account = self.world.account(2 * ROOM)
        self.connection = self.world.connection(self.account)
        self.accept(*addresses, lease=False)
        first = self.after(limit=ROOM)
        self.assertTrue(first.more)
        rest = self.after(first.cursor, ROOM)
        self.assertEqual([each.rcpt for each in (*first.events, *rest.events)], addresses)

    def test_bounded_look(self) -> None:
        """One look goes through a bounded part of the outbox; going on by its cursor comes to what is sought."""
        old, reading.ROWS = reading.ROWS, 2
        try:
            for number in range(5):
                self.accept(f"u{number}@b.test", lease=False)
            result(self.events.tell(Event.DOMAIN_DRIFT, self.account, START, {"domain": "b.test"}))
            cursor, looks, found = self.start, 0, list[Happening]()
            while not found:
                page = self.after(cursor, events=(Event.DOMAIN_DRIFT,))
                self.assertGreater(page.cursor, cursor)
                cursor, looks, found = page.cursor, looks + 1, list(page.events)
            self.assertGreater(looks, 1)
        finally:
            reading.ROWS = old

    def test_told_with_the_state(self) -> None:
        """A commit that is not there told nothing; one that is told each event once, whatever its writer heard."""
        heal = self.world.lose_commit(self.process, there=False)
        made = submission(self.account, self.connection, ["ann@b.test"], START)
        self.process.ledger.accept(made, True).addErrback(lambda _: None)
        heal()
        self.assertEqual(self.told(), [])
        heal = self.world.lose_commit(self.process, there=True)
        result(self.process.ledger.accept(submission(self.account, self.connection, ["bob@b.test"], START), True))
        heal()
        self.assertEqual(self.told(), [("accepted", "bob@b.test")])

    def test_history_gone(self) -> None:
        """Events of recipients that are in no history any more, and of kinds that this version does not know, are
        passed over."""
        with self.database().open_writer() as connection, connection.begin():
            work = Work(self.database(), connection, "n")
            work.tell("delivered", new_id(), START)
            work.tell("levitated", new_id(), START)
            work.finish()
        self.assertEqual(self.after(account="").events, [])
        self.assertFalse(self.after(account="").more)

    def test_a_deferral_is_not_told_by_mistake(self) -> None:
        """Giving a lease back is no event."""
        (ann,) = self.accept("ann@b.test")
        result(self.process.ledger.release([ann.recipient]))
        self.assertEqual(self.told(), [("accepted", "ann@b.test")])

    def test_of_the_system(self) -> None:
        """Mail of the system itself is told to nobody."""
        made = replace(submission(self.account, "", ["ann@b.test"], START), billing="none")
        (ann,) = result(self.process.ledger.accept(made, True))
        self.settle(ann, Delivered(OK, "mx", START + SECOND))
        self.assertEqual(self.told(), [])


class MemoryEventTests(EventLaws, SynchronousTestCase):
    """The laws over the memory twin."""

    def make(self) -> MemoryWorld:
        return MemoryWorld()


class SqliteEventTests(DatabaseLaws, SynchronousTestCase):
    """The laws over SQLite."""

    def make(self) -> DatabaseWorld:
        return sqlite_world()


class PostgresEventTests(DatabaseLaws, SynchronousTestCase):
    """The laws over a real PostgreSQL."""

    def make(self) -> DatabaseWorld:
        return postgres_world()

    def test_several_writers(self) -> None:
        """No event appears behind a number that was read: who writes later gets no number before the first can be
        seen."""
        database = self.database()
        with database.open_writer() as one, database.open_writer() as other:
            begun = one.begin()
            first = Work(database, one, "n1")
            first.tell_of_account("domain_drift", self.account, START, {"domain": "first"})
            first.finish()
            waiting = other.begin()
            other.execute(sa.text("SET LOCAL lock_timeout = 50"))
            second = Work(database, other, "n2")
            second.tell_of_account("domain_drift", self.account, START, {"domain": "second"})
            self.assertRaises(psycopg.errors.LockNotAvailable, second.finish)
            waiting.rollback()
            begun.commit()
            with other.begin():
                second.finish()
        self.assertEqual([each.facts["domain"] for each in self.after().events], ["first", "second"])
