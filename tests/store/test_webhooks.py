"""Webhooks and what was sent to them, over the memory twin, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.registry import Taken
from mailrelay.interfaces.webhooks import KEPT, Delivery, IWebhooks, Webhook
from mailrelay.store import open_store
from mailrelay.store.memory.webhooks import MemoryWebhooks
from tests.live.postgres import server

from .worlds import START, new_id, result

HOOK = Webhook("H1", "A", "shop", "https://shop.example/", ("bounced", "opened"), sealed="sealed", created_at=START)
OTHER = replace(HOOK, id="H2", name="other", events=(), created_at=START + 1)
SENT = Delivery("D01", "H1", 7, "bounced", START, 1500, 204)


class WebhookLaws:
    """What is promised of webhooks."""

    webhooks: IWebhooks

    def sent(self, id: str = "H1", before: str = "", limit: int = 50) -> list[str]:
        return [each.id for each in result(self.webhooks.deliveries(id, before, limit))]

    def test_kept(self) -> None:
        """A webhook is what it was made and changed to; a name is only once in an account."""
        verifyObject(IWebhooks, self.webhooks)
        for each in (HOOK, OTHER):
            result(self.webhooks.add(each))
        with self.assertRaises(Taken):
            result(self.webhooks.add(replace(OTHER, id="H3")))
        with self.assertRaises(Taken):
            result(self.webhooks.change("H2", {"name": "shop"}))
        self.assertTrue(result(self.webhooks.change("H1", {"name": "shop", "events": (), "replay_from": 3})))
        self.assertEqual(list(result(self.webhooks.every("A"))), [replace(HOOK, events=(), replay_from=3), OTHER])
        self.assertEqual(list(result(self.webhooks.every("B"))), [])

    def test_deliveries(self) -> None:
        """What was sent is told newest first, a page behind another, and goes with its webhook."""
        for each in (HOOK, OTHER):
            result(self.webhooks.add(each))
        failed = replace(SENT, id="D02", status=0, answer="refused\0\ud800", again=True)
        self.assertTrue(result(self.webhooks.change("H1", {"cursor": 7}, [SENT, failed])))
        self.assertTrue(result(self.webhooks.change("H2", {"cursor": 7}, [replace(SENT, webhook="H2")])))
        found = result(self.webhooks.deliveries("H1"))
        self.assertEqual((found[1], found[0].again, found[0].status), (SENT, True, 0))
        self.assertEqual((self.sent(limit=1), self.sent(before="D02"), self.sent("H2")), (["D02"], ["D01"], ["D01"]))
        self.assertTrue(result(self.webhooks.remove("H1")))
        self.assertFalse(result(self.webhooks.change("H1", {"cursor": 9}, [SENT])))
        self.assertEqual((self.sent(), self.sent("H2")), ([], ["D01"]))

    def test_bounded(self) -> None:
        """Of a webhook the newest deliveries are kept, and no more."""
        result(self.webhooks.add(HOOK))
        every = [replace(SENT, id=f"D{number:04}") for number in range(KEPT + 20)]
        for first in range(0, len(every), 52):
            result(self.webhooks.change("H1", {"cursor": first}, every[first : first + 52]))
        self.assertEqual(self.sent(limit=1000), [each.id for each in reversed(every[20:])])


class MemoryWebhookTests(WebhookLaws, SynchronousTestCase):
    """Over the memory twin."""

    def setUp(self) -> None:
        self.webhooks = MemoryWebhooks()


class DatabaseWebhookLaws(WebhookLaws):
    """Over a database."""

    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.store = open_store(self.place(), node=new_id(), now=lambda: START, inline=True)
        self.webhooks = self.store.webhooks

    def tearDown(self) -> None:
        result(self.store.close())


class SqliteWebhookTests(DatabaseWebhookLaws, SynchronousTestCase):
    """Over SQLite."""

    def place(self) -> str:
        return self.mktemp()


class PostgresWebhookTests(DatabaseWebhookLaws, SynchronousTestCase):
    """Over PostgreSQL."""

    def place(self) -> str:
        return server().new_database()
