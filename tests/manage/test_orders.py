"""Prices, orders and the ledger, as people and programs use them."""

from __future__ import annotations

from mailrelay.interfaces.changes import Wanted
from mailrelay.interfaces.orders import Order
from mailrelay.mail.envelope import DAY
from mailrelay.manage import accounts, changes, entries, orders, plain_money, plans, prices
from mailrelay.manage.caller import USER, Caller
from mailrelay.manage.errors import Forbidden, Invalid, Unknown

from .place import InstallationTestCase

STEPS = ((1000, "2.00"), (10_000, "1.50"))


class PriceTests(InstallationTestCase):
    """Price tables, for everybody and for one account."""

    def test_own_table(self) -> None:
        """An account's own table stands in the place of those for everybody, for what it is a price of."""
        self.account()
        self.account("other", domain="other.example")
        self.assertIsNone(self.done(prices.quote(self.place, "shop", 5000)))
        self.done(prices.put(self.place, "usual", "EUR", STEPS))
        self.done(prices.put(self.place, "plan", "EUR", [(1, "1")], "monthly"))
        self.done(prices.put(self.place, "friends", "USD", [(1, "0.5")], account="shop"))
        told = [
            plain_money.quote(self.done(prices.quote(self.place, name, 9000, kind)), 9000, kind)
            for name, kind in (("shop", "prepaid"), ("other", "prepaid"), ("shop", "monthly"))
        ]
        self.assertEqual([(each["prices"], each["currency"], each["total"]) for each in told], [
            ("friends", "USD", "4.50"), ("usual", "EUR", "18.00"), ("plan", "EUR", "9.00"),
        ])  # fmt: skip
        self.assertEqual(
            told[1]["cheaper"], {"sends": 10_000, "currency": "EUR", "per_thousand": "1.50", "total": "15.00"}
        )
        self.assertIn("at least 1000", self.refused(prices.quote(self.place, "other", 999), Invalid))
        self.done(prices.put(self.place, "dollars", "USD", STEPS))
        self.assertIn("dollars, usual", self.refused(prices.quote(self.place, "other", 1000), Invalid))
        chosen = self.done(prices.quote(self.place, "other", 1000, prices="dollars"))
        assert chosen is not None
        self.assertEqual(chosen.table.currency, "USD")
        self.refused(prices.quote(self.place, "other", 1000, prices="friends"), Unknown)
        self.done(prices.remove(self.place, "usual"))
        self.refused(prices.remove(self.place, "usual"), Unknown)
        self.refused(prices.find(self.place, "usual"), Unknown)

    def test_told(self) -> None:
        """A table as it is told: amounts with the decimals of the currency."""
        shown = plain_money.price_table(self.done(prices.put(self.place, "usual", "JPY", [(5, "120"), (1, "150")])), {})
        self.assertEqual(shown["steps"], [{"from": 1, "per_thousand": "150"}, {"from": 5, "per_thousand": "120"}])

    def test_no_table(self) -> None:
        """What is no price is refused, naming the field."""
        for currency, steps, kind, field in (
            ("euro", [(1, "1")], "prepaid", "currency"),
            ("EUR", [(1, "1.234")], "prepaid", "steps"),
            ("EUR", [(0, "1")], "prepaid", "steps"),
            ("EUR", [(10**13, "1")], "prepaid", "steps"),
            ("EUR", [], "prepaid", "steps"),
            ("EUR", [(1, "1")], "yearly", "kind"),
        ):
            self.assertIn(f"{field}: ", self.refused(prices.put(self.place, "x", currency, steps, kind), Invalid))


class OrderTests(InstallationTestCase):
    """The account "shop" with 100 sends, its member Ann, and a price."""

    def setUp(self) -> None:
        super().setUp()
        self.shop = self.account()
        self.done(prices.put(self.place, "usual", "EUR", STEPS))
        self.ann = self.place.asked_by(Caller(USER, "ann", "U1", False, self.shop.id))

    def noted(self) -> list[str]:
        return [each.action for each in self.done(changes.page(self.place, Wanted(action="order")))]

    def request(self, sends: int = 2000, kind: str = "prepaid") -> Order:
        return self.done(orders.request(self.ann, "", sends, kind, note=" for June "))

    def test_granted(self) -> None:
        """A member asks at today's price, an administrator grants, twice perhaps: booked and noted once."""
        asked = self.request()
        self.done(prices.put(self.place, "usual", "EUR", [(1, "9")]))
        self.refused(orders.grant(self.ann, asked.id), Forbidden)
        for _ in range(2):
            granted = plain_money.order(self.done(orders.grant(self.place, asked.id, "paid")), {self.shop.id: "shop"})
        self.assertEqual(
            {name: granted[name] for name in ("account", "status", "total", "requested_by", "note", "answer")},
            {
                "account": "shop",
                "status": "granted",
                "total": "4.00",
                "requested_by": "ann",
                "note": "for June",
                "answer": "paid",
            },
        )
        self.assertEqual(self.done(accounts.find(self.place, "shop")).available, 2100)
        self.assertEqual(sorted(self.noted()), ["order.grant", "order.request"])
        for decide in (orders.refuse, orders.withdraw):
            self.assertIn("granted already", self.refused(decide(self.place, asked.id), Invalid))

    def test_withdrawn(self) -> None:
        """Who asked takes it back; what is at an end stays there."""
        asked = self.request()
        self.assertEqual(self.done(orders.withdraw(self.ann, asked.id)).status, "withdrawn")
        self.assertIn("withdrawn already", self.refused(orders.grant(self.place, asked.id), Invalid))
        refused = self.done(orders.refuse(self.place, self.request().id, "not paid"))
        self.assertEqual((refused.status, refused.answer, refused.decided_by), ("refused", "not paid", "command line"))
        self.assertEqual(self.done(accounts.find(self.place, "shop")).available, 100)
        self.assertEqual({each.status for each in self.done(orders.page(self.ann))}, {"refused", "withdrawn"})
        self.assertEqual(len(self.done(orders.page(self.place, "shop", "refused"))), 1)
        self.assertIn("status", self.refused(orders.page(self.place, status="open"), Invalid))
        self.refused(orders.find(self.place, "nothing"), Unknown)

    def test_plan(self) -> None:
        """A plan is ordered like sends, without a price where there is no table for it."""
        asked = self.request(50, "monthly")
        self.assertEqual(plain_money.order(asked, {})["total"], "")
        self.done(orders.grant(self.place, asked.id))
        told = plain_money.balance(self.done(plans.show(self.ann, "shop")))
        kept = ("monthly_left", "prepaid", "available", "month_ends", "used_first")
        self.assertEqual([told[name] for name in kept], [50, 100, 150, "2026-02-01T00:00:00.000Z", "monthly"])
        self.done(accounts.change(self.place, "shop", {"zone": "Asia/Tokyo"}))
        told = plain_money.balance(self.done(plans.show(self.ann, "shop")))
        self.assertEqual(told["month_ends"], "2026-01-31T15:00:00.000Z")

    def test_not_asked(self) -> None:
        """Too few, too many, and notes that are none."""
        self.assertIn("at least 1000", self.refused(orders.request(self.ann, "", 5), Invalid))
        self.assertIn("sends", self.refused(orders.request(self.ann, "", 10**13), Invalid))
        self.assertIn("note", self.refused(orders.request(self.ann, "", 1000, note="x" * 501), Invalid))

    def test_ledger(self) -> None:
        """Movements page by page, and what single recipients were charged apart from them."""
        for number in range(1, 4):
            self.at += DAY
            self.done(accounts.top_up(self.place, "shop", number, f"no. {number}"))
        self.accepted(self.connection(dialect="standard"), "a@example.net", "b@example.net")
        first = self.done(entries.page(self.ann, limit=2))
        second = self.done(entries.page(self.ann, limit=2, before=first.before))
        told = [*plain_money.entries(first)["entries"], *plain_money.entries(second)["entries"]]  # type: ignore[misc]
        self.assertEqual([(each["kind"], each["amount"], each["note"]) for each in told], [
            ("topup", 3, "no. 3"), ("topup", 2, "no. 2"), ("topup", 1, "no. 1"), ("opening", 100, ""),
        ])  # fmt: skip
        self.assertEqual(second.before, "")
        charged = self.done(entries.page(self.ann, sends=True)).entries
        self.assertEqual([(each.kind, each.amount) for each in charged], [("send", -1)] * 2)
        self.assertEqual(self.done(entries.page(self.ann, kind="send")).entries, charged)
        since = self.done(entries.page(self.ann, since=self.at, until=self.at + 1)).entries
        self.assertEqual([each.amount for each in since], [3])
        self.assertIn("kind", self.refused(entries.page(self.ann, kind="gift"), Invalid))
        for mark in ("x", "1", "1-send", "-send-x", "1-send-\0", "٣-send-x"):
            self.assertIn("before", self.refused(entries.page(self.ann, before=mark), Invalid))
