"""Requests under idempotency keys, and entity tags."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from mailrelay.http.app import make_site
from mailrelay.interfaces.answers import LIFETIME

from .test_callers import TokenPlace
from .wire import TOKEN, Answer, Wire

SHOP = {"name": "shop", "balance": 5}


class OncePlace(TokenPlace):
    def post(self, path: str, body: Any, key: str, token: str = TOKEN) -> Answer:
        octets = json.dumps(body).encode()
        return self.by(token, "POST", path, octets, Content_Type="application/json", Idempotency_Key=key)


class OnceTests(OncePlace):
    """Over a real store."""

    def test_replayed(self) -> None:
        """The same request under the same key is carried out once and answered the same, its password too; each caller
        has keys of its own."""
        made = self.post("accounts", SHOP, "k1")
        again = self.post("accounts", SHOP, "k1")
        self.assertEqual((made.status, made.headers.get("idempotency-replayed")), (201, None))
        self.assertEqual((again.status, again.body), (201, made.body))
        self.assertEqual(
            (again.headers["idempotency-replayed"], again.headers["content-type"]), ("true", "application/json")
        )
        self.assertEqual(self.post("accounts", SHOP, "k1", self.token("another")).status, 409)
        for _ in range(2):
            self.assertEqual(self.post("accounts/shop/topup", {"sends": 5}, "k2").status, 200)
        self.assertEqual(self.done("GET", "accounts/shop")["balance"], 10)
        users = [self.post("users", {"name": "ann", "account": "shop"}, "k3").json()["password"] for _ in range(2)]
        self.assertEqual(users[0], users[1])

    def test_another_request(self) -> None:
        """A key stands for one request alone, told by method, path and body."""
        self.post("accounts", SHOP, "k")
        for path, body in (("accounts", SHOP | {"balance": 6}), ("accounts/shop/topup", {"sends": 5})):
            answer = self.post(path, body, "k")
            self.assertEqual((answer.status, answer.json()["field"]), (422, "Idempotency-Key"))

    def test_refused(self) -> None:
        """What was refused did nothing, and leaves its key free."""
        self.assertEqual(self.post("accounts/shop/topup", {"sends": 5}, "k").status, 404)
        self.assertEqual(self.post("accounts", {"name": ""}, "k").status, 400)
        self.assertEqual(self.post("accounts", SHOP, "k").status, 201)
        self.assertEqual(self.post("accounts", SHOP, "l").status, 409)
        self.assertEqual(self.post("accounts/shop/topup", {"sends": 5}, "l").status, 200)

    def test_under_way(self) -> None:
        """Who asks again while the first is under way is told 409, and gets its answer afterwards."""
        self.done("POST", "accounts", SHOP, 201)
        held: Deferred[str] = Deferred()
        place = replace(self.place, hash_password=lambda password: held)
        self.site = make_site(api_token=TOKEN, installation=place, clock=self.clock)
        wire = Wire(self.site)
        body = json.dumps({"name": "ann", "account": "shop", "password": "long enough for anybody"})
        wire.send(
            f"POST /api/v1/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nIdempotency-Key: k\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        answer = self.post("users", json.loads(body), "k")
        self.assertEqual((answer.status, answer.json()["field"]), (409, "Idempotency-Key"))
        held.callback("$argon2id$x")
        self.assertEqual(wire.answer().status, 201)
        self.assertEqual(self.post("users", json.loads(body), "k").status, 201)

    def test_connection_lost(self) -> None:
        """A change that has begun goes on when its sender's connection is lost, is noted, and is told to who asks again
        under its key."""
        self.done("POST", "accounts", SHOP, 201)
        held: Deferred[str] = Deferred()
        place = replace(self.place, hash_password=lambda password: held)
        self.site = make_site(api_token=TOKEN, installation=place, clock=self.clock)
        wire = Wire(self.site)
        body = json.dumps({"name": "ann", "account": "shop", "password": "long enough for anybody"})
        wire.send(
            f"POST /api/v1/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nIdempotency-Key: k\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        wire.channel.connectionLost(Failure(ConnectionLost()))
        held.callback("$argon2id$x")
        answer = self.post("users", json.loads(body), "k")
        self.assertEqual((answer.status, answer.headers["idempotency-replayed"]), (201, "true"))
        self.assertEqual(self.done("GET", "changes?limit=1")[0]["action"], "user.add")

    def test_failed_inside(self) -> None:
        """Nobody knows what a failure inside has done: its key stays taken."""
        self.done("POST", "accounts", SHOP, 201)
        broken: Any = lambda password: 1 // 0  # noqa: E731
        self.site = make_site(api_token=TOKEN, installation=replace(self.place, hash_password=broken), clock=self.clock)
        body = {"name": "ann", "account": "shop"}
        self.assertEqual([self.post("users", body, "k").status for _ in range(2)], [500, 409])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_no_secrets_kept(self) -> None:
        """Where an installation keeps no secrets, answers are not kept, and a repetition is told so."""
        self.site = make_site(api_token=TOKEN, installation=replace(self.place, reveal_secrets=False), clock=self.clock)
        self.assertEqual([self.post("accounts", SHOP, "k").status for _ in range(2)], [201, 409])
        self.assertIn("201", self.post("accounts", SHOP, "k").json()["detail"])

    def test_sealed(self) -> None:
        """What is kept of an answer cannot be read without the installation's key, and is forgotten after a day."""
        answers: list[Any] = []
        real = self.place.answers.end
        self.place.answers.end = lambda answered: (answers.append(answered), real(answered))[1]  # type: ignore[attr-defined]
        self.post("accounts", SHOP, "k")
        self.assertNotIn("shop", answers[0].sealed)
        self.successResultOf(self.place.answers.forget(answers[0].at + LIFETIME))
        self.assertEqual(self.post("accounts", SHOP, "k").status, 409)

    def test_wrong_keys(self) -> None:
        """A key is of printable ASCII, and not too long."""
        for key in ("x" * 256, "\x7f", "a\x01b"):
            self.assertEqual(self.post("accounts", SHOP, key).status, 400)


class TagTests(OncePlace):
    def test_unchanged(self) -> None:
        """Who has an answer already is told 304 until it changes; HEAD tells the tag, too."""
        self.done("POST", "accounts", SHOP, 201)
        first = self.by(TOKEN, "GET", "accounts/shop")
        tag = first.headers["etag"]
        self.assertEqual(self.by(TOKEN, "HEAD", "accounts/shop").headers["etag"], tag)
        for given in (tag, f'"x", W/{tag}', "*"):
            answer = self.by(TOKEN, "GET", "accounts/shop", If_None_Match=given)
            self.assertEqual((answer.status, answer.body, answer.headers["etag"]), (304, b"", tag))
        for given in ('"x"', tag.strip('"'), ""):
            self.assertEqual(self.by(TOKEN, "GET", "accounts/shop", If_None_Match=given).status, 200)
        self.done("POST", "accounts/shop/topup", {"sends": 1})
        self.assertEqual(self.by(TOKEN, "GET", "accounts/shop", If_None_Match=tag).status, 200)

    def test_change_of_a_state(self) -> None:
        """A change under If-Match is made to that state alone, and else is 412 and does nothing."""
        self.done("POST", "accounts", SHOP, 201)
        tag = self.by(TOKEN, "GET", "accounts/shop").headers["etag"]

        def change(zone: str, **head: str) -> int:
            octets = json.dumps({"zone": zone}).encode()
            return self.by(TOKEN, "PATCH", "accounts/shop", octets, Content_Type="application/json", **head).status

        self.assertEqual(change("Europe/Berlin", If_Match='"other"'), 412)
        self.assertEqual(self.done("GET", "accounts/shop")["zone"], "UTC")
        self.assertEqual(change("Europe/Berlin", If_Match=tag), 200)
        self.assertEqual(change("Europe/Moscow", If_Match=tag), 412)
        self.assertEqual(change("Europe/Moscow", If_Match="*"), 200)
        self.assertEqual(self.by(TOKEN, "DELETE", "tokens/none", If_Match="*").status, 404)
        for name, text in (("shop", "ours"), ("other", "theirs")):
            self.done("POST", "accounts", {"name": name}, 201 if name == "other" else 409)
            self.done("POST", f"templates?account={name}", {"id": "t", "text": text}, 201)
        theirs = self.by(TOKEN, "GET", "templates/t?account=other").headers["etag"]
        self.assertEqual(self.by(TOKEN, "DELETE", "templates/t?account=shop", If_Match=theirs).status, 412)
        self.assertEqual(self.by(TOKEN, "DELETE", "templates/t?account=other", If_Match=theirs).status, 204)
        octets = b'{"sends": 1}'
        answer = self.by(TOKEN, "PUT", "accounts/shop/balance", octets, Content_Type="application/json", If_Match=tag)
        self.assertEqual(answer.status, 412, "nothing there has a tag")
