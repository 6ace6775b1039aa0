"""A site over a real store with nothing in it, and ways to ask it."""

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
from tests.fresh import fresh_folder
from tests.rendering import RenderHere

from ..mail.signatures import private_key
from .wire import BEARER, TOKEN, Answer, Wire

START, SECOND = 1_700_000_000_000_000, 1_000_000


class Place(SynchronousTestCase):
    """An installation with nothing in it."""

    #: another token than that of the configuration
    bearer = ""

    def setUp(self) -> None:
        folder = fresh_folder(self.mktemp())
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
        self.place, self.store, self.clock = place, store, Clock()
        self.site = make_site(api_token=TOKEN, installation=place, clock=self.clock)

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        octets = json.dumps(body).encode() if body is not None else b""
        wire = Wire(self.site)
        bearer = {"Authorization": f"Bearer {self.bearer}"} if self.bearer else BEARER
        head = {**bearer, "Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(octets))}
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
