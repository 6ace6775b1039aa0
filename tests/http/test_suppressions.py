"""Suppressions over HTTP: the objects of the command line, and lists in CSV."""

from __future__ import annotations

import json
from typing import Any

from .wire import BEARER, Answer, SiteTestCase, Wire

PATH = "/api/v1/suppressions"


class SuppressionTests(SiteTestCase):
    def send(self, method: str, path: str = "", body: Any = None) -> Answer:
        octets = body if isinstance(body, bytes) else json.dumps(body).encode()
        wire = Wire(self.site)
        head = {**BEARER, "Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(octets))}
        lines = [f"{method} {PATH}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        wire.send("\r\n".join(lines).encode() + octets)
        return wire.answer(method)

    def test_life(self) -> None:
        """One is made, read, listed and removed."""
        made = self.send("POST", "?account=acme", {"address": "ann@b.example", "days": 3, "reason": "unsubscribe"})
        self.assertEqual((made.status, made.json()["origin"]), (201, "api"))
        self.assertEqual(self.get(f"{PATH}/ann@b.example?account=acme").json(), made.json())
        self.assertEqual(self.get(f"{PATH}?account=acme&reason=unsubscribe").json(), [made.json()])
        self.assertEqual(self.send("DELETE", "/ann@b.example?account=acme").status, 204)
        self.assert_problem(self.get(f"{PATH}/ann@b.example?account=acme"), 404)

    def test_lists(self) -> None:
        """A list comes in whole, goes out again, and is undone by its origin."""
        body = b"address\r\nann@b.example\r\nbob@b.example\r\n"
        self.assertEqual(self.send("POST", "/import?account=acme&origin=old", body).json(), {"rows": 2})
        text = self.get(f"{PATH}?account=acme&format=csv")
        self.assertIn(b"ann@b.example,manual,old,", text.body)
        self.assertEqual(self.send("POST", "/undo?account=acme", {"origin": "old"}).json(), {"undone": 2})

    def test_line_by_line(self) -> None:
        """What can be read of a list is taken, the rest told; the list is found by its origin."""
        told = self.send("POST", "/imports?account=acme&name=old", b"ann@b.example\nnobody\n").json()
        self.assertEqual((told["added"], told["known"], [each["line"] for each in told["lines"]]), (1, 0, [2]))
        (listed,) = self.get(f"{PATH}/imports?account=acme").json()
        self.assertEqual(listed["origin"], told["origin"])
        (found,) = self.get(f"{PATH}?account=acme&search=ann").json()
        self.assertEqual(found["origin"], told["origin"])
        self.assertEqual(self.get(f"{PATH}?account=acme&search=bob").json(), [])
        self.assert_problem(self.send("POST", "/imports?account=acme", b"\xff"), 400)

    def test_wrong(self) -> None:
        """What cannot be read is 400 and names what is wrong."""
        for path, body in (
            ("?account=acme", {"address": "nobody"}),
            ("?account=acme", {"address": 1}),
            ("?account=acme", {"address": "ann@b.example", "days": True}),
            ("?account=acme", {"colour": "red"}),
            ("?account=acme", []),
            ("?account=acme", b"{"),
            ("/undo?account=acme", {}),
            ("/import?account=acme", b"\xff"),
            ("/import?account=acme", b"address\nnobody\n"),
        ):
            self.assert_problem(self.send("POST", path, body), 400)
