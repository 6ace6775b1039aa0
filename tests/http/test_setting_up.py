"""Accounts, domains and connections over HTTP, over a real store: the objects of the command line."""

from __future__ import annotations

import json

from .place import Place


class SettingUp(Place):
    """From nothing to connections."""

    def test_account(self) -> None:
        """An account is made, found, changed, and its balance moved; the ledger keeps each move."""
        made = self.done("POST", "accounts", {"name": "shop", "balance": 5}, 201)
        self.assertEqual((made["name"], made["available"]), ("shop", 5))
        self.assertEqual(self.done("GET", f"accounts/{made['id']}"), made)
        self.assertEqual(self.done("GET", "accounts"), [made])
        changed = self.done("PATCH", "accounts/shop", {"weight": 3, "zone": "Europe/Moscow"})
        self.assertEqual((changed["weight"], changed["zone"]), (3, "Europe/Moscow"))
        self.assertEqual(self.done("POST", "accounts/shop/topup", {"sends": 7, "note": "n"})["available"], 12)
        self.assertEqual(self.done("PUT", "accounts/shop/balance", {"sends": 2})["available"], 2)
        self.assertEqual(self.wrong("POST", "accounts", {"name": "shop"}, 409)[0], "name")
        self.assertEqual(self.wrong("POST", "accounts", {})[0], "name")
        self.assertEqual(self.wrong("POST", "accounts", {"name": "b", "balance": True})[0], "balance")
        self.assertEqual(self.wrong("POST", "accounts/shop/topup", {"sends": 0})[0], "sends")
        self.assertEqual(self.wrong("PATCH", "accounts/shop", {"colour": "red"})[0], "colour")
        self.wrong("GET", "accounts/nobody", status=404)

    def test_domain(self) -> None:
        """A domain is registered with keys and the records to publish, verified by a word, and no longer."""
        self.done("POST", "accounts", {"name": "shop"}, 201)
        made = self.done("POST", "domains?account=shop", {"domain": "shop.test"}, 201)
        self.assertEqual((made["domain"], made["status"], len(made["keys"])), ("shop.test", "unverified", 2))
        self.assertIn("v=spf1 a:relay.test ~all", [each["value"] for each in made["records"]])
        self.assertNotIn("PRIVATE", json.dumps(made))
        self.assertEqual(self.done("POST", "domains/shop.test/verify")["status"], "verified")
        self.assertEqual(self.done("POST", "domains/shop.test/unverify?account=shop")["status"], "unverified")
        self.assertEqual(self.done("GET", "domains/shop.test")["keys"], made["keys"])
        self.assertEqual([each["domain"] for each in self.done("GET", "domains")], ["shop.test"])
        self.wrong("GET", "domains/other.test", status=404)
        self.assertEqual(self.wrong("POST", "domains", {"domain": "a b", "account": "shop"})[0], "domain")

    def test_connection(self) -> None:
        """A connection is made with its login, shown without, changed, blocked and activated, and given other secrets;
        what was revealed is not told again unless asked for."""
        self.furnish()
        made = self.done(
            "POST",
            "connections",
            {"name": "app", "dialect": "standard", "sender": "a@shop.test", "networks": ["192.0.2.0/24"]},
            201,
        )
        password = made["password"]
        self.assertEqual(
            (made["status"], made["account"], made["networks"]), ("not_activated", "shop", ["192.0.2.0/24"])
        )
        shown = self.ask("GET", "connections/app")
        self.assertNotIn(password.encode(), shown.body)
        self.assertNotIn(password.encode(), self.ask("GET", "connections?account=shop").body)
        self.assertEqual(self.done("GET", "connections/app?reveal=true")["password"], password)
        self.assertEqual(self.done("POST", "connections/app/activate")["status"], "active")
        blocked = self.done("POST", "connections/app/block", {"reason": "late"})
        self.assertEqual((blocked["status"], blocked["status_reason"]), ("blocked", "late"))
        changed = self.done(
            "PATCH",
            "connections/app",
            {"networks": [], "rate": 10, "rate_burst": 2, "options": {"track_opens": "true"}, "sender": "b@shop.test"},
        )
        self.assertEqual((changed["networks"], changed["rate"], changed["rate_burst"]), ([], 10, 2))
        self.assertEqual((changed["options"]["track_opens"], changed["sender"]), (True, "b@shop.test"))
        self.assertNotEqual(self.done("POST", "connections/app/new-password")["password"], password)
        given = self.done("POST", "connections/app/new-password", {"password": "correct horse battery"})
        self.assertEqual(given["password"], "correct horse battery")
        self.assertTrue(self.done("POST", "connections/app/new-api-key")["api_key"])
        self.assertTrue(self.done("POST", "connections/app/short-password")["short_password"])
        self.assertEqual(self.done("POST", "connections/app/revoke", {"kind": "api-key"})["name"], "app")
        self.wrong("POST", "connections/app/revoke", {"kind": "api-key"}, status=404)
        self.assertEqual(self.wrong("POST", "connections/app/revoke", {"kind": "password"})[0], "kind")
        self.wrong("POST", "connections/app/explode", status=404)
        self.wrong("POST", "connections/nobody/activate", status=404)
        self.assertEqual(
            self.wrong("PATCH", "connections/app", {"options": {"track_opens": True}})[0], "options.track_opens"
        )
        self.assertEqual(self.wrong("PATCH", "connections/app", {"rate": "fast"})[0], "rate")
        self.assertEqual(self.wrong("POST", "connections", {"name": "x", "dialect": "standard"})[0], "sender")
