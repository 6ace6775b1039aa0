"""The page of events."""

from __future__ import annotations

import re
from typing import Any

from mailrelay.mail.event import Event
from mailrelay.manage import users, webhooks

from .visiting import Visiting

PAGE = "/console/events"


class EventPageTests(Visiting):
    def tell(self, number: int, event: Event = Event.WEBHOOK_DISABLED, account: str = "") -> None:
        for each in range(number):
            facts = {"note": f"number {each}"}
            self.successResultOf(self.store.events.tell(event, account or self.account, self.place.now(), facts))

    def told(self, page: Any) -> list[str]:
        """Which of those stand on a page, in order."""
        return re.findall(r"&quot;number (\d+)&quot;", page.text)

    def test_nothing_yet(self) -> None:
        """Where nothing happened the page leads to the oldest that is kept."""
        page = self.get(PAGE).text
        self.assertIn("Nothing that fits has happened since then.", page)
        self.assertIn(f'href="{PAGE}?after=0"', page)
        self.assertEqual(self.get(f"{PAGE}?after=0").status, 200)

    def test_in_order(self) -> None:
        """Events stand in order, page by page, each as a program is told of it; behind the last one looks again."""
        self.tell(60)
        first = self.get(PAGE)
        seen = self.told(first)
        on = re.search(rf'href="({PAGE}\?[^"]+)"[^>]*>Later', first.text)
        assert on is not None
        second = self.get(on[1].replace("&amp;", "&"))
        self.assertEqual(seen + self.told(second), [str(each) for each in range(60)])
        self.assertIn("Look for newer ones", second.text)
        self.assertIn("&quot;type&quot;: &quot;webhook_disabled&quot;", first.text)

    def test_filters(self) -> None:
        """By type, account and time; what is none of them is told beside its field."""
        self.tell(1)
        self.tell(2, Event.DOMAIN_DRIFT)
        for asked, number in (
            ("type=domain_drift", 2),
            (f"account={self.account}", 3),
            ("from=2000-01-01T00:00", 3),
            ("from=2100-01-01T00:00", 0),
        ):
            self.assertEqual(len(self.told(self.get(f"{PAGE}?{asked}"))), number, asked)
        for asked, field in (
            ("type=x", "type"),
            ("account=x", "account"),
            ("connection=x", "connection"),
            ("from=x", "from"),
        ):
            page = self.get(f"{PAGE}?{asked}")
            self.assertEqual(page.status, 400, asked)
            self.assertIn(f'id="{field}-fault"', page.text)
        self.assertEqual(self.get(f"{PAGE}?after=x").status, 400)

    def test_whose(self) -> None:
        """A member reads the own account's."""
        self.tell(1)
        self.tell(2, account="another")
        self.assertEqual(len(self.told(self.get(PAGE))), 3)
        made = self.successResultOf(users.add(self.place, "mia", account="shop"))
        self.cookie = ""
        signed = self.post("/console/sign-in", name="mia", password=made.password)
        self.cookie = signed.headers["set-cookie"].partition(";")[0]
        self.assertEqual(len(self.told(self.get(PAGE))), 1)

    def test_late_numbers(self) -> None:
        """Numbers of events grow for years: one of fifteen digits is read on from, and sent again."""
        self.assertEqual(self.get(f"{PAGE}?after=123456789012345").status, 200)
        hook = self.successResultOf(webhooks.add(self.place, webhooks.Wanted("https://hook.test/", "hook", "shop")))
        answer = self.post(f"/console/webhooks/{hook.id}/again", event="123456789012345")
        self.assertEqual((answer.status, "must be" in answer.text), (404, False))
