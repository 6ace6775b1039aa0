"""Commands about prices, orders and the ledger."""

from __future__ import annotations

from .running import CommandTestCase


class OrderTests(CommandTestCase):
    """The account "shop"."""

    def test_from_price_to_ledger(self) -> None:
        """A price is set and quoted, sends are asked for, granted once, and stand in the ledger."""
        self.furnish()
        made = self.data("price", "set", "usual", "--currency", "EUR", "1000=2.00", "10000=1.50")
        self.assertEqual(self.data("price", "list"), [made])
        self.assertIn("1000=2.00, 10000=1.50", self.good("price", "list"))
        self.assertIn("10000 sends cost less: 15.00 EUR", self.good("price", "quote", "shop", "9000"))
        self.assertEqual(self.data("price", "quote", "shop", "9000")["cheaper"]["total"], "15.00")
        before = self.data("balance", "show", "shop")
        asked = self.data("order", "request", "shop", "2000", "--note", "June")
        self.assertEqual((asked["total"], asked["status"]), ("4.00", "requested"))
        other = self.data("order", "request", "shop", "3000")
        for _ in range(2):
            self.assertEqual(self.data("order", "grant", asked["id"], "--note", "paid")["status"], "granted")
        self.assertEqual(self.data("order", "refuse", other["id"])["status"], "refused")
        self.assertEqual([each["id"] for each in self.data("order", "list", "--status", "granted")], [asked["id"]])
        self.assertEqual(self.data("order", "show", asked["id"])["answer"], "paid")
        self.assertIn("refused already", self.bad("order", "withdraw", other["id"]))
        after = self.data("balance", "show", "shop")
        self.assertEqual(after["prepaid"], before["prepaid"] + 2000)
        page = self.data("balance", "entries", "shop", "--limit", "1")
        (entry,) = page["entries"]
        self.assertEqual((entry["kind"], entry["amount"], entry["note"]), ("order", 2000, "paid"))
        self.assertIn("opening", self.good("balance", "entries", "shop", "--before", page["before"]))
        self.assertIn("more: --before", self.good("balance", "entries", "shop", "--limit", "1"))
        self.assertEqual(self.data("balance", "entries", "shop", "--to", "2020-01-01")["entries"], [])
        self.good("price", "remove", "usual")

    def test_bad(self) -> None:
        """What is none is refused in one line."""
        self.furnish()
        for steps in ("1000", "x=1", "1=1.234", "=1"):
            self.assertIn("steps", self.bad("price", "set", "usual", "--currency", "EUR", steps))
        self.assertIn("order", self.bad("order", "show", "X"))
        self.assertIn("before", self.bad("balance", "entries", "shop", "--before", "x"))
