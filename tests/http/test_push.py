"""Events pushed to a receiver: in order, signed, again after failures, and never lost."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from mailrelay.http.push import POLL, Pusher
from mailrelay.interfaces.events import Happening
from mailrelay.interfaces.webhooks import Webhook
from mailrelay.mail.envelope import SECOND
from mailrelay.mail.event import Event
from mailrelay.manage import Invalid, Unknown, deliveries, webhooks
from mailrelay.policy.push import PREFIX

from .wire import SiteTestCase

HOUR = 3600


class PushTests(SiteTestCase):
    """One receiver of account A1, and a clock."""

    def setUp(self) -> None:
        super().setUp()
        self.received: list[tuple[Mapping[str, str], dict[str, Any]]] = []
        self.answer: Callable[[], Deferred[tuple[int, str]]] = lambda: succeed((204, ""))
        self.place = replace(self.installation, now=lambda: int(self.clock.seconds() * SECOND) + 1)
        self.hook = self.successResultOf(
            webhooks.add(self.place, webhooks.Wanted("https://shop.example/", "shop", "acme"))
        )
        self.pusher = self.make()

    def make(self) -> Pusher:
        pusher = Pusher(self.place, self.post, self.clock, jitter=lambda: 0.0, give_up=72 * HOUR)
        pusher.start()
        self.addCleanup(pusher.stop)
        return pusher

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Deferred[tuple[int, str]]:
        self.assertEqual(url, "https://shop.example/")
        answer = self.answer()
        key = base64.b64decode(webhooks.secret_of(self.place, self.hook).removeprefix(PREFIX))
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        self.assertEqual(headers["webhook-signature"], f"v1,{mac}", "H14")
        if answer.called and not isinstance(answer.result, Failure):
            self.received.append((headers, json.loads(body)))
        return answer

    def happen(self, number: int = 1, event: Event = Event.BOUNCED, account: str = "A1", **more: Any) -> None:
        happened = self.state.happened
        for _ in range(number):
            id = happened[-1].id + 1 if happened else 1
            happened.append(Happening(id, event, int(self.clock.seconds() * SECOND) + 1, account, **more))

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds / POLL)):
            self.clock.advance(POLL)

    def ids(self) -> list[int]:
        return [body["data"]["id"] for _, body in self.received]

    def kept(self) -> Webhook:
        return self.webhooks.webhooks[self.hook.id]

    def test_payload(self) -> None:
        """H15: an event is told with type, time and everything known of it, whatever letters a host used; the null
        sender is an empty text."""
        self.happen(rcpt="ann@b.test", reply="550 \N{SNOWMAN}\udcff" + "x" * 100_000, bounce_class="policy", sender="")
        self.wait(1)
        ((headers, body),) = self.received
        self.assertEqual((body["type"], body["timestamp"]), ("bounced", body["data"]["at"]))
        self.assertEqual(
            (body["data"]["to"], body["data"]["from"], body["data"]["class"]), ("ann@b.test", "", "policy")
        )
        self.assertEqual(len(body["data"]["reply"]), 100_006)
        self.assertEqual((headers["webhook-id"], headers["content-type"]), ("evt_1", "application/json"))

    def test_order(self) -> None:
        """H13: everything arrives once and in order, however much there is."""
        self.happen(333)
        self.wait(20)
        self.assertEqual(self.ids(), list(range(1, 334)))
        self.assertEqual((self.kept().cursor, self.kept().delivered), (333, 333))

    def test_narrowed(self) -> None:
        """A receiver is told what it wants of its own account, and its cursor passes over the rest."""
        self.webhooks.webhooks[self.hook.id] = replace(self.kept(), events=("bounced",))
        self.happen(account="A2")
        self.happen(event=Event.OPENED)
        self.happen()
        self.wait(1)
        self.assertEqual(self.ids(), [3])
        self.happen(event=Event.OPENED)
        self.wait(1)
        self.assertEqual(self.kept().cursor, 4)

    def test_down_for_an_hour(self) -> None:
        """H13: a receiver that is down for an hour is told everything afterwards, in order, with fresh signatures."""
        self.answer = lambda: fail(OSError(111, "Connection refused"))
        for _ in range(60):
            self.happen()
            self.wait(60)
        self.assertEqual(self.received, [])
        down = self.kept()
        self.assertEqual((down.status, down.cursor), ("enabled", 0))
        self.assertIn("Connection refused", down.last_error)
        self.assertLess(down.failures, 10)
        self.answer = lambda: succeed((200, "ok"))
        self.wait(HOUR)
        self.assertEqual(self.ids(), list(range(1, 61)))
        self.assertEqual((self.kept().failures, self.kept().last_error), (0, ""))
        self.assertGreater(int(self.received[0][0]["webhook-timestamp"]), HOUR)

    def test_failures(self) -> None:
        """H13: an answer that is not 2xx, a redirect too, is a failure, told with its begin; the one in hand is sent
        again."""
        self.happen(3)
        answers = iter([(204, ""), (500, "it is\nbroken"), (302, ""), *[(204, "")] * 9])
        self.answer = lambda: succeed(next(answers))
        self.wait(1)
        self.assertEqual(self.kept().last_error, "answered 500: it is broken")
        self.assertEqual((self.kept().cursor, self.kept().failures), (1, 1))
        self.wait(60)
        self.assertEqual(self.ids(), [1, 2, 2, 2, 3])
        self.assertEqual(self.kept().delivered, 3)

    def test_disabled(self) -> None:
        """H13: who takes nothing for three days is disabled with an event and not asked again; enabled, it is told
        everything."""
        self.happen()
        self.answer = lambda: succeed((503, ""))
        self.wait(71 * HOUR)
        self.assertEqual(self.kept().status, "enabled")
        self.wait(2 * HOUR)
        self.assertEqual(self.kept().status, "disabled")
        self.assertIn("answered 503", self.kept().reason)
        told = self.state.happened[-1]
        self.assertEqual((told.event, told.facts["name"]), (Event.WEBHOOK_DISABLED, "shop"))
        asked = len(self.received)
        self.wait(2 * HOUR)
        self.assertEqual(len(self.received), asked)
        self.answer, self.received = lambda: succeed((200, "")), []
        self.successResultOf(webhooks.enable(self.place, "shop"))
        self.wait(2)
        self.assertEqual(self.ids(), [1, 2])
        self.flushLoggedErrors()

    def test_gone(self) -> None:
        """A receiver that answers 410 wants nothing any more."""
        self.happen()
        self.answer = lambda: succeed((410, ""))
        self.wait(1)
        self.assertEqual(self.kept().status, "disabled")

    def test_replay(self) -> None:
        """H14: what happened in a time is sent again, under the ids that it had, before what is new."""
        self.happen(2)
        self.wait(HOUR)
        self.happen(2)
        self.wait(HOUR)
        self.received.clear()
        self.happen()
        self.successResultOf(webhooks.replay(self.place, "shop", "", HOUR * SECOND // 2, HOUR * SECOND + 2 * SECOND))
        self.wait(1)
        self.assertEqual([headers["webhook-id"] for headers, _ in self.received], ["evt_3", "evt_4", "evt_5"])
        self.assertEqual((self.kept().replay_until, self.kept().cursor), (0, 5))
        self.failureResultOf(webhooks.replay(self.place, "shop", "", int(9e15)), Invalid)

    def test_one_again(self) -> None:
        """H14: one event is sent again under its id, of whatever type it is asked for by its number; a replay can be
        stopped, and tells how far it is."""
        self.happen(3)
        self.wait(1)
        self.received.clear()
        self.successResultOf(webhooks.replay_one(self.place, "shop", 2))
        self.failureResultOf(webhooks.replay_one(self.place, "shop", 3), Invalid)
        self.wait(1)
        self.assertEqual(self.ids(), [2])
        self.assertEqual((self.kept().replay_until, self.kept().cursor), (0, 3))
        self.happen(account="A2")
        for number in (4, 5):
            self.failureResultOf(webhooks.replay_one(self.place, "shop", number), Unknown)
        self.answer = lambda: succeed((500, ""))
        self.successResultOf(webhooks.replay(self.place, "shop", "", 0))
        self.assertEqual(webhooks.replayed(self.kept()), 0)
        self.wait(1)
        self.assertEqual(self.successResultOf(webhooks.stop_replay(self.place, "shop")).replay_until, 0)
        self.answer = lambda: succeed((200, ""))
        self.wait(60)
        self.assertEqual(self.ids(), [2, 1], "one was under way already")

    def test_deliveries(self) -> None:
        """Each request is noted with its answer and how long it took, and what stood in it can be seen again."""
        self.happen(2, rcpt="ann@b.test")
        answers = iter([succeed((204, "")), succeed((500, "it is\nbroken")), fail(OSError(111, "refused"))])
        self.answer = lambda: next(answers)
        self.wait(10)
        found = self.successResultOf(deliveries.every(self.place, "shop"))
        told = sorted((deliveries.plain(each) for each in found), key=lambda each: (each["at"], each["event"]))
        self.assertEqual(
            [(each["event"], each["status"], each["taken"], each["answer"]) for each in told],
            [
                (1, 204, True, ""),
                (2, 500, False, "it is broken"),
                (2, 0, False, "ConnectionRefusedError: [Errno 111] refused"),
            ],
        )
        self.assertEqual({each["type"] for each in told}, {"bounced"})
        one = self.successResultOf(deliveries.find(self.place, "shop", found[0].id))
        body = self.successResultOf(deliveries.preview(self.place, "shop", one))
        assert isinstance(body, dict)
        self.assertEqual(body["data"]["to"], "ann@b.test")
        self.state.happened.clear()
        self.assertIsNone(self.successResultOf(deliveries.preview(self.place, "shop", one)), "forgotten since")
        self.failureResultOf(deliveries.find(self.place, "shop", "D0"), Unknown)

    def test_asked_for(self) -> None:
        """A test is sent to the receiver that it is for, whatever events that wants, and to no other."""
        self.successResultOf(webhooks.add(self.place, webhooks.Wanted("https://shop.example/", "other", "acme")))
        self.webhooks.webhooks[self.hook.id] = replace(self.kept(), events=("bounced",))
        self.successResultOf(webhooks.test(self.place, "shop"))
        self.wait(2)
        ((_, body),) = self.received
        self.assertEqual((body["type"], body["data"]["facts"]["name"]), ("webhook_test", "shop"))

    def test_stopped(self) -> None:
        """What was under way at a stop is sent again after the next start."""
        self.happen()
        self.answer = Deferred
        self.wait(1)
        self.pusher.stop()
        self.assertEqual(self.kept().cursor, 0)
        self.answer = lambda: succeed((200, ""))
        self.make()
        self.wait(1)
        self.assertEqual(self.ids(), [1])

    def test_dialect(self) -> None:
        """A receiver of a service's payload is told what that service tells, in its words."""
        self.webhooks.webhooks[self.hook.id] = replace(self.kept(), dialect="emaildelivery")
        self.happen(rcpt="ann@b.test", reply="550 No such user", tag="news")
        self.happen(event=Event.ACCEPTED)
        self.wait(1)
        ((_, body),) = self.received
        self.assertEqual((body["type"], body["email"], body["source"]), ("hard_bounce", "ann@b.test", {"tag": "news"}))
        self.assertEqual(self.kept().cursor, 2)
