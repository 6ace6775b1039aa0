"""Commands about what happened, and about who is told."""

from __future__ import annotations

import json
from pathlib import Path

from mailrelay.mail.event import FIELDS, OF_ACCOUNTS, OF_RECIPIENTS, Event
from mailrelay.manage import happened
from tests.manage.place import InstallationTestCase

from .running import CommandTestCase

PAGE = Path(__file__).parents[2] / "docs" / "events.md"


class EventCommandTests(CommandTestCase):
    def test_empty(self) -> None:
        """Where nothing happened there is nothing to tell."""
        self.assertEqual(self.data("event", "list"), {"events": [], "cursor": 0, "more": False})
        self.assertEqual(self.good("event", "export"), "")
        self.assertIn("type: ", self.bad("event", "list", "--account", "nobody").replace("account: ", "type: "))

    def test_webhook(self) -> None:
        """A receiver is added, shown, tested, told again, and forgotten; a test is an event that export shows."""
        self.furnish()
        made = self.data(
            "webhook", "add", "http://127.0.0.1:9/", "--name", "shop", "--account", "shop", "--event", "bounced"
        )
        shown = self.data("webhook", "show", "shop", "--reveal")
        self.assertEqual(shown["secret"], made["secret"])
        self.assertNotIn("secret", self.data("webhook", "show", "shop"))
        self.data("webhook", "test", "shop")
        (line,) = self.good("event", "export").splitlines()
        self.assertEqual((json.loads(line)["type"], json.loads(line)["facts"]["name"]), ("webhook_test", "shop"))
        self.assertEqual(self.data("event", "list", "--since", str(json.loads(line)["id"]))["events"], [])
        self.assertIn("webhook_test", self.good("event", "list"))
        self.data("webhook", "replay", "shop", "--since", "2020-01-01")
        self.assertTrue(self.data("webhook", "list")[0]["replaying"])
        self.assertIn("no date", self.bad("webhook", "replay", "shop", "--since", "yesterday"))
        self.assertIn("nothing that is kept", self.bad("webhook", "replay", "shop", "--since", "2999-01-01"))
        self.assertEqual(self.data("webhook", "disable", "shop")["status"], "disabled")
        self.assertIn("disabled", self.bad("webhook", "test", "shop"))
        self.assertEqual(self.data("webhook", "enable", "shop")["status"], "enabled")
        self.assertFalse(self.data("webhook", "stop-replay", "shop")["replaying"])
        self.assertTrue(self.data("webhook", "again", "shop", str(json.loads(line)["id"]))["replaying"])
        self.assertEqual(self.data("webhook", "deliveries", "shop"), [])
        changed = self.data("webhook", "change", "shop", "--all-events", "--new-secret")
        self.assertEqual((changed["events"], changed["secret"] == made["secret"]), ([], False))
        self.assertEqual(self.data("webhook", "change", "shop", "--name", "web")["url"], made["url"])
        self.assertIn("nothing is given", self.bad("webhook", "change", "web"))
        self.good("webhook", "change", "web", "--name", "shop", "--event", "bounced")
        self.good("webhook", "remove", "shop")
        self.assertIn("there is no 'shop'", self.bad("webhook", "show", "shop"))

    def test_types(self) -> None:
        """Every type of event is told with its meaning."""
        self.assertEqual([each["type"] for each in self.data("event", "types")], [each.value for each in Event])

    def test_page(self) -> None:
        """docs/events.md has what the code says, word for word; 'mailrelay event types' prints it."""
        self.assertIn(self.good("event", "types"), PAGE.read_text("utf-8"))


class FieldTests(InstallationTestCase):
    def test_fields(self) -> None:
        """What leaves has the fields that the page tells, and no others."""
        self.account()
        self.accepted(self.connection(), "ann@b.test")
        self.done(self.store.events.tell(Event.DOMAIN_DRIFT, "", self.at, {"domain": "shop.example"}))
        page = self.done(happened.page(self.place, happened.Wanted()))
        told, of_account = (happened.plain(each, {}) for each in page.events)
        self.assertEqual(set(told), {*FIELDS, *OF_RECIPIENTS})
        self.assertEqual(set(of_account), {*FIELDS, *OF_ACCOUNTS})
