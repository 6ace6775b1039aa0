"""Commands about people who sign in."""

from __future__ import annotations

import time

import pyotp

from .running import CommandTestCase


class UserTests(CommandTestCase):
    def test_life(self) -> None:
        """A user is made with a password shown once, gets a second factor, is blocked and removed."""
        self.furnish()
        made = self.data("user", "add", "Ann@shop.example", "--account", "shop")
        self.assertEqual((made["name"], made["role"], made["account"]), ("ann@shop.example", "member", "shop"))
        self.assertEqual(len(made["password"]), 28)
        self.assertNotIn("password", self.data("user", "show", "ann@shop.example"))
        self.assertNotEqual(self.data("user", "password", "ann@shop.example")["password"], made["password"])
        offered = self.data("user", "totp", "begin", "ann@shop.example")
        code = pyotp.TOTP(offered["secret"]).at(time.time())
        self.assertEqual(len(self.data("user", "totp", "confirm", "ann@shop.example", code)["recovery_codes"]), 10)
        self.assertEqual([each["totp"] for each in self.data("user", "list")], [True])
        self.assertFalse(self.data("user", "totp", "remove", "ann@shop.example")["totp"])
        self.assertEqual(self.data("user", "sessions", "ann@shop.example", "--end"), [])
        self.assertEqual(self.data("user", "block", "ann@shop.example")["status"], "blocked")
        self.assertEqual(self.data("user", "activate", "ann@shop.example")["status"], "active")
        self.assertEqual(self.data("user", "role", "ann@shop.example")["role"], "administrator")
        self.assertIn("last administrator", self.bad("user", "remove", "ann@shop.example"))
        self.data("user", "add", "bob")
        self.assertIn("removed", self.good("user", "remove", "ann@shop.example"))
        self.assertIn("there is no", self.bad("user", "show", "ann@shop.example"))

    def test_change_log(self) -> None:
        """The audit log tells the newest first, and goes on behind an entry."""
        self.furnish()
        self.data("user", "add", "bob")
        newest = self.data("change", "list", "--limit", "1")
        self.assertEqual(
            [(each["action"], each["name"], each["kind"]) for each in newest], [("user.add", "bob", "command line")]
        )
        older = self.data("change", "list", "--before", newest[0]["id"])
        self.assertNotIn("user.add", [each["action"] for each in older])
        self.assertEqual({each["account"] for each in self.data("change", "list", "--account", "shop")}, {"shop"})
        self.assertIn("limit", self.bad("change", "list", "--limit", "0"))
