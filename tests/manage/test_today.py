"""Today at a glance, over a real store."""

from __future__ import annotations

from mailrelay.mail.envelope import SECOND, Instructions, Settlement, State
from mailrelay.manage import accounts, connections, domains, today
from tests.store.worlds import submission

from .place import InstallationTestCase

HOUR = 3600 * SECOND


class TodayTests(InstallationTestCase):
    """Two accounts, each with a connection."""

    def setUp(self) -> None:
        super().setUp()
        self.ids = {}
        for name in ("shop", "other"):
            self.done(accounts.create(self.place, name, 1000))
            self.done(domains.add(self.place, name, f"{name}.test", verified=True))
            wanted = connections.Wanted(name, "web", "standard", f"a@{name}.test", active=True)
            made = self.done(connections.create(self.place, wanted)).connection
            self.ids[name] = (made.account, made.id)

    def send(self, name: str, *addresses: str, at: int, state: State = State.QUEUED) -> None:
        made = submission(*self.ids[name], addresses, at, billing="attempt", instructions=Instructions())
        self.done(self.store.ledger.accept(made, state is not State.QUEUED))
        for recipient in made.recipients if state is not State.QUEUED else ():
            self.done(self.store.ledger.settle(Settlement(recipient.id, state, charge="", at=at)))

    def test_whose(self) -> None:
        """An account sees today's mail of its own; without one it is that of all. Every hour until now is told, and
        they add up to the day."""
        self.send("shop", "a@b.test", "b@b.test", at=self.at, state=State.BOUNCED)
        self.send("other", "a@b.test", at=self.at)
        mine = self.done(today.show(self.place, "shop"))
        self.assertEqual((mine.counts["accepted"], mine.counts["bounced"], mine.counts["queued"]), (2, 2, 0))
        whole = self.done(today.show(self.place))
        self.assertEqual((whole.counts["accepted"], whole.counts["queued"]), (3, 1))
        self.assertEqual(sum(counted["accepted"] for _, counted in whole.hours), 3)
        self.assertEqual(len(whole.hours), (whole.span.until - whole.span.since) // HOUR)

    def test_midnight(self) -> None:
        """The day begins at midnight of the account's zone; yesterday's mail is not in it."""
        self.done(accounts.change(self.place, "shop", {"zone": "Asia/Tokyo"}))
        since = self.done(today.show(self.place, "shop")).span.since
        self.assertEqual((since + 9 * HOUR) % (24 * HOUR), 0)
        self.send("shop", "a@b.test", at=since - SECOND)
        self.send("shop", "b@b.test", at=since)
        found = self.done(today.show(self.place, "shop"))
        self.assertEqual(found.counts["accepted"], 1)
        self.assertTrue(found.hours[0][0].endswith("T00:00:00+09:00"), found.hours[0][0])
        self.assertEqual(found.hours[0][1]["accepted"], 1)
