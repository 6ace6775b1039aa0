"""Monthly plans, as an account sees them."""

from __future__ import annotations

from mailrelay.mail.envelope import DAY
from mailrelay.manage import accounts, plans

from .place import InstallationTestCase


class PlanTests(InstallationTestCase):
    """The account "shop" with 100 prepaid sends, on 2026-01-02."""

    def test_months(self) -> None:
        """The month's sends are given at once and used first; in the account's own zone the next month begins, what is
        left lapses, and a plan of 0 ends."""
        self.account()
        self.done(accounts.change(self.place, "shop", {"zone": "Asia/Tokyo"}))
        given = plans.plain(self.done(plans.give(self.place, "shop", 10)))
        self.assertEqual((given["monthly_left"], given["prepaid"], given["month"]), (10, 100, "2026-01"))
        self.accepted(self.connection(), "a@example.net", "b@example.net")
        shown = self.done(plans.show(self.place, "shop"))
        self.assertEqual((shown.monthly_left, shown.prepaid), (8, 100))
        self.done(accounts.top_up(self.place, "shop", 5))
        self.done(plans.give(self.place, "shop", 20))
        (listed,) = self.done(plans.every(self.place))
        self.assertEqual((listed.monthly_left, listed.prepaid), (8, 105))
        self.assertEqual(self.done(plans.turn(self.place)), 0)
        # 2026-01-31 16:04 in Greenwich is the first of February in Tokyo
        self.at += 29 * DAY + 13 * DAY // 24
        self.assertEqual(self.done(plans.turn(self.place)), 1)
        self.assertEqual(self.done(plans.turn(self.place)), 0)
        shown = self.done(plans.show(self.place, "shop"))
        self.assertEqual((shown.monthly_left, shown.prepaid), (20, 105))
        self.done(plans.give(self.place, "shop", 0))
        self.at += 31 * DAY
        self.assertEqual(self.done(plans.turn(self.place)), 1)
        shown = self.done(plans.show(self.place, "shop"))
        self.assertEqual((shown.monthly_left, shown.prepaid, shown.plan), (0, 105, None))
