"""Prices, orders and the balance over HTTP, over a real store."""

from __future__ import annotations

from .place import Place

STEPS = [{"from": 1000, "per_thousand": "2.00"}, {"from": 10_000, "per_thousand": "1.50"}]


class Money(Place):
    """The account "shop" and a price."""

    def setUp(self) -> None:
        super().setUp()
        self.done("POST", "accounts", {"name": "shop", "balance": 5}, 201)
        self.usual = self.done("PUT", "prices/usual", {"currency": "EUR", "steps": STEPS})

    def test_prices(self) -> None:
        """A table is kept, told, quoted from, and forgotten."""
        self.assertEqual((self.usual["steps"], self.usual["kind"], self.usual["account"]), (STEPS, "prepaid", ""))
        self.assertEqual(self.done("GET", "prices"), [self.usual])
        quote = self.done("GET", "quote?account=shop&sends=9000")
        self.assertEqual((quote["total"], quote["cheaper"]["total"], quote["prices"]), ("18.00", "15.00", "usual"))
        self.assertEqual(self.done("GET", "quote?sends=9000&kind=monthly")["total"], "")
        self.assertEqual(self.wrong("GET", "quote?sends=9")[0], "sends")
        for body, field in (
            ({"currency": "EUR", "steps": []}, "steps"),
            ({"currency": "eur", "steps": STEPS}, "currency"),
            ({"currency": "JPY", "steps": STEPS}, "steps"),
            ({"currency": "EUR", "steps": [STEPS[0]] * 2}, "steps"),
            ({"currency": "EUR", "steps": STEPS, "kind": "yearly"}, "kind"),
        ):
            self.assertEqual(self.wrong("PUT", "prices/other", body)[0], field)
        self.assertEqual(self.ask("DELETE", "prices/usual").status, 204)
        self.wrong("DELETE", "prices/usual", status=404)

    def test_order(self) -> None:
        """Sends are asked for, granted twice and booked once; what is decided stays."""
        asked = self.done("POST", "orders", {"sends": 2000, "note": "June"}, 201)
        self.assertEqual((asked["status"], asked["total"], asked["account"]), ("requested", "4.00", "shop"))
        other = self.done("POST", "orders", {"account": "shop", "sends": 3000}, 201)
        for _ in range(2):
            granted = self.done("POST", f"orders/{asked['id']}/grant", {"note": "paid"})
        self.assertEqual(self.done("GET", f"orders/{asked['id']}"), granted)
        self.assertEqual(self.done("POST", f"orders/{other['id']}/withdraw", {})["status"], "withdrawn")
        self.assertEqual(self.wrong("POST", f"orders/{other['id']}/refuse", {})[0], "status")
        self.assertEqual([each["id"] for each in self.done("GET", "orders?status=granted&account=shop")], [asked["id"]])
        self.assertEqual(self.wrong("POST", "orders", {"sends": 0})[0], "sends")
        self.wrong("GET", "orders/X", status=404)
        self.assertEqual(self.done("GET", "balance")["prepaid"], 2005)

    def test_ledger(self) -> None:
        """Both pots, and the ledger page by page."""
        self.done("PUT", "plans/shop", {"monthly": 50})
        pots = self.done("GET", "balance?account=shop")
        self.assertEqual([pots[name] for name in ("monthly_left", "prepaid", "used_first")], [50, 5, "monthly"])
        first = self.done("GET", "balance/entries?limit=1")
        second = self.done("GET", f"balance/entries?limit=1&before={first['before']}")
        self.assertEqual({each["kind"] for each in first["entries"] + second["entries"]}, {"monthly", "opening"})
        self.assertEqual(second["before"], "")
        self.assertEqual(self.done("GET", "balance/entries?sends=true")["entries"], [])
        self.assertEqual(self.done("GET", "balance/entries?until=2001-01-01")["entries"], [])
        for wrong, field in (("kind=gift", "kind"), ("before=x", "before"), ("since=x", "since"), ("limit=0", "limit")):
            self.assertEqual(self.wrong("GET", f"balance/entries?{wrong}")[0], field)
