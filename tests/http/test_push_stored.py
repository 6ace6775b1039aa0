"""Events pushed out of a real store: a receiver that is down for an hour loses nothing (H13)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from mailrelay.http.push import POLL, Pusher
from mailrelay.mail.envelope import SECOND, Settlement, State
from mailrelay.manage import webhooks

from ..manage.place import START, InstallationTestCase


class StoredPushTests(InstallationTestCase):
    """An installation on SQLite, and a clock."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.place = replace(self.place, now=lambda: START + int(self.clock.seconds() * SECOND))
        self.down = True
        self.received: list[tuple[str, str]] = []
        self.pusher = Pusher(self.place, self.post, self.clock, jitter=lambda: 0.0, give_up=72 * 3600)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Deferred[tuple[int, str]]:
        if self.down:
            return fail(OSError(111, "Connection refused"))
        told = json.loads(body)
        self.received.append((told["type"], told["data"]["to"]))
        return succeed((200, ""))

    def wait(self, seconds: int) -> None:
        for _ in range(int(seconds / POLL)):
            self.clock.advance(POLL)
        self.at = START + int(self.clock.seconds() * SECOND)

    def test_down_for_an_hour(self) -> None:
        """Mail goes on; when the receiver is back it is told everything, once and in order."""
        self.account()
        issued = self.connection()
        self.done(webhooks.add(self.place, webhooks.Wanted("https://shop.example/", "shop", "shop")))
        self.pusher.start()
        self.addCleanup(self.pusher.stop)
        expected: list[tuple[str, str]] = []
        for number in range(60):
            to = f"r{number}@b.test"
            self.accepted(issued, to)
            for lane in self.done(self.store.ledger.lanes({}, 10)):
                for each in self.done(self.store.ledger.claim(lane, 10, self.at)):
                    settled = Settlement(each.recipient, State.DELIVERED, at=self.at, event="delivered")
                    self.assertTrue(self.done(self.store.ledger.settle(settled)))
            expected += [("accepted", to), ("delivered", to)]
            self.wait(60)
        self.assertEqual(self.received, [])
        (hook,) = self.done(self.place.webhooks.every())
        self.assertEqual((hook.status, hook.cursor), ("enabled", 0))
        self.assertIn("Connection refused", hook.last_error)
        self.down = False
        self.wait(3600)
        self.assertEqual(self.received, expected)
        (hook,) = self.done(self.place.webhooks.every())
        self.assertEqual((hook.failures, hook.last_error, hook.delivered), (0, "", 120))
