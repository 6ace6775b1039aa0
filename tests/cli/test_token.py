"""Commands about tokens."""

from __future__ import annotations

from .running import CommandTestCase


class TokenTests(CommandTestCase):
    def test_life(self) -> None:
        """A token is made with its secret shown once, listed without it, and revoked."""
        self.furnish()
        made = self.data("token", "create", "program", "--account", "shop", "--scope", "messages:send", "--days", "9")
        self.assertEqual((made["account"], made["scopes"], made["made_by"]), ("shop", ["messages:send"], ""))
        self.assertTrue(made["token"].startswith("mrt_") and made["expires_at"])
        listed = self.data("token", "list")
        self.assertEqual([each["begin"] for each in listed], [made["token"][:8]])
        self.assertNotIn(made["token"], str(listed))
        self.assertNotIn("token", self.data("token", "show", "program"))
        self.assertIn("not shown again", self.good("token", "create", "whole"))
        self.assertIn("scopes", self.bad("token", "create", "x", "--scope", "mail"))
        self.assertEqual(self.data("token", "revoke", made["id"])["name"], "program")
        self.assertIn("there is no", self.bad("token", "show", "program"))
