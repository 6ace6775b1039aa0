"""Tokens that are kept, and how many requests one may send."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.task import Clock

from mailrelay.http.app import make_site
from mailrelay.http.pace import Pace
from mailrelay.manage import tokens
from mailrelay.manage.tokens import TRIES
from mailrelay.store.counters import MemoryCounters

from .place import Place
from .wire import TOKEN, Answer, Wire


class TokenPlace(Place):
    """A site that counts requests, and several callers."""

    pace = Pace()

    def setUp(self) -> None:
        super().setUp()
        self.count_on = Clock()
        self.place = replace(self.place, counters=MemoryCounters(self.count_on))
        self.site = make_site(api_token=TOKEN, installation=self.place, clock=self.clock, pace=self.pace)

    def token(self, name: str, **wanted: Any) -> str:
        return self.successResultOf(tokens.create(self.place, tokens.Wanted(name, **wanted))).secret

    def by(self, token: str, method: str, path: str, octets: bytes = b"", **head: str) -> Answer:
        wire = Wire(self.site)
        lines = {"Host": "x", "Authorization": f"Bearer {token}", "Content-Length": str(len(octets)), **head}
        text = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        wire.send(f"{method} /api/v1/{path} HTTP/1.1\r\n{text}\r\n".encode() + octets)
        return wire.answer(method)


class CallerTests(TokenPlace):
    def test_kept(self) -> None:
        """A token that is kept opens the API for what it may, from where it may be used, until it is revoked."""
        self.furnish()
        secret = self.token("reader", account="shop", scopes=["domains:read"])
        self.assertEqual([each["domain"] for each in self.by(secret, "GET", "domains").json()], ["shop.test"])
        self.assertEqual(self.by(secret, "GET", "accounts").status, 403)
        self.assertEqual(self.by(self.token("far", networks=["203.0.113.0/24"]), "GET", "accounts").status, 401)
        self.assertEqual(self.by(self.token("whole"), "GET", "accounts").status, 200)
        self.successResultOf(tokens.revoke(self.place, "reader"))
        self.assertEqual(self.by(secret, "GET", "domains").status, 401)
        self.assertEqual(self.by("", "GET", "domains").status, 401)

    def test_guessing(self) -> None:
        """An address that keeps sending wrong tokens is told 429, and when it may go on."""
        for _ in range(TRIES):
            self.assertEqual(self.by("mrt_wrong", "GET", "accounts").status, 401)
        answer = self.by("mrt_wrong", "GET", "accounts")
        self.assertEqual((answer.status, answer.headers["retry-after"]), (429, "600"))
        self.assertEqual(self.by(TOKEN, "GET", "accounts").status, 200)


class PaceTests(TokenPlace):
    pace = Pace(60, 3)

    def test_headers(self) -> None:
        """Each answer tells how many requests are left, and one too many is 429 with the time to wait; each token has
        a count of its own."""
        found = [self.by(TOKEN, "GET", path) for path in ("accounts", "nothing", "accounts", "accounts")]
        told = [tuple(each.headers[f"ratelimit-{name}"] for name in ("limit", "remaining", "reset")) for each in found]
        self.assertEqual([each.status for each in found], [200, 404, 200, 429])
        self.assertEqual(told, [("3", "2", "1"), ("3", "1", "2"), ("3", "0", "3"), ("3", "0", "3")])
        self.assertEqual(found[3].headers["retry-after"], "1")
        self.assertEqual(found[3].headers["content-type"], "application/problem+json")
        self.assertEqual(self.by(self.token("another"), "GET", "accounts").status, 200)
        self.count_on.advance(1)
        self.assertEqual(self.by(TOKEN, "GET", "accounts").status, 200)
