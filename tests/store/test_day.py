"""A day of mixed traffic: the counters agree to the unit with the history, for the rows of each service.

Six connections send through the real ledger, by the rules by which outcomes settle: deliveries, refusals, deferrals,
hosts that never answer, losses behind the final dot, leases that were lost, what is dropped, suppressed or returned by
mail, and what people and machines do with it. Then every row is counted anew from the history, by hand.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.engagement import Engagement
from mailrelay.interfaces.events import Sought
from mailrelay.interfaces.history import Passage, Selection
from mailrelay.interfaces.statistics import Counting, Stretch
from mailrelay.mail.envelope import SECOND, Bounced, Deferred, Delivered, Delivery, Instructions, Outcome
from mailrelay.mail.event import Event
from mailrelay.mail.reply import Reply
from mailrelay.policy.dialect import Dialects
from mailrelay.policy.retry import Schedule
from mailrelay.policy.settlement import returned, settle
from mailrelay.policy.statistics import complete, lines

from .worlds import HOUR, START, DatabaseWorld, new_id, postgres_world, result, sqlite_world, submission

DAY = 24 * HOUR
SCHEDULE = Schedule((60, 600, 3600), 6 * 3600, 0.1, 300, 1)
TAGS = ("", "news", "код")
DOMAINS = ("b.test", "c.test", "xn--d1acufc.test")
MACHINES = ("", "", "scanner", "prefetch")

Row = Callable[[Passage], int]


def _in(*states: str) -> Row:
    return lambda each: each.state.value in states


def _did(name: str) -> Row:
    return lambda each: int(getattr(each.engaged, name) > 0)


def _times(*names: str) -> Row:
    return lambda each: sum(getattr(each.engaged, name) for name in names)


#: What each service shows, counted of one recipient as its history tells.
ROWS: Mapping[str, Mapping[str, Row]] = {
    "devino": {
        "Протарифицировано": lambda each: each.billed,
        "Отправляется": _in("queued"),
        "Отправлено": _in("deferred"),
        "Доставлено": _in("delivered"),
        "Прочитано": _did("opened_at"),
        "Переход по ссылке": _did("clicked_at"),
        "Ошибки при доставке": _in("bounced", "failed", "expired"),
        "Отклонено": _in("suppressed"),
        "Отписались": _did("unsubscribed_at"),
        "Всего": lambda each: 1,
    },
    "emaildelivery": {
        "count": _in("delivered", "bounced", "failed", "expired"),
        "send": _in("delivered"),
        "soft": _in("failed", "expired"),
        "hard": _in("bounced"),
        "open": _did("opened_at"),
        "click": _did("clicked_at"),
        "open_all": _times("opens", "machine_opens"),
        "click_all": _times("clicks", "machine_clicks"),
        "complaint": _did("complained_at"),
        "unsub": _did("unsubscribed_at"),
    },
    "emailmassivo": {
        "sent": lambda each: 1,
        "accepted": _in("queued"),
        "delivered": _in("delivered"),
        "opened": _did("opened_at"),
        "clicked": _did("clicked_at"),
        "soft_bounce": _in("deferred", "failed", "expired"),
        "hard_bounce": _in("bounced"),
        "unsubscribed": _did("unsubscribed_at"),
        "complaint": _did("complained_at"),
        "rejected": _in("suppressed"),
    },
    "postmark": {
        "Sent": lambda each: 1,
        "Queued": _in("queued"),
        "Transient": _in("deferred"),
        "Delivered": _in("delivered"),
        "HardBounce": _in("bounced"),
        "SoftBounce": _in("failed", "expired"),
        "InactiveRecipient": _in("suppressed"),
        "Opened": _did("opened_at"),
        "Clicked": _did("clicked_at"),
        "SpamComplaint": _did("complained_at"),
        "Unsubscribed": _did("unsubscribed_at"),
    },
    "standard": {
        "accepted": lambda each: 1,
        **{state: _in(state) for state in ("queued", "deferred", "delivered", "bounced", "failed", "expired")},
        "suppressed": _in("suppressed"),
        "opened": _did("opened_at"),
        "clicked": _did("clicked_at"),
        "unsubscribed": _did("unsubscribed_at"),
        "complained": _did("complained_at"),
    },
    "zeptomail": {
        "Sent": lambda each: 1,
        "Queued": _in("queued"),
        "Delivered": _in("delivered"),
        "Hard bounces": _in("bounced", "failed", "expired"),
        "Soft bounces": _in("deferred"),
        "Open": _did("opened_at"),
        "Click": _did("clicked_at"),
        "Process failed": _in("suppressed"),
    },
}


class DayTests:
    """The same day on every engine."""

    def make(self) -> DatabaseWorld:
        raise NotImplementedError

    def setUp(self) -> None:
        self.chance = random.Random(20261125)
        self.world = self.make()
        self.process = self.world.start()
        assert self.process.store is not None
        self.store = self.process.store
        self.account = self.world.account(100_000)
        self.dialects = Dialects.shipped()
        self.connections = {name: self.world.connection(self.account) for name in ROWS}
        self.delivered: list[str] = []

    def tearDown(self) -> None:
        self.assertEqual(self.world.audit(), [])  # type: ignore[attr-defined]
        self.world.close()

    # -- the day

    def run_day(self) -> None:
        """A quarter of an hour after the other: mail comes in, what is due goes out, readers read."""
        for quarter in range(96):
            self.world.now = START + quarter * HOUR // 4
            for _ in range(self.chance.randrange(4)):
                self.world.now += self.chance.randrange(200) * SECOND
                self.submit()
            self.attempt_all()
            self.read()
            if quarter % 8 == 7:
                result(self.store.ledger.expire(self.world.now))
                if waiting := [each for each in self.history() if not each.state.final]:
                    dropped = Selection(recipient=self.chance.choice(waiting).recipient)
                    result(self.store.history.drop(dropped, "not wanted", self.world.now))
        for _ in range(20):
            self.submit(0.0)  # what came in at last still waits

    def submit(self, leased: float = 0.7) -> None:
        dialect = self.chance.choice(list(ROWS))
        number = self.chance.randrange(1, 6)
        addresses = [f"r{new_id()}@{self.chance.choice(DOMAINS)}" for _ in range(number)]
        rejected = {each: "suppressed" for each in addresses if self.chance.random() < 0.08}
        made = submission(
            self.account,
            self.connections[dialect],
            addresses,
            self.world.now,
            billing=self.dialects.get(dialect).billing,
            lifetime=self.chance.choice((HOUR, 4 * HOUR, 2 * DAY)),
            rejected=rejected,
            instructions=Instructions(tag=self.chance.choice(TAGS)),
        )
        for each in result(self.store.ledger.accept(made, self.chance.random() < leased)):
            self.attempt(each)

    def attempt_all(self) -> None:
        for lane in result(self.store.ledger.lanes({}, 1000)):
            if lane.account != self.account:
                continue  # left by another test in the same database
            for delivery in result(self.store.ledger.claim(lane, 100, self.world.now)):
                self.attempt(delivery)

    def attempt(self, delivery: Delivery) -> None:
        if self.chance.random() < 0.05:
            result(self.store.ledger.release([delivery.recipient]))
            return
        settlement = settle(delivery, self.outcome(), self.world.now, SCHEDULE, self.chance.random())
        assert result(self.store.ledger.settle(settlement))
        if settlement.state.value == "delivered":
            self.delivered.append(delivery.recipient)
        if self.chance.random() < 0.05:  # the same once more, when the lease is gone
            assert not result(self.store.ledger.settle(settlement))

    def outcome(self) -> Outcome:
        at, dice = self.world.now, self.chance.random()
        host = self.chance.choice(("mx.google.com", "mx1.b.test"))
        if dice < 0.35:
            return Delivered(Reply(250, "2.0.0", "ok"), host, at, took=self.chance.randrange(10**6))
        if dice < 0.45:
            return Bounced(Reply(550, "5.1.1", "no such user"), host, at)
        if dice < 0.50:
            return Bounced(Reply(554, "5.7.1", "spam"), host, at)
        if dice < 0.55:
            return Deferred(Reply(451, "4.4.2", "lost"), host, at, uncertain=True)
        if dice < 0.60:
            return Deferred(Reply(451, "4.7.0", "left alone"), host, at, held=120, asked=False)
        return Deferred(Reply(450, "4.2.0", "later"), host, at)

    def read(self) -> None:
        """What readers and their programs do, and what comes back by mail."""
        for recipient in self.chance.sample(self.delivered, min(3, len(self.delivered))):
            act = self.chance.choice((Event.OPENED, Event.OPENED, Event.CLICKED, Event.UNSUBSCRIBED, Event.COMPLAINED))
            done = Engagement(new_id(), recipient, act, self.world.now, target="https://s.test/")
            if act is Event.UNSUBSCRIBED:
                address = result(self.store.engagement.delivery(recipient)).address.lower()
                result(self.store.engagement.unsubscribe(self.account, address, done))
            elif act is Event.COMPLAINED:
                result(self.store.engagement.complain(done))
            else:
                machine = self.chance.choice(MACHINES)
                more = [
                    Engagement(new_id(), recipient, act, self.world.now, machine, "https://s.test/")
                    for _ in range(self.chance.randrange(1, 4))
                ]
                result(self.store.engagement.record(more))
        if self.delivered and self.chance.random() < 0.2:
            back = self.chance.choice(self.delivered)
            reply = Reply(550, "5.1.1", "no such user after all")
            result(self.store.ledger.bounce_later(returned(back, reply, "mx", self.world.now)))

    # -- counted anew

    def history(self) -> list[Passage]:
        found: list[Passage] = []
        before = ""
        while True:
            page = result(self.store.history.page(Selection(account=self.account, before=before), 100))
            found += page.passages
            before = page.before
            if not before:
                return found

    def same(self, passages: Iterable[Passage], dialect: str, counted: Mapping[str, int], where: object) -> None:
        mine = list(passages)
        told = {line.label: line.number for line in lines(self.dialects.get(dialect).statistics, complete(counted))}
        by_hand = {label: sum(int(row(each)) for each in mine) for label, row in ROWS[dialect].items()}
        self.assertEqual(told, by_hand, (dialect, where))  # type: ignore[attr-defined]

    def test_day(self) -> None:
        """Every row of every service, in all, by tag, by domain and by the hour in a zone 5:45 ahead of UTC; and what
        was told of each recipient is what became of it."""
        self.run_day()
        everything = self.history()
        ends = Counter(each.state.value for each in everything)
        self.assertEqual(set(ends), {"queued", "deferred", "delivered", "bounced", "failed", "expired", "suppressed"})  # type: ignore[attr-defined]
        offset = 5 * HOUR + 3 * HOUR // 4
        statistics = self.store.statistics
        for dialect, connection in self.connections.items():
            mine = [each for each in everything if each.connection == connection]
            counting = Counting((connection,), (Stretch(0, 1 << 60, offset),))
            self.same(mine, dialect, result(statistics.totals(counting)), "all")
            parts: Sequence[tuple[str, Mapping[object, Mapping[str, int]], Callable[[Passage], object]]] = (
                ("tag", result(statistics.by_tag(counting)), lambda each: each.tag),
                ("domain", result(statistics.by_domain(counting)), lambda each: each.destination),
                ("hour", result(statistics.by_time(counting, HOUR)), lambda each: (each.accepted_at + offset) // HOUR),
            )
            for kind, counted, of in parts:
                self.assertEqual(set(counted), {of(each) for each in mine}, kind)  # type: ignore[attr-defined]
                for key, sums in counted.items():
                    self.same([each for each in mine if of(each) == key], dialect, sums, (kind, key))

        self.same_events(everything)

    def same_events(self, everything: Sequence[Passage]) -> None:
        """What was told of each recipient is what became of it: one acceptance, its last end, and each act."""
        told: dict[str, Counter[str]] = {}
        cursor, more = 0, True
        while more:
            page = result(self.store.events.after(cursor, Sought(self.account), 500))
            for each in page.events:
                told.setdefault(each.recipient, Counter())[each.event.value] += 1
            cursor, more = page.cursor, page.more
        for each in everything:
            events = told[each.recipient]
            self.assertEqual(events["accepted"], 1)  # type: ignore[attr-defined]
            final = {name for name in ("delivered", "bounced", "failed", "expired", "suppressed") if events[name]}
            state = each.state.value
            expected = set() if state in ("queued", "deferred") else {state}
            self.assertEqual(final - {"delivered"}, expected - {"delivered"}, each)  # type: ignore[attr-defined]
            self.assertLessEqual(expected, final)  # type: ignore[attr-defined]
            engaged = each.engaged
            self.assertEqual(events["opened"], engaged.opens + engaged.machine_opens)  # type: ignore[attr-defined]
            self.assertEqual(events["clicked"], engaged.clicks + engaged.machine_clicks)  # type: ignore[attr-defined]


class SqliteDayTests(DayTests, SynchronousTestCase):
    """On SQLite."""

    def make(self) -> DatabaseWorld:
        return sqlite_world()


class PostgresDayTests(DayTests, SynchronousTestCase):
    """On PostgreSQL."""

    def make(self) -> DatabaseWorld:
        return postgres_world()
