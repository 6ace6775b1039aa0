"""The queue over HTTP: listed and counted, changed by a POST that says what it means."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed

from mailrelay.interfaces.history import Selection, Waiting

from .wire import BEARER, Answer, SiteTestCase, ask, passage

ONE = "0" * 25 + "1"


class QueueTests(SiteTestCase):
    passages = (passage(ONE),)

    def setUp(self) -> None:
        super().setUp()
        self.done: list[tuple[Any, ...]] = []
        history: Any = self.history
        history.count = lambda selection: succeed(7)
        history.classes = lambda selection: succeed({"mailbox": 2})
        history.destinations = lambda selection, limit: succeed([Waiting("example.org", 3, 1, self.in_hand, 1, 2)])
        history.drop = self.act
        history.retry = self.act
        history.reroute = self.act
        self.in_hand = 0

    def act(self, selection: Selection, *words: Any) -> Deferred[int]:
        self.done.append((selection, *words))
        return succeed(5)

    def post(self, path: str) -> Answer:
        return ask(self.site, path, "POST", headers=BEARER)

    def test_listed(self) -> None:
        """What waits, for which destinations, after which replies, and where the list goes on."""
        found = self.get("/api/v1/queue?domain=example.org&priority=high&older=1h&limit=1").json()
        self.assertEqual([each["id"] for each in found["waiting"]], [ONE])
        self.assertEqual((found["destinations"][0]["count"], found["destinations"][0]["in_hand"]), (3, 0))
        self.assertEqual((found["classes"], found["next"]), ({"mailbox": 2}, found["waiting"][0]["recipient"]))
        selection, limit = self.history.asked[-1]
        self.assertEqual((selection.destination, selection.priority, limit), ("example.org", -1, 1))
        self.assertEqual(self.get("/api/v1/queue/count?domain=example.org").json(), {"count": 7})

    def test_refused(self) -> None:
        """What cannot be read, what names nothing, and what does not say which mail is meant is a problem."""
        self.assert_problem(self.get("/api/v1/queue?priority=urgent"), 400)
        self.assert_problem(self.get("/api/v1/queue/count"), 400)
        self.assert_problem(self.post("/api/v1/queue/drop"), 400)
        self.assert_problem(self.post("/api/v1/queue/forget?all=true"), 404)
        self.assertEqual(self.done, [])

    def test_changed(self) -> None:
        """A verb changes what is meant, and tells how many it was; what is in hand is waited for."""
        self.assertEqual(self.post("/api/v1/queue/retry?domain=example.org").json(), {"count": 5})
        self.assertEqual(self.done[-1][0].destination, "example.org")
        self.assertEqual(self.post("/api/v1/queue/drop?all=true&reason=enough").json(), {"count": 5})
        self.assertEqual(self.done[-1][1], "enough")
