"""The same key of the same connection is the same message: laws asked of the memory twin and of both databases."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.ledger import KEY_LIFETIME, Lane, Once, Undecided
from mailrelay.mail.envelope import Instructions, State, Submission
from mailrelay.mail.reply import Refusal
from mailrelay.store.accept import CHUNK

from .worlds import DatabaseWorld, MemoryWorld, Process, postgres_world, result, sqlite_world, submission


class OnceLaws:
    """Every law of a repetition that an observer can see."""

    def make(self) -> MemoryWorld | DatabaseWorld:
        raise NotImplementedError

    def setUp(self) -> None:
        self.world = self.make()
        self.process = self.world.start()
        self.account = self.world.account(10)
        self.connection = self.world.connection(self.account)

    def tearDown(self) -> None:
        self.world.stop(self.process)
        for id in self.world.rows(self.account):
            self.world.drop(id)
        self.assertEqual(self.world.audit(), [])
        self.world.close()

    def made(self, *addresses: str, key: str = "k", digest: str = "d", **more: object) -> Submission:
        asked = Instructions(idempotency_key=key)
        connection = str(more.pop("connection", self.connection))
        return submission(
            self.account,
            connection,
            addresses,
            self.world.now,
            instructions=asked,
            digest=digest,
            **more,  # type: ignore[arg-type]
        )

    def once(self, made: Submission, lease: bool = True, process: Process | None = None) -> Once:
        found = result((process or self.process).ledger.accept_once(made, lease))
        assert isinstance(found, Once)
        return found

    def claim(self, process: Process | None = None) -> list[str]:
        lane = Lane(self.account, "b.test", 0)
        return [each.recipient for each in result((process or self.process).ledger.claim(lane, 10, self.world.now))]

    def keys(self) -> int:
        return len(self.world.rows(self.account))

    def test_said_twice_is_sent_once(self) -> None:
        """A repetition gets the id of the first and nothing else: no row, no charge, no delivery."""
        first = self.made("a@b.test", "b@b.test")
        told = self.once(first)
        self.assertEqual((told.id, [each.address for each in told.deliveries]), (first.id, ["a@b.test", "b@b.test"]))
        for addresses in (("a@b.test", "b@b.test"), ("B@b.test",)):
            again = self.once(self.made(*addresses))
            self.assertEqual((again.id, list(again.deliveries)), (first.id, []))
        self.assertEqual((self.keys(), self.world.money(self.account)), (2, (8, 0)))

    def test_new_recipients_are_taken(self) -> None:
        """Of a repetition with more recipients only the new ones are sent to and paid for, under the first one's id."""
        first = self.once(self.made("a@b.test"), lease=False)
        again = self.once(self.made("a@b.test", "c@c.test", billing="attempt"))
        self.assertEqual((again.id, [each.address for each in again.deliveries]), (first.id, ["c@c.test"]))
        self.assertEqual({each.message for each in again.deliveries}, {first.id})
        self.assertEqual(self.world.money(self.account), (9, 1))
        self.assertEqual(list(self.once(self.made("c@c.test")).deliveries), [])

    def test_another_message(self) -> None:
        """Under a key that was used for another message nothing is taken, and the first stays as it is."""
        first = self.made("a@b.test")
        self.once(first)
        for addresses in ("a@b.test", "c@c.test"):
            with self.assertRaises(Refusal) as caught:
                self.once(self.made(addresses, digest="other"))
            self.assertEqual(
                (caught.exception.key, caught.exception.facts), ("idempotency_conflict", {"message": first.id})
            )
        self.assertEqual((self.keys(), self.world.money(self.account)), (1, (9, 0)))

    def test_a_key_is_its_connections_own(self) -> None:
        """Another key, or the same of another connection, is another message."""
        other = self.world.connection(self.account)
        ids = {
            self.once(made).id
            for made in (self.made("a@b.test"), self.made("a@b.test", key="l"), self.made("a@b.test", connection=other))
        }
        self.assertEqual((len(ids), self.keys()), (3, 3))

    def test_for_a_day(self) -> None:
        """After a day a key is free again."""
        first = self.once(self.made("a@b.test", lifetime=3 * KEY_LIFETIME))
        self.world.now += KEY_LIFETIME - 1
        self.assertEqual(self.once(self.made("a@b.test", "b@b.test")).id, first.id)
        self.world.now += 1
        second = self.once(self.made("a@b.test", digest="another"))
        self.assertNotEqual(second.id, first.id)
        self.assertEqual(self.once(self.made("a@b.test", digest="another")).id, second.id)

    def test_who_cannot_pay_leaves_no_key(self) -> None:
        """A refusal leaves nothing behind, so the repetition is judged anew; nor can a repetition overdraw."""
        many = [f"{n}@b.test" for n in range(11)]
        for _ in range(2):
            with self.assertRaises(Refusal) as caught:
                self.once(self.made(*many))
            self.assertEqual(caught.exception.key, "balance_short")
        self.once(self.made(*many[:9]))
        with self.assertRaises(Refusal):
            self.once(self.made(*many))
        self.assertEqual((self.keys(), self.world.money(self.account)), (9, (1, 0)))
        self.assertEqual(len(self.once(self.made(*many[:10])).deliveries), 1)

    def test_rejected_recipients_count(self) -> None:
        """A recipient that is only on record is not put on record twice."""
        for _ in range(2):
            self.once(self.made("a@b.test", "b@b.test", rejected={"a@b.test": "no"}))
        self.assertEqual((self.keys(), self.world.money(self.account)), (2, (9, 0)))

    def test_between_processes(self) -> None:
        """Whichever process hears the repetition, it is one message."""
        other = self.world.start()
        first = self.once(self.made("a@b.test"))
        self.assertEqual(self.once(self.made("a@b.test"), process=other).id, first.id)
        self.world.stop(other)
        self.assertEqual(self.keys(), 1)


class DatabaseOnceLaws(OnceLaws):
    """What holds where a commit may fail."""

    def make(self) -> DatabaseWorld:
        raise NotImplementedError

    def test_a_lost_outcome(self) -> None:
        """R5: whether an unknown commit turns out to be there or not, the repetition is sent once in the end."""
        assert isinstance(self.world, DatabaseWorld)
        for there, key in ((True, "k"), (False, "l")):
            self.world.lose_commit(self.process, there)
            ids = []
            for _ in range(2):
                try:
                    ids.append(self.once(self.made("a@b.test", key=key)).id)
                except Refusal as refusal:
                    self.assertEqual(refusal.key, "temporary")
            self.assertEqual((len(ids), len(set(ids))), (1 + there, 1))
        self.assertEqual((self.keys(), self.world.money(self.account)), (2, (8, 0)))

    def undecided(self, made: Submission) -> None:
        """Accept without an answer: committed, but the database is gone before anybody can tell; then it is back."""
        assert isinstance(self.world, DatabaseWorld)
        self.heal = self.world.lose_commit(self.process, True, cut=True)
        with self.assertRaises(Undecided):
            self.once(made)

    def test_taken_back(self) -> None:
        """What was left without a reply is taken back with its key: the repetition is a message of its own."""
        first = self.made("a@b.test")
        self.undecided(first)
        self.heal()
        second = self.once(self.made("a@b.test"))
        self.assertNotEqual(second.id, first.id)
        states = [seen.state for seen in self.world.rows(self.account).values()]
        self.assertEqual((sorted(states), self.world.money(self.account)), ([State.FAILED, State.QUEUED], (9, 0)))
        self.assertEqual(self.once(self.made("a@b.test")).id, second.id)

    def test_not_from_under_who_was_told(self) -> None:
        """Law 1: a repetition that another process answered by the first keeps the first from being taken back."""
        other = self.world.start()
        first = self.made("a@b.test", "b@b.test")
        self.undecided(first)
        self.assertEqual(self.once(self.made("a@b.test"), process=other).id, first.id)
        self.heal()
        result(self.process.ledger.release(["nothing"]))
        states = {id: seen.state for id, seen in self.world.rows(self.account).items()}
        want = {first.recipients[0].id: State.QUEUED, first.recipients[1].id: State.FAILED}
        self.assertEqual((states, self.world.money(self.account)), (want, (9, 0)))
        self.world.stop(other)

    def test_what_another_sends_stays(self) -> None:
        """What another process has in hand is not taken back, and its key stands."""
        other = self.world.start()
        first = self.made("a@b.test")
        assert isinstance(self.world, DatabaseWorld)
        heal = self.world.lose_commit(self.process, True, cut=True)
        with self.assertRaises(Undecided):
            self.once(first, lease=False)
        self.assertEqual(self.claim(other), [first.recipients[0].id])
        heal()
        result(self.process.ledger.release(["nothing"]))
        self.assertEqual(self.once(self.made("a@b.test")).id, first.id)
        self.world.stop(other)

    def test_large_sources(self) -> None:
        """Of a large message that is repeated the source is stored once."""
        source = b"Subject: x\r\n\r\n" + b"x" * (2 * CHUNK)
        first = self.made("a@b.test", source=source)
        self.once(first)
        again = self.made("a@b.test", source=source)
        self.assertEqual(self.once(again).id, first.id)
        assert self.process.store is not None
        stored = self.process.store.spool.read
        self.assertEqual((len(result(stored(first.id))), result(stored(again.id))), (len(source), b""))

    def test_swept(self) -> None:
        """A chore forgets keys whose day has passed, however many there are."""
        assert self.process.store is not None
        many = [f"{n}@b.test" for n in range(6)]
        self.once(self.made(*many))
        self.world.now += KEY_LIFETIME // 2
        self.once(self.made("a@b.test", key="l"))
        self.world.now += KEY_LIFETIME // 2
        result(self.process.store.sweep(self.world.now))
        with self.process.store._writer._database.open_reader() as connection:
            left = connection.exec_driver_sql(f"SELECT key FROM keyed WHERE connection = '{self.connection}'").scalars()
            self.assertEqual(list(left), ["l"])


class MemoryOnceTests(OnceLaws, SynchronousTestCase):
    """The laws over the memory twin."""

    def make(self) -> MemoryWorld:
        return MemoryWorld()


class SqliteOnceTests(DatabaseOnceLaws, SynchronousTestCase):
    """The laws over SQLite."""

    def make(self) -> DatabaseWorld:
        return sqlite_world()


class PostgresOnceTests(DatabaseOnceLaws, SynchronousTestCase):
    """The laws over a real PostgreSQL."""

    def make(self) -> DatabaseWorld:
        return postgres_world()
