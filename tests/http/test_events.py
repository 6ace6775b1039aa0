"""What happened, over HTTP: pages with a cursor, NDJSON, and the receivers that it is pushed to."""

from __future__ import annotations

import json

from mailrelay.interfaces.events import Happening
from mailrelay.mail.event import Event

from .wire import BEARER, SiteTestCase, Wire


class EventsTests(SiteTestCase):
    def setUp(self) -> None:
        super().setUp()
        kinds = (Event.ACCEPTED, Event.BOUNCED, Event.ACCEPTED)
        self.state.happened += [
            Happening(number, kind, number, "A1", "C1", rcpt=f"u{number}@b.test")
            for number, kind in enumerate(kinds, 1)
        ]

    def test_pages(self) -> None:
        """A reader goes on from the cursor of each page, and misses nothing."""
        first = self.get("/api/v1/events?limit=2").json()
        self.assertEqual(([each["id"] for each in first["events"]], first["cursor"], first["more"]), ([1, 2], 2, True))
        rest = self.get(f"/api/v1/events?after={first['cursor']}").json()
        self.assertEqual(([each["to"] for each in rest["events"]], rest["more"]), (["u3@b.test"], False))

    def test_narrowed(self) -> None:
        """By account, connection and type."""
        self.assertEqual(len(self.get("/api/v1/events?account=acme&connection=news").json()["events"]), 3)
        self.assertEqual(len(self.get("/api/v1/events?type=bounced,opened").json()["events"]), 1)
        for query in ("account=nobody", "connection=none"):
            self.assert_problem(self.get(f"/api/v1/events?{query}"), 404)
        wrong = {"type=levitated": "type", "after=-1": "after", "after=x": "after", f"after={'9' * 30}": "after"}
        for query, field in {**wrong, "limit=0": "limit", "format=xml": "format"}.items():
            self.assertEqual(self.assert_problem(self.get(f"/api/v1/events?{query}"), 400)["field"], field)

    def test_lines(self) -> None:
        """NDJSON has an event in each line and the cursor in a header."""
        found = self.get("/api/v1/events?format=ndjson&limit=2")
        self.assertEqual([json.loads(line)["id"] for line in found.body.splitlines()], [1, 2])
        self.assertEqual(found.headers["next-cursor"], "2")
        self.assertEqual(found.headers["content-type"], "application/x-ndjson")


class WebhooksTests(SiteTestCase):
    def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        octets = json.dumps(body).encode() if body is not None else b""
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{k}: {v}" for k, v in BEARER.items())]
        wire = Wire(self.site)
        wire.send("\r\n".join([*lines, f"Content-Length: {len(octets)}", "", ""]).encode() + octets)
        answer = wire.answer(method)
        return answer.status, answer.body

    def test_life(self) -> None:
        """A receiver is made with its secret, shown without it, tested, disabled, enabled, and forgotten."""
        wanted = {"url": "https://shop.example/h", "name": "shop", "account": "acme", "events": ["bounced"]}
        status, body = self.ask("POST", "/api/v1/webhooks", wanted)
        made = json.loads(body)
        self.assertEqual((status, made["secret"][:6], made["events"]), (201, "whsec_", ["bounced"]))
        self.assertEqual(self.ask("POST", "/api/v1/webhooks", wanted)[0], 409)
        (listed,) = json.loads(self.ask("GET", "/api/v1/webhooks")[1])
        self.assertEqual(listed, {name: value for name, value in made.items() if name != "secret"})
        self.assertEqual(self.ask("POST", "/api/v1/webhooks/shop/test")[0], 200)
        self.assertEqual(self.state.happened[-1].event, Event.WEBHOOK_TEST)
        for act, status_word in (("disable", "disabled"), ("enable", "enabled")):
            self.assertEqual(json.loads(self.ask("POST", f"/api/v1/webhooks/shop/{act}")[1])["status"], status_word)
        replayed = json.loads(self.ask("POST", "/api/v1/webhooks/shop/replay?since=0")[1])
        self.assertTrue(replayed["replaying"])
        self.assertEqual(self.ask("POST", "/api/v1/webhooks/shop/replay")[0], 400)
        changed = json.loads(self.ask("PATCH", "/api/v1/webhooks/shop", {"name": "web", "events": [], "secret": ""})[1])
        self.assertEqual((changed["id"], changed["name"], changed["events"]), (made["id"], "web", []))
        self.assertNotEqual(changed["secret"], made["secret"])
        status, body = self.ask("PATCH", "/api/v1/webhooks/web", {"url": "http://169.254.169.254/"})
        self.assertEqual((status, json.loads(body)["field"]), (400, "url"))
        self.assertEqual(self.ask("PATCH", "/api/v1/webhooks/web", {"account": "acme"})[0], 400)
        nothing = {"deliveries": [], "next": ""}
        self.assertEqual(json.loads(self.ask("GET", "/api/v1/webhooks/web/deliveries")[1]), nothing)
        self.assertEqual(self.ask("POST", "/api/v1/webhooks/web/events/1/replay")[0], 400, "more is sent again")
        self.assertEqual(self.ask("DELETE", f"/api/v1/webhooks/{made['id']}")[0], 204)
        self.assertEqual(self.ask("GET", "/api/v1/webhooks/shop")[0], 404)

    def test_refused(self) -> None:
        """H12: what must not be reached is refused as soon as it is named; so is what makes no sense."""
        for change, field in (
            ({"url": "http://169.254.169.254/latest"}, "url"),
            ({"url": "file:///etc/passwd"}, "url"),
            ({"url": "https://a.example:6379/"}, "url"),
            ({"events": ["levitated"]}, "events"),
            ({"dialect": "bare"}, "dialect"),
            ({"secret": "x"}, "secret"),
            ({"colour": "x"}, "colour"),
        ):
            status, body = self.ask("POST", "/api/v1/webhooks", {"url": "https://a.example/"} | change)
            self.assertEqual((status, json.loads(body)["field"]), (400, field))
        self.assertEqual(self.ask("POST", "/api/v1/webhooks", {})[0], 400)
