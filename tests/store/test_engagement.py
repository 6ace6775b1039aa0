"""What recipients do with mail that arrived: kept, counted once, and honoured, over the twin and real databases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.engagement import KEPT, Engaged, Engagement, IEngagement
from mailrelay.interfaces.history import Selection
from mailrelay.mail.envelope import SECOND, Instructions, Personal, deliveries_of
from mailrelay.mail.event import Event
from mailrelay.mail.reply import Refusal
from mailrelay.store.engagement import COUNTED
from mailrelay.store.memory import MemoryEngagement
from mailrelay.store.schema import counters

from .worlds import START, DatabaseWorld, MemoryWorld, new_id, postgres_world, result, sqlite_world, submission


def act(recipient: str, kind: Event = Event.OPENED, after: int = 0, **more: Any) -> Engagement:
    """What a recipient did some seconds after the start."""
    return Engagement(new_id(), recipient, kind, START + after * SECOND, **more)


class EngagementLaws:
    """What is promised of engagement."""

    def make(self) -> MemoryWorld | DatabaseWorld:
        raise NotImplementedError

    def engagement(self) -> IEngagement:
        assert self.process.store is not None
        return self.process.store.engagement

    def setUp(self) -> None:
        self.world = self.make()
        self.process = self.world.start()
        self.account = self.world.account(100)
        self.connection = self.world.connection(self.account)
        self.made = submission(
            self.account,
            self.connection,
            ["Ann@b.test", "bob@b.test"],
            START,
            instructions=Instructions(tag="news"),
            personal=Personal(opens=True, key="1"),
        )
        self.leased = result(self.process.ledger.accept(self.made, True))
        self.ann, self.bob = (each.recipient for each in self.leased)

    def tearDown(self) -> None:
        self.assertEqual(self.world.audit(), [])
        self.world.close()

    def record(self, *engagements: Engagement) -> None:
        result(self.engagement().record(engagements))

    def unsubscribe(self, mailbox: str, engagement: Engagement) -> bool:
        return bool(result(self.engagement().unsubscribe(self.account, mailbox, engagement)))

    def of(self, recipient: str) -> list[Engagement]:
        assert self.process.store is not None
        return list(result(self.process.store.history.acts(recipient)))

    def test_kept(self) -> None:
        """What a recipient did is found again, in order, and is its own."""
        first = act(self.ann, address="192.0.2.1", agent="Mail \N{SNOWMAN}")
        second = act(self.ann, Event.CLICKED, 5, target="https://shop.test/?a=1", machine="scanner")
        self.record(first, act(self.bob), second)
        self.assertEqual(self.of(self.ann), [first, second])
        self.assertEqual(len(self.of(self.bob)), 1)
        self.assertEqual(self.of("nobody"), [])

    def test_bounded(self) -> None:
        """A thousand opens of one recipient keep the first few."""
        self.record(*(act(self.ann, after=number) for number in range(500)))
        self.record(*(act(self.ann, after=number) for number in range(500, 1000)))
        self.assertEqual(len(self.of(self.ann)), KEPT)

    def test_unsubscribe(self) -> None:
        """An unsubscribe suppresses the mailbox for its account alone, once, whoever asks again."""
        self.assertTrue(self.unsubscribe("ann@b.test", act(self.ann, Event.UNSUBSCRIBED)))
        self.assertFalse(self.unsubscribe("ann@b.test", act(self.ann, Event.UNSUBSCRIBED, 9)))
        self.assertEqual(self.world.suppressed(self.account, "ann@b.test"), "unsubscribe")
        self.assertEqual(self.world.suppressed(new_id(), "ann@b.test"), "")

    def test_unsubscribe_outlives_the_history(self) -> None:
        """An unsubscribe from a message that is in no history any more holds all the same."""
        self.assertTrue(self.unsubscribe("old@b.test", act(new_id(), Event.UNSUBSCRIBED)))
        self.assertEqual(self.world.suppressed(self.account, "old@b.test"), "unsubscribe")

    def test_unknown(self) -> None:
        """What a recipient of no history did is passed over; an unknown account is said to be unknown."""
        self.record(act(new_id()), act(self.ann))
        self.assertEqual(len(self.of(self.ann)), 1)
        with self.assertRaises(KeyError):
            result(self.engagement().unsubscribe("nobody", "x@y.test", act(self.ann, Event.UNSUBSCRIBED)))

    def test_other_suppressions(self) -> None:
        """Another reason gives way to an unsubscribe."""
        self.world.suppress(self.account, "ann@b.test")
        self.assertTrue(self.unsubscribe("ann@b.test", act(self.ann, Event.UNSUBSCRIBED)))
        self.assertEqual(self.world.suppressed(self.account, "ann@b.test"), "unsubscribe")

    def test_delivery(self) -> None:
        """What was accepted for a recipient is found as it would be delivered."""
        self.assertEqual(result(self.engagement().delivery(self.bob)), deliveries_of(self.made)[1])
        with self.assertRaises(KeyError):
            result(self.engagement().delivery("nobody"))


class DatabaseLaws(EngagementLaws):
    """What only a database shows: sums, counters, the history."""

    world: DatabaseWorld

    def engaged(self, recipient: str) -> Engaged:
        assert self.process.store is not None
        (passage,) = result(self.process.store.history.passages(Selection(recipient=recipient), 1))
        return passage.engaged

    def counted(self) -> dict[str, int]:
        statement = sa.select(counters.c.kind, counters.c.count).where(
            counters.c.connection == self.connection, counters.c.tag == "news", counters.c.kind.in_(COUNTED)
        )
        with self.world._watch._writer._database.open_reader() as connection:
            return {kind: count for kind, count in connection.execute(statement) if count}

    def test_sums(self) -> None:
        """People and machines are told apart in what a recipient did in all; the first instant is a person's."""
        self.record(act(self.ann, after=1, machine="privacy proxy"), act(self.ann, after=7), act(self.ann, after=5))
        self.record(act(self.ann, Event.CLICKED, 9), act(self.ann, Event.CLICKED, 8, machine="burst"))
        self.assertEqual(self.engaged(self.ann), Engaged(START + 5 * SECOND, 2, 1, START + 9 * SECOND, 1, 1, 0))
        self.assertEqual(self.engaged(self.bob), Engaged())

    def test_counters(self) -> None:
        """Counters move in the same commit: recipients that opened, and all opens; machines apart."""
        self.record(act(self.ann), act(self.ann), act(self.bob), act(self.bob, machine="scanner"))
        self.record(act(self.ann), act(self.bob, Event.CLICKED))
        self.unsubscribe("ann@b.test", act(self.ann, Event.UNSUBSCRIBED))
        self.unsubscribe("ann@b.test", act(self.ann, Event.UNSUBSCRIBED))
        expected = {"opened": 2, "opens": 4, "opened_machine": 1, "clicked": 1, "clicks": 1, "unsubscribed": 1}
        self.assertEqual(self.counted(), expected)

    def test_once(self) -> None:
        """The same act told twice is kept once."""
        twice = act(self.ann)
        self.record(twice)
        self.record(twice)
        self.assertEqual(self.of(self.ann), [twice])

    def test_complaint_stays(self) -> None:
        """A complaint stays the reason."""
        assert self.process.store is not None
        from mailrelay.interfaces.registry import Suppression

        complaint = Suppression(self.account, "ann@b.test", "ann@b.test", "complaint", "", START)
        result(self.process.store.registry.add_suppression(complaint))
        self.assertFalse(self.unsubscribe("ann@b.test", act(self.ann, Event.UNSUBSCRIBED)))
        self.assertEqual(self.world.suppressed(self.account, "ann@b.test"), "complaint")

    def test_odd_texts(self) -> None:
        """Texts that no database takes are kept as far as one does."""
        self.record(act(self.ann, agent="a\0b\ud800", target="t\0"))
        (kept,) = self.of(self.ann)
        self.assertEqual((kept.agent, kept.target), ("a\N{REPLACEMENT CHARACTER}b?", "t\N{REPLACEMENT CHARACTER}"))

    def test_audit(self) -> None:
        """A counter that does not agree with what recipients did is found."""
        self.record(act(self.ann))
        self.assertEqual(self.world.audit(), [])
        database = self.world._watch._writer._database

        def move(by: int) -> None:
            with database.open_writer() as connection, connection.begin():
                here = sa.update(counters).where(counters.c.connection == self.connection, counters.c.kind == "opened")
                connection.execute(here.values(count=counters.c.count + by))

        move(1)
        self.assertRegex("".join(self.world.audit()), "2 counted as opened in counters, but there are 1")
        move(-1)


class MemoryEngagementTests(EngagementLaws, SynchronousTestCase):
    """The laws over the memory twin."""

    def make(self) -> MemoryWorld:
        return MemoryWorld()

    def engagement(self) -> IEngagement:
        assert isinstance(self.world, MemoryWorld)
        twin: IEngagement = MemoryEngagement(self.world.state)
        return twin

    def of(self, recipient: str) -> list[Engagement]:
        assert isinstance(self.world, MemoryWorld)
        return self.world.state.acts.get(recipient, [])

    def test_failure(self) -> None:
        """The twin fails when it is told to."""
        assert isinstance(self.world, MemoryWorld)
        self.world.state.failures.append(Refusal("temporary"))
        self.assertRaises(Refusal, self.record, act(self.ann))
        self.record(replace(act(self.ann), at=START))


class SqliteEngagementTests(DatabaseLaws, SynchronousTestCase):
    """The laws over SQLite."""

    def make(self) -> DatabaseWorld:
        return sqlite_world()


class PostgresEngagementTests(DatabaseLaws, SynchronousTestCase):
    """The laws over a real PostgreSQL."""

    def make(self) -> DatabaseWorld:
        return postgres_world()
