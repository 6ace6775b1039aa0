"""Tokens, persons, and the installation as a whole, over HTTP and a real store."""

from __future__ import annotations

from .place import Place


class SystemTests(Place):
    def test_tokens(self) -> None:
        """A token is made and told once, bound to an account and scopes, works at once, and no more when it is gone."""
        self.furnish()
        made = self.done(
            "POST", "tokens", {"name": "shop", "account": "shop", "scopes": ["connections:read"], "days": 7}, 201
        )
        self.assertTrue(made["token"].startswith("mrt_"))
        shown = self.done("GET", "tokens/shop")
        self.assertEqual(shown, {name: value for name, value in made.items() if name != "token"})
        self.assertEqual([each["id"] for each in self.done("GET", "tokens?account=shop")], [made["id"]])
        self.bearer = made["token"]
        self.assertEqual(self.done("GET", "connections"), [])
        self.wrong("GET", "domains", status=403)
        self.wrong("POST", "tokens", {"name": "more"}, 403)
        self.bearer = ""
        self.assertEqual(self.ask("DELETE", "tokens/shop").status, 204)
        self.bearer = made["token"]
        self.wrong("GET", "connections", status=401)
        self.bearer = ""
        self.assertEqual(self.wrong("POST", "tokens", {"name": "x", "scopes": ["all"]})[0], "scopes")
        self.assertEqual(self.wrong("POST", "tokens", {"name": "x", "networks": ["here"]})[0], "networks")

    def test_persons(self) -> None:
        """A person is forgotten with a receipt."""
        self.furnish()
        receipt = self.done("POST", "persons/erase", {"account": "shop", "address": "ann@example.net"})
        self.assertEqual(receipt["account"], "shop")
        self.assertEqual(self.done("GET", "persons/receipts?account=shop"), [receipt])
        self.assertEqual(self.wrong("POST", "persons/erase", {"account": "shop", "address": "ann"})[0], "address")

    def test_switches(self) -> None:
        """The installation is paused and resumed, and failed logins are forgotten."""
        self.assertEqual(self.done("POST", "pause", {"reason": "moving house"}), {"paused": True})
        self.assertEqual(self.done("POST", "resume"), {"paused": False})
        self.done("POST", "login-guard/clear", {"address": "192.0.2.7"})
        self.assertEqual(self.wrong("POST", "login-guard/clear", {"user": "ann"})[0], "user")

    def test_link_keys(self) -> None:
        """Keys of links are told, made and withdrawn."""
        made = self.done("POST", "link-keys", status=201)
        first, second = self.done("GET", "link-keys")
        self.assertEqual((second, first["status"]), (made, "believed"))
        self.assertEqual(self.done("POST", f"link-keys/{first['number']}/withdraw")["status"], "withdrawn")
        for number in ("99", "x", "-1", "9" * 30):
            self.wrong("POST", f"link-keys/{number}/withdraw", status=404)

    def test_looking_up(self) -> None:
        """Dialects, classes of refusals and reports about TLS are told."""
        names = [each["name"] for each in self.done("GET", "dialects")]
        self.assertIn("standard", names)
        self.assertEqual(self.done("GET", "dialects/standard")["name"], "standard")
        self.wrong("GET", "dialects/nobody", status=404)
        providers = [each["name"] for each in self.done("GET", "shaping")]
        self.assertEqual(providers[-1], "default")
        self.assertEqual(self.done("GET", "shaping/google")["name"], "google")
        self.assertEqual(self.done("GET", "shaping/aspmx.l.google.com")["host"], "")
        self.wrong("GET", "shaping/nobody", status=404)
        self.assertEqual(self.done("POST", "bounce-class", {"text": "550 5.1.1 User unknown"})["code"], 550)
        self.assertEqual(self.done("GET", "tls-reports"), [])
        self.wrong("GET", "tls-reports/example.net/2026-11-25", status=404)
        self.assertEqual(self.wrong("GET", "tls-reports/example.net/today")[0], "day")

    def test_drafts(self) -> None:
        """A template that is not kept is checked, and shown with variables."""
        self.assertEqual(self.done("POST", "templates/check", {"html": "<b>{{ name }}</b>"}), {})
        shown = self.done("POST", "templates/check", {"html": "<b>{{ name }}</b>", "variables": {"name": "Ann"}})
        self.assertEqual(shown, {"html": "<b>Ann</b>"})
        self.assertIn("line 1", self.wrong("POST", "templates/check", {"html": "{{"}, 422)[1])
