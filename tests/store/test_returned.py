"""What comes back by mail and what is suppressed by it, over the twin and real databases."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.directory import RecipientFacts
from mailrelay.interfaces.engagement import Engagement, IEngagement
from mailrelay.interfaces.history import Attempt
from mailrelay.interfaces.registry import Suppression
from mailrelay.mail.envelope import SECOND, Return, Settlement, State
from mailrelay.mail.event import Event
from mailrelay.mail.reply import Reply
from mailrelay.policy.settlement import HARD_BOUNCE, returned
from mailrelay.store.memory import MemoryEngagement

from .worlds import HOUR, START, DatabaseWorld, MemoryWorld, new_id, postgres_world, result, sqlite_world, submission

GONE = Reply(550, "5.1.1", "User unknown")
DAY = 24 * HOUR


class ReturnLaws:
    """What is promised of reports that came back."""

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
        made = submission(self.account, self.connection, ["Ann@b.test", "bob@b.test"], START)
        leased = result(self.process.ledger.accept(made, True))
        self.ann, self.bob = (each.recipient for each in leased)

    def tearDown(self) -> None:
        self.world.stop(self.process)
        self.assertEqual(self.world.audit(), [])
        self.world.close()

    def settle(self, recipient: str, state: State, **more: object) -> None:
        self.assertTrue(result(self.process.ledger.settle(Settlement(recipient, state, at=START, **more))))  # type: ignore[arg-type]

    def bounce(self, given: Return) -> bool:
        return bool(result(self.process.ledger.bounce_later(given)))

    def complain(self, recipient: str) -> bool:
        complaint = Engagement(new_id(), recipient, Event.COMPLAINED, START + HOUR, target="abuse")
        return bool(result(self.engagement().complain(complaint)))

    def state(self, recipient: str) -> State:
        return self.world.rows(self.account)[recipient].state

    def test_once(self) -> None:
        """A delivered recipient bounces after all, once, its counters moving along (the audit says so), and its address
        is suppressed; the money stays where it was."""
        money = self.world.money(self.account)
        self.settle(self.ann, State.DELIVERED)
        given = returned(self.ann, GONE, "mx.b.test", START + HOUR)
        self.assertEqual((self.bounce(given), self.bounce(given)), (True, False))
        self.assertEqual(self.state(self.ann), State.BOUNCED)
        self.assertEqual(self.world.suppressed(self.account, "ann@b.test"), HARD_BOUNCE)
        self.assertEqual(self.world.heard(self.ann), "550 5.1.1 User unknown")
        self.assertEqual(self.world.money(self.account), money)

    def test_only_delivered(self) -> None:
        """What waits, what came to another end, and what nobody knows is left alone, its address too."""
        self.settle(self.bob, State.FAILED)
        for recipient in (self.ann, self.bob, new_id()):
            self.assertFalse(self.bounce(returned(recipient, GONE, "mx.b.test", START)))
        self.assertEqual((self.state(self.ann), self.state(self.bob)), (State.QUEUED, State.FAILED))
        self.assertEqual(self.world.suppressed(self.account, "bob@b.test"), "")

    def test_not_the_recipients_fault(self) -> None:
        """A host that turned the mail down for another reason suppresses nobody."""
        self.settle(self.ann, State.DELIVERED)
        self.assertTrue(self.bounce(returned(self.ann, Reply(550, "5.7.1", "looks like spam"), "", START)))
        self.assertEqual(self.state(self.ann), State.BOUNCED)
        self.assertEqual(self.world.suppressed(self.account, "ann@b.test"), "")

    def test_complaint(self) -> None:
        """A complaint suppresses the address and is kept once; of somebody unknown it changes nothing."""
        self.settle(self.ann, State.DELIVERED)
        self.assertEqual((self.complain(self.ann), self.complain(self.ann)), (True, False))
        self.assertEqual(self.world.suppressed(self.account, "ann@b.test"), "complaint")
        self.assertFalse(self.complain(new_id()))
        self.assertEqual(self.state(self.ann), State.DELIVERED)

    def test_a_refusal_is_no_wish(self) -> None:
        """That a host refuses an address does not take the place of what its owner said."""
        self.settle(self.ann, State.DELIVERED)
        self.complain(self.ann)
        self.assertTrue(self.bounce(returned(self.ann, GONE, "mx.b.test", START)))
        self.settle(self.bob, State.BOUNCED, suppression=HARD_BOUNCE)
        self.assertEqual(self.world.suppressed(self.account, "ann@b.test"), "complaint")
        self.assertEqual(self.world.suppressed(self.account, "bob@b.test"), HARD_BOUNCE)
        self.assertTrue(self.complain(self.bob))
        self.assertEqual(self.world.suppressed(self.account, "bob@b.test"), "complaint")


class DatabaseReturnLaws(ReturnLaws):
    """What only a database shows."""

    world: DatabaseWorld

    def attempts(self, recipient: str) -> list[Attempt]:
        assert self.process.store is not None
        return list(result(self.process.store.history.attempts(recipient)))

    def kept(self) -> dict[str, Suppression]:
        assert self.process.store is not None
        found = result(self.process.store.registry.suppressions(self.account))
        return {each.key: each for each in found}

    def put(self, key: str, reason: str, until: int = 0, at: int = START) -> None:
        assert self.process.store is not None
        made = Suppression(self.account, key, key, reason, "test", at, until)
        result(self.process.store.registry.add_suppression(made))

    def looked_up(self, key: str) -> str:
        assert self.process.store is not None
        self.process.store.directory.forget()
        facts: RecipientFacts = result(self.process.store.directory.recipient(self.account, key))
        return facts.suppression

    def test_told_among_the_attempts(self) -> None:
        """What the host said in the end stands behind the attempts, with how it was understood."""
        self.settle(self.ann, State.DELIVERED)
        self.bounce(returned(self.ann, GONE, "mx.b.test\0", START + SECOND))
        (line,) = self.attempts(self.ann)
        self.assertEqual((line.state, line.reply, line.at), (State.BOUNCED, str(GONE), START + SECOND))
        self.assertEqual(line.facts, {"rule": "returned", "class": "recipient"})

    def test_life_time(self) -> None:
        """A suppression holds until its end: then the address is sent to again, and the chore forgets it."""
        self.put("ann@b.test", "manual", START + DAY)
        self.put("bob@b.test", "manual")
        self.world.now = START + DAY - 1
        self.assertEqual(self.looked_up("ann@b.test"), "manual")
        self.world.now += 1
        self.assertEqual((self.looked_up("ann@b.test"), self.looked_up("bob@b.test")), ("", "manual"))
        assert self.process.store is not None
        result(self.process.store.sweep(self.world.now))
        self.assertEqual(list(self.kept()), ["bob@b.test"])

    def test_at_a_claim(self) -> None:
        """At a claim, too, a suppression that has ended keeps nobody from being sent to."""
        self.put("ann@b.test", "manual", START + SECOND)
        self.put("bob@b.test", "manual", START + 10 * SECOND)
        result(self.process.ledger.release([self.ann, self.bob]))
        lane = result(self.process.ledger.lanes({}, 100))
        (mine,) = (each for each in lane if each.account == self.account)
        self.world.now = START + SECOND
        claimed = result(self.process.ledger.claim(mine, 10, self.world.now))
        self.assertEqual([each.recipient for each in claimed], [self.ann])
        self.assertEqual(self.state(self.bob), State.SUPPRESSED)

    def test_the_longer_holds(self) -> None:
        """Of two refusals the one that lasts longer holds; a person's word sets the end, whatever it was; and what has
        ended begins anew."""
        self.put("ann@b.test", HARD_BOUNCE, START + 30 * DAY)
        self.put("ann@b.test", HARD_BOUNCE, START + 10 * DAY)
        self.assertEqual(self.kept()["ann@b.test"].expires_at, START + 30 * DAY)
        self.put("ann@b.test", HARD_BOUNCE)
        self.put("ann@b.test", HARD_BOUNCE, START + 40 * DAY)
        self.assertEqual(self.kept()["ann@b.test"].expires_at, 0)
        self.put("ann@b.test", "manual", START + DAY)
        self.assertEqual(self.kept()["ann@b.test"].expires_at, START + DAY)
        self.put("ann@b.test", HARD_BOUNCE, 0, START + 2 * DAY)
        kept = self.kept()["ann@b.test"]
        self.assertEqual((kept.reason, kept.expires_at, kept.created_at), (HARD_BOUNCE, 0, START + 2 * DAY))

    def test_a_class_with_days(self) -> None:
        """A class that has a life time suppresses for so long."""
        self.settle(self.ann, State.DELIVERED)
        self.bounce(returned(self.ann, Reply(550, "5.1.2", "no such domain"), "", START))
        self.assertEqual(self.kept()["ann@b.test"].expires_at, START + 30 * DAY)
        self.assertEqual(self.kept()["ann@b.test"].origin, self.ann)


class MemoryReturnTests(ReturnLaws, SynchronousTestCase):
    """The laws over the memory twin."""

    def make(self) -> MemoryWorld:
        return MemoryWorld()

    def engagement(self) -> IEngagement:
        assert isinstance(self.world, MemoryWorld)
        twin: IEngagement = MemoryEngagement(self.world.state)
        return twin


class SqliteReturnTests(DatabaseReturnLaws, SynchronousTestCase):
    """The laws over SQLite."""

    def make(self) -> DatabaseWorld:
        return sqlite_world()


class PostgresReturnTests(DatabaseReturnLaws, SynchronousTestCase):
    """The laws over a real PostgreSQL."""

    def make(self) -> DatabaseWorld:
        return postgres_world()
