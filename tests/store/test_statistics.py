"""Counters by quarter hour, tag and domain, and their sums, on both engines."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import sqlalchemy as sa
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.engagement import Engagement
from mailrelay.interfaces.statistics import Counting, IStatistics, Stretch
from mailrelay.mail.envelope import DAY, SECOND, Deferred, Instructions, Return, Settlement, State
from mailrelay.mail.event import Event
from mailrelay.mail.reply import Reply
from mailrelay.policy.duration import bucket
from mailrelay.policy.statistics import complete
from mailrelay.store.schema import hour_counters

from .worlds import HOUR, START, DatabaseWorld, new_id, postgres_world, result, sqlite_world, submission

QUARTER = HOUR // 4
#: Milliseconds by part, of the three deliveries of a test.
_PARTS = {"total": (100, 4100, 4100), "wait": (30, 100, 3050), "throttle": (30, 1000), "remote": (40, 4000, 50)}
#: The beginning of the hour in which everything starts.
FIRST = START - START % HOUR


def _put_off(at: int) -> Deferred:
    return Deferred(Reply(450, "4.2.0", "later"), "mx", at)


class StatisticsTests:
    """What holds on every engine."""

    world: DatabaseWorld

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
    def counters(self) -> IStatistics:
        assert self.process.store is not None
        return self.process.store.statistics

    def send(self, addresses: list[str], tag: str = "", **more: Any) -> list[str]:
        """Accept a message now; gives the ids of its recipients, leased."""
        made = submission(
            self.account, self.connection, addresses, self.world.now, instructions=Instructions(tag=tag), **more
        )
        result(self.process.ledger.accept(made, True))
        return [recipient.id for recipient in made.recipients]

    def settle(self, id: str, state: State, **more: Any) -> None:
        assert result(self.process.ledger.settle(Settlement(id, state, at=self.world.now, **more)))

    def claim_all(self) -> None:
        """Take what waits into our hands again."""
        for lane in result(self.process.ledger.lanes({}, 100)):
            result(self.process.ledger.claim(lane, 100, self.world.now))

    def counting(self, *stretches: Stretch, **more: Any) -> Counting:
        return Counting((self.connection,), stretches or (Stretch(0, 1 << 60),), **more)

    def totals(self, *stretches: Stretch, **more: Any) -> dict[str, int]:
        """What was counted at all."""
        found = result(self.counters.totals(self.counting(*stretches, **more)))
        return {word: number for word, number in complete(found).items() if number}

    def test_states(self) -> None:
        """A recipient is counted where it is now: deferred from its first attempt until its end."""
        ids = self.send([f"{n}@b.test" for n in range(6)], rejected={"5@b.test": "suppressed"})
        self.assertEqual(self.totals(), {"accepted": 6, "queued": 5, "suppressed": 1, "billed": 5})
        for id in ids[:3]:
            self.settle(id, State.DEFERRED, due_at=self.world.now)
        self.assertEqual(self.totals()["deferred"], 3)
        self.claim_all()
        self.settle(ids[0], State.DEFERRED, due_at=self.world.now + HOUR)
        self.settle(ids[1], State.DELIVERED)
        self.settle(ids[2], State.EXPIRED, attempted=False)
        self.settle(ids[3], State.BOUNCED)
        self.assertEqual(
            self.totals(),
            {
                "accepted": 6,
                "queued": 1,
                "deferred": 1,
                "delivered": 1,
                "bounced": 1,
                "expired": 1,
                "suppressed": 1,
                "billed": 5,
            },
        )

    def test_ended_without_an_attempt(self) -> None:
        """What is dropped or expires leaves the count of the deferred."""
        first, second = self.send(["a@b.test", "b@b.test"])
        self.settle(first, State.DEFERRED, due_at=self.world.now)
        self.settle(second, State.DEFERRED, due_at=self.world.now)
        self.assertEqual(self.world.drop(first), 1)
        self.world.now += HOUR
        self.assertGreaterEqual(result(self.process.ledger.expire(self.world.now)), 1)
        self.assertEqual(self.totals(), {"accepted": 2, "failed": 1, "expired": 1, "billed": 2})

    def test_billed_when_it_settles(self) -> None:
        """Billed on the attempt, a send counts when it is captured: delivered, or an error of delivery."""
        ids = self.send([f"{n}@b.test" for n in range(3)], billing="attempt")
        self.assertNotIn("billed", self.totals())
        self.settle(ids[0], State.DELIVERED, charge="capture")
        self.settle(ids[1], State.SUPPRESSED, charge="release", attempted=False)
        self.settle(ids[2], State.BOUNCED, charge="capture")
        self.assertEqual(self.totals()["billed"], 2)

    def test_by_tag_and_domain(self) -> None:
        """Each recipient counts once under its message's tag, once under its own domain; either can be asked alone."""
        self.send(["a@b.test", "a@c.test"], "news")
        (id,) = self.send(["b@b.test"])
        self.settle(id, State.DELIVERED)
        by_tag = result(self.counters.by_tag(self.counting()))
        self.assertEqual({tag: sums["accepted"] for tag, sums in by_tag.items()}, {"news": 2, "": 1})
        by_domain = result(self.counters.by_domain(self.counting()))
        self.assertEqual({domain: sums["accepted"] for domain, sums in by_domain.items()}, {"b.test": 2, "c.test": 1})
        self.assertEqual(self.totals(tag="news"), {"accepted": 2, "queued": 2, "billed": 2})
        self.assertEqual(self.totals(tag=""), {"accepted": 1, "delivered": 1, "billed": 1})
        self.assertEqual(self.totals(tag="none"), {})
        self.assertEqual(self.totals(domain="c.test"), {"accepted": 1, "queued": 1, "billed": 1})

    def test_by_time(self) -> None:
        """Steps are those of local time; a mail counts in the step in which it was accepted, whatever comes later."""
        self.world.now = FIRST + HOUR - 1
        (early,) = self.send(["a@b.test"])
        self.world.now = FIRST + HOUR
        self.send(["b@b.test", "c@b.test"])
        self.settle(early, State.DELIVERED)
        number = FIRST // HOUR
        by_hour = result(self.counters.by_time(self.counting(), HOUR))
        self.assertEqual({at: sums["accepted"] for at, sums in by_hour.items()}, {number: 1, number + 1: 2})
        self.assertEqual(by_hour[number]["delivered"], 1)
        # half an hour ahead of UTC the first mail, in the last quarter, falls into the next hour
        ahead = Stretch(0, 1 << 60, HOUR // 2)
        by_hour = result(self.counters.by_time(self.counting(ahead), HOUR))
        self.assertEqual({at: sums["accepted"] for at, sums in by_hour.items()}, {number + 1: 3})

    def test_any_time_in_any_zone(self) -> None:
        """Whatever a stretch and the steps of a zone cut in two: each mail counts once, in the step of its quarter."""
        chance = Random(8)
        quarters = sorted(chance.sample(range(4 * 72), 45))
        zones = (0, 2 * HOUR, 5 * HOUR + 2 * QUARTER, 5 * HOUR + 3 * QUARTER, -7 * HOUR - 2 * QUARTER)
        for quarter in quarters:
            self.world.now = FIRST + quarter * QUARTER + chance.randrange(QUARTER)
            self.send([f"{n}@b.test" for n in range(1 + quarter % 3)], tag=("", "news")[quarter % 2])
        for _ in range(60):
            since, until = sorted(FIRST + chance.randrange(4 * 72) * QUARTER for _ in range(2))
            offset, step = chance.choice(zones), chance.choice((HOUR, DAY))
            asked, expected = Stretch(since, until, offset), Counter[int]()
            for quarter in quarters:
                if since <= (at := FIRST + quarter * QUARTER) < until:
                    expected[(at + offset) // step] += 1 + quarter % 3
            found = result(self.counters.by_time(self.counting(asked), step))
            self.assertEqual({at: sums["accepted"] for at, sums in found.items()}, expected, (asked, step))
            by_tag = result(self.counters.by_tag(self.counting(asked)))
            self.assertEqual(sum(sums["accepted"] for sums in by_tag.values()), expected.total(), asked)
            self.assertEqual(result(self.counters.totals(self.counting(asked))).get("accepted", 0), expected.total())

    def test_audit(self) -> None:
        """Sums by the hour that do not agree with what is there are found."""
        self.send(["a@b.test"])
        database = self.world._watch._writer._database

        def move(by: int) -> None:
            with database.open_writer() as connection, connection.begin():
                connection.execute(sa.update(hour_counters).values(count=hour_counters.c.count + by))

        move(1)
        self.assertRegex(
            "".join(self.world.audit()), f"accepted of tag '' in the hour from {self.world.now // HOUR * HOUR}"
        )
        move(-1)

    def test_stretches(self) -> None:
        """What is asked for begins and ends with a quarter hour, by domain with an hour, and may have holes."""
        for quarter in range(8):
            self.world.now = FIRST + quarter * QUARTER
            self.send(["a@b.test"])
        self.assertEqual(self.totals(Stretch(FIRST + QUARTER, FIRST + 3 * QUARTER))["accepted"], 2)
        second = Stretch(FIRST + HOUR, FIRST + 2 * HOUR)
        self.assertEqual(self.totals(Stretch(FIRST, FIRST + QUARTER), second)["accepted"], 5)
        self.assertEqual(self.totals(second, domain="b.test")["accepted"], 4)
        self.assertEqual(self.totals(Stretch(0, FIRST)), {})

    def test_connections(self) -> None:
        """A connection's mail counts under it alone."""
        other = self.world.connection(self.account)
        self.send(["a@b.test"])
        both = Counting((self.connection, other), (Stretch(0, 1 << 60),))
        self.assertEqual(list(result(self.counters.by_connection(both))), [self.connection])
        self.assertEqual(result(self.counters.totals(Counting((other,), both.stretches))), {})

    def test_providers(self) -> None:
        """Each recipient at its end counts at the provider that was asked last, and each deferral where it happened;
        all together as many as the history has. A bounce that is reported later counts where it was delivered."""
        ids = self.send([f"{n}@b.test" for n in range(5)])
        for id in ids[:2]:
            self.settle(id, State.DEFERRED, due_at=self.world.now, host="mx.a.test")
        self.claim_all()
        self.settle(ids[0], State.DELIVERED, host="mx.b.test")
        self.settle(ids[1], State.DEFERRED, due_at=self.world.now + HOUR, host="mx.a.test")
        self.assertEqual(self.world.drop(ids[1]), 1)
        self.settle(ids[2], State.DELIVERED, host="mx.a.test")
        self.settle(ids[3], State.EXPIRED, attempted=False)
        given = Return(ids[2], Reply(550, "5.1.1", "no"), "reporter.test", self.world.now)
        self.assertTrue(result(self.process.ledger.bounce_later(given)))
        self.assertEqual(
            result(self.counters.by_provider(self.counting())),
            {
                "mx.a.test": {"deferrals": 3, "failed": 1, "bounced": 1, "delivered": 0},
                "mx.b.test": {"delivered": 1},
                "": {"expired": 1},
            },
        )
        self.assertEqual(result(self.counters.by_provider(self.counting(Stretch(0, FIRST)))), {})

    def test_durations(self) -> None:
        """A delivery is counted by how long it took, and its parts add up to it: ours, shaping's over all attempts and
        rests, and the receiver's from its first deferral on."""
        start = self.world.now
        first, second, third = self.send(["a@b.test", "b@b.test", "c@b.test"])
        self.world.now = start + 100_000
        self.settle(first, State.DELIVERED, host="mx", took=40_000, throttled=30_000)
        self.settle(second, State.DEFERRED, due_at=self.world.now, host="mx", outcome=_put_off(self.world.now))
        self.settle(third, State.QUEUED, due_at=self.world.now, attempted=False, throttled=800_000)
        self.claim_all()
        self.world.now = start + 4_100_000
        self.settle(second, State.DELIVERED, host="mx", took=50_000)
        self.settle(third, State.DELIVERED, host="mx", took=50_000, throttled=200_000)
        found = result(self.counters.durations(self.counting()))
        one = {phase: [bucket(ms * 1000) for ms in times] for phase, times in _PARTS.items()}
        self.assertEqual(found, {phase: {each: places.count(each) for each in places} for phase, places in one.items()})
        self.assertEqual(result(self.counters.durations(self.counting(Stretch(0, FIRST)))), {})

    def test_acts(self) -> None:
        """What recipients do counts by domain, too."""
        (id,) = self.send(["a@b.test"], "news")
        assert self.process.store is not None
        opened = Engagement(new_id(), id, Event.OPENED, self.world.now + SECOND)
        result(self.process.store.engagement.record((opened, opened)))
        for counted in (self.totals(), self.totals(domain="b.test"), self.totals(tag="news")):
            self.assertEqual((counted["opened"], counted["opens"]), (1, 2))


class SqliteStatisticsTests(StatisticsTests, SynchronousTestCase):
    """On SQLite."""

    def make(self) -> DatabaseWorld:
        return sqlite_world()


class PostgresStatisticsTests(StatisticsTests, SynchronousTestCase):
    """On PostgreSQL."""

    def make(self) -> DatabaseWorld:
        return postgres_world()
