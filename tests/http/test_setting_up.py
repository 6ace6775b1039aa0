"""Accounts, domains and connections over HTTP, over a real store: the objects of the command line."""

from __future__ import annotations

import json
import os
from itertools import count
from typing import Any

from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.http.app import make_site
from mailrelay.manage.installation import Installation
from mailrelay.policy.dialect import Dialects
from mailrelay.policy.domain_check import Relay
from mailrelay.store import open_store
from mailrelay.vault import Vault
from tests.rendering import RenderHere

from ..mail.signatures import private_key
from .wire import BEARER, TOKEN, Answer, Wire

START, SECOND = 1_700_000_000_000_000, 1_000_000


class SettingUp(SynchronousTestCase):
    """An installation with nothing in it."""

    def setUp(self) -> None:
        folder = self.mktemp()
        os.makedirs(folder)
        dialects = Dialects.shipped()
        ticks = count(START, SECOND)
        store = open_store(folder, node="N", now=lambda: next(ticks), inline=True, options=dialects.options)
        self.addCleanup(lambda: self.successResultOf(store.close()))
        place = Installation.over(
            store,
            renderer=RenderHere(),
            vault=Vault(b"k" * 32),
            dialects=dialects,
            now=lambda: next(ticks),
            random=os.urandom,
            relay=Relay("relay.test", "bounces.relay.test"),
            new_private_key=lambda algorithm: succeed(private_key(algorithm)),
        )
        self.site = make_site(api_token=TOKEN, installation=place, clock=Clock())

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        octets = json.dumps(body).encode() if body is not None else b""
        wire = Wire(self.site)
        head = {**BEARER, "Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(octets))}
        lines = [f"{method} /api/v1/{path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        wire.send("\r\n".join(lines).encode() + octets)
        return wire.answer(method)

    def done(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.ask(method, path, body)
        self.assertEqual(answer.status, status, answer)
        return answer.json()

    def wrong(self, method: str, path: str, body: Any = None, status: int = 400) -> tuple[Any, Any]:
        answer = self.ask(method, path, body)
        self.assertEqual((answer.status, answer.headers["content-type"]), (status, "application/problem+json"), answer)
        return answer.json().get("field"), answer.json().get("detail")

    def furnish(self) -> None:
        self.done("POST", "accounts", {"name": "shop", "balance": 5}, 201)
        self.done("POST", "domains", {"account": "shop", "domain": "Shop.test", "verified": True}, 201)

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
        self.assertEqual(self.wrong("POST", "accounts", {"name": "shop"})[0], "account")
        self.assertEqual(self.wrong("POST", "accounts", {})[0], "name")
        self.assertEqual(self.wrong("POST", "accounts", {"name": "b", "balance": True})[0], "balance")
        self.assertEqual(self.wrong("POST", "accounts/shop/topup", {"sends": 0})[0], "amount")
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
        self.wrong("POST", "connections/app/explode", status=404)
        self.wrong("POST", "connections/nobody/activate", status=404)
        self.assertEqual(self.wrong("PATCH", "connections/app", {"options": {"track_opens": True}})[0], "options")
        self.assertEqual(self.wrong("PATCH", "connections/app", {"rate": "fast"})[0], "rate")
        self.assertEqual(self.wrong("POST", "connections", {"name": "x", "dialect": "standard"})[0], "sender")
