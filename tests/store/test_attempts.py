"""How attempts went, kept in the commit that settles them, over real databases."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.history import Attempt
from mailrelay.mail.envelope import SECOND, Bounced, Delivered, Delivery, Outcome, State
from mailrelay.mail.envelope import Deferred as Postponed
from mailrelay.mail.reply import Reply
from mailrelay.policy.retry import Schedule
from mailrelay.policy.settlement import conclude, settle
from mailrelay.store import open_store
from mailrelay.store.attempts import KEPT
from tests.fresh import fresh_database, fresh_folder

from .worlds import START, DatabaseWorld, _database, new_id, result, submission

LATER = Reply(451, "4.3.0", "Not now")
OK = Reply(250, "2.0.0", "Ok")
SCHEDULE = Schedule((60,), 3600)


class AttemptLaws:
    """What is kept of attempts."""

    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.world = DatabaseWorld(self.place())
        self.process = self.world.start()
        account = self.world.account(100)
        made = submission(account, self.world.connection(account), ["bob@b.test"], START)
        (self.delivery,) = result(self.process.ledger.accept(made, True))

    def tearDown(self) -> None:
        self.assertEqual(self.world.audit(), [])
        self.world.close()

    def attempts(self) -> list[Attempt]:
        assert self.process.store is not None
        return list(result(self.process.store.history.attempts(self.delivery.recipient)))

    def settle(self, outcome: Outcome, delivery: Delivery | None = None) -> bool:
        settled = settle(delivery or self.delivery, outcome, self.world.now, SCHEDULE, 0.0)
        return bool(result(self.process.ledger.settle(settled)))

    def claim(self) -> Delivery:
        (lane,) = [lane for lane in result(self.process.ledger.lanes({}, 100)) if lane.account == self.delivery.account]
        (claimed,) = result(self.process.ledger.claim(lane, 1, self.world.now))
        return claimed  # type: ignore[no-any-return]

    def test_how_it_went(self) -> None:
        """Everything that an outcome tells is found again, with what followed and why."""
        outcome = Postponed(
            LATER,
            "mx.b.test",
            START + 5,
            "TLSv1.3",
            True,
            True,
            "192.0.2.9",
            "out",
            "s._domainkey.acme.test",
            "0.000 S: x",
        )
        self.settle(outcome)
        self.assertEqual(
            self.attempts(),
            [
                Attempt(
                    number=1,
                    at=START + 5,
                    route="out",
                    host="mx.b.test",
                    address="192.0.2.9",
                    tls="TLSv1.3",
                    signed="s._domainkey.acme.test",
                    state=State.DEFERRED,
                    reply="451 4.3.0 Not now",
                    due_at=START + 60 * SECOND,
                    facts={"rule": "schedule", "attempts": 1, "delay": 60, "factor": 1, "uncertain": True},
                    transcript="0.000 S: x",
                )
            ],
        )

    def test_each_attempt_in_order(self) -> None:
        """Attempts are numbered in the order they were made, the last one's end included."""
        self.settle(Postponed(LATER, "one", START))
        self.world.now += 60 * SECOND
        self.settle(Delivered(OK, "two", START), self.claim())
        self.assertEqual([(each.number, each.host, each.state) for each in self.attempts()], [
            (1, "one", State.DEFERRED),
            (2, "two", State.DELIVERED),
        ])  # fmt: skip

    def test_the_talk_is_kept_of_the_last_ones(self) -> None:
        """However often a recipient is tried, its transcripts stay bounded in number; what came of each stays."""
        self.settle(Postponed(LATER, "mx", START, transcript="1"))
        for number in range(2, KEPT + 4):
            self.world.now += 60 * SECOND
            self.settle(Postponed(LATER, "mx", self.world.now, transcript=str(number)), self.claim())
        found = self.attempts()
        self.assertEqual([each.transcript for each in found], [""] * 3 + [str(n) for n in range(4, KEPT + 4)])
        self.assertEqual([each.reply for each in found], [str(LATER)] * (KEPT + 3))

    def test_only_what_was_settled(self) -> None:
        """An attempt whose lease was lost leaves nothing, as it changes nothing; nor does a decision without one."""
        self.settle(Bounced(LATER, "mx", START))
        self.assertFalse(self.settle(Delivered(OK, "mx", START)))
        self.assertEqual([each.state for each in self.attempts()], [State.BOUNCED])
        self.setUp()
        result(self.process.ledger.settle(conclude(self.delivery, State.FAILED, START)))
        self.assertEqual(self.attempts(), [])

    def test_a_number_that_is_taken(self) -> None:
        """D8: a row whose count of attempts was damaged is settled all the same; what is known of the first stays."""
        self.settle(Postponed(LATER, "one", START))
        self.world.now += 60 * SECOND
        self.settle(Postponed(LATER, "two", self.world.now), self.claim())
        assert self.process.store is not None
        with self.process.store._writer._database.open_writer() as connection, connection.begin():
            connection.exec_driver_sql(f"UPDATE recipients SET attempts = 1 WHERE id = '{self.delivery.recipient}'")
        self.world.now += 600 * SECOND
        self.assertTrue(self.settle(Delivered(OK, "three", START), self.claim()))
        self.assertEqual([each.host for each in self.attempts()], ["one", "two"])

    def test_odd_words(self) -> None:
        """H15: what a database cannot hold is replaced, not refused."""
        self.settle(Delivered(Reply(250, None, "a\0b\ud800"), "h\0", START, transcript="t\0\udfff"))
        self.assertEqual(len(self.attempts()), 1)

    def test_nothing_is_known_of_others(self) -> None:
        """A recipient without attempts, or unknown, has none."""
        self.assertEqual(self.attempts(), [])
        self.delivery = replace(self.delivery, recipient=new_id())
        self.assertEqual(self.attempts(), [])


class RefusalLaws:
    """The book of refusals, read back."""

    def place(self) -> str:
        raise NotImplementedError

    def test_newest_first(self) -> None:
        """Refusals are found newest first, of one connection or account or all, as many as asked for, with their
        decisions."""
        now = START
        store = open_store(self.place(), node=new_id(), now=lambda: now, inline=True, names=new_id)
        web, app = new_id(), new_id()
        for number, connection in enumerate((web, app, web)):
            now += SECOND
            decided = {"rule": "rate", "allowed": False, "facts": {"wait": number}, "reply": "rate_limited"}
            owner = "A" if connection == web else "B"
            store.verdicts.keep(connection, owner, "192.0.2.1", "rate", [decided])
        found = result(store.history.refusals(web, 10))
        self.assertEqual([each.at for each in found], [START + 3 * SECOND, START + SECOND])
        self.assertEqual([each.verdicts[0]["facts"] for each in found], [{"wait": 2}, {"wait": 0}])
        self.assertEqual((found[0].connection, found[0].peer, found[0].stage), (web, "192.0.2.1", "rate"))
        self.assertEqual([each.connection for each in result(store.history.refusals("", 2))], [web, app])
        self.assertEqual([each.connection for each in result(store.history.refusals("", 2, "B"))], [app])
        self.assertEqual(result(store.history.refusals(web, 2, "B")), [])
        result(store.close())


class SqliteAttemptTests(AttemptLaws, SynchronousTestCase):
    """SQLite."""

    def place(self) -> str:
        return _database("sqlite") + "-attempts"


class PostgresAttemptTests(AttemptLaws, SynchronousTestCase):
    """PostgreSQL."""

    def place(self) -> str:
        return _postgres()


class SqliteRefusalTests(RefusalLaws, SynchronousTestCase):
    """SQLite."""

    def place(self) -> str:
        return fresh_folder(self.mktemp())


class PostgresRefusalTests(RefusalLaws, SynchronousTestCase):
    """PostgreSQL."""

    def place(self) -> str:
        return _postgres()


@cache
def _postgres() -> str:
    return fresh_database()
