"""The daily limit of a connection: laws asked of the memory twin and of both databases."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.directory import IDirectory
from mailrelay.interfaces.ledger import KEY_LIFETIME
from mailrelay.mail.envelope import DAY, Instructions, State, Submission
from mailrelay.mail.reply import Refusal
from mailrelay.store.memory import MemoryDirectory

from .worlds import DatabaseWorld, MemoryWorld, postgres_world, result, sqlite_world, submission


class DailyLaws:
    """Every law of the limit that an observer can see."""

    def make(self) -> MemoryWorld | DatabaseWorld:
        raise NotImplementedError

    def setUp(self) -> None:
        self.world = self.make()
        self.process = self.world.start()
        self.account = self.world.account(20)
        self.connection = self.world.connection(self.account)

    def tearDown(self) -> None:
        self.world.stop(self.process)
        self.assertEqual(self.world.audit(), [])
        self.world.close()

    def directory(self) -> IDirectory:
        store = self.process.store
        return MemoryDirectory(self.world.state) if store is None else store.directory  # type: ignore[union-attr]

    def made(self, *addresses: str, fails: bool = True, **more: object) -> Submission:
        connection = str(more.pop("connection", self.connection))
        return submission(
            self.account,
            connection,
            addresses,
            self.world.now,
            daily_limit=3,
            over_limit_fails=fails,
            lifetime=9 * DAY,
            **more,  # type: ignore[arg-type]
        )

    def accept(self, made: Submission) -> list[str]:
        return [each.address for each in result(self.process.ledger.accept(made, True))]

    def sent(self, connection: str = "") -> int:
        return int(result(self.directory().sent(connection or self.connection, self.world.now)))

    def test_beyond_it_on_record(self) -> None:
        """Whoever is beyond the limit is put on record with the reason, is not sent to, and costs nothing."""
        self.assertEqual(self.accept(self.made("a@b.test", "b@b.test")), ["a@b.test", "b@b.test"])
        last = self.made("c@b.test", "d@b.test")
        self.assertEqual(self.accept(last), ["c@b.test"])
        beyond = last.recipients[1].id
        self.assertEqual(self.world.rows(self.account)[beyond].state, State.SUPPRESSED)
        self.assertEqual(self.world.heard(beyond), "the daily limit of 3 recipients is reached")
        self.assertEqual((self.world.money(self.account), self.sent()), ((17, 0), 3))

    def test_beyond_it_refused(self) -> None:
        """Or the whole is refused, and nothing is kept of it."""
        self.accept(self.made("a@b.test", "b@b.test", fails=False))
        with self.assertRaises(Refusal) as caught:
            self.accept(self.made("c@b.test", "d@b.test", fails=False))
        self.assertEqual((caught.exception.key, caught.exception.fields), ("daily_limit", {"limit": 3}))
        self.assertEqual((len(self.world.rows(self.account)), self.sent()), (2, 2))

    def test_whose(self) -> None:
        """A limit is its connection's own, and counts who is sent to."""
        other = self.world.connection(self.account)
        self.accept(self.made("a@b.test", "b@b.test", rejected={"b@b.test": "no"}))
        self.accept(self.made("a@b.test", connection=other))
        self.assertEqual((self.sent(), self.sent(other)), (1, 1))

    def test_midnight(self) -> None:
        """A day ends at midnight of UTC."""
        self.world.now = self.world.now // DAY * DAY + DAY - 1
        self.accept(self.made("a@b.test", "b@b.test", "c@b.test"))
        self.assertEqual(self.accept(self.made("d@b.test")), [])
        self.world.now += 1
        self.assertEqual(self.sent(), 0)
        self.assertEqual(self.accept(self.made("d@b.test")), ["d@b.test"])
        self.assertEqual(self.sent(), 1)

    def test_who_cannot_pay_takes_no_room(self) -> None:
        """What was refused for want of money does not count."""
        self.account = self.world.account(1)
        self.connection = self.world.connection(self.account)
        with self.assertRaises(Refusal) as caught:
            self.accept(self.made("a@b.test", "b@b.test"))
        self.assertEqual((caught.exception.key, self.sent()), ("balance_short", 0))

    def test_repetitions_take_no_room(self) -> None:
        """Under an idempotency key only new recipients count, and whether a key holds is known for a day."""
        asked = {"instructions": Instructions(idempotency_key="k"), "digest": "d"}
        self.assertFalse(result(self.directory().keyed(self.connection, self.world.now)))
        for addresses in (("a@b.test",), ("a@b.test",), ("a@b.test", "b@b.test")):
            result(self.process.ledger.accept_once(self.made(*addresses, **asked), True))
        self.assertEqual(self.sent(), 2)
        more = result(self.process.ledger.accept_once(self.made("c@b.test", "d@b.test", **asked), True))
        self.assertEqual([each.address for each in more.deliveries], ["c@b.test"])
        for later, holds in ((KEY_LIFETIME - 1, True), (KEY_LIFETIME, False)):
            self.assertIs(result(self.directory().keyed(self.connection, self.world.now + later)), holds)


class MemoryDailyTests(DailyLaws, SynchronousTestCase):
    def make(self) -> MemoryWorld:
        return MemoryWorld()


class SqliteDailyTests(DailyLaws, SynchronousTestCase):
    def make(self) -> DatabaseWorld:
        return sqlite_world()


class PostgresDailyTests(DailyLaws, SynchronousTestCase):
    def make(self) -> DatabaseWorld:
        return postgres_world()
