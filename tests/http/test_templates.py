"""Templates over HTTP: the objects of the command line, and a preview."""

from __future__ import annotations

import json
from typing import Any

from .wire import BEARER, Answer, SiteTestCase, Wire

PATH = "/api/v1/templates"


class TemplateTests(SiteTestCase):
    def send(self, method: str, path: str = "", body: Any = None, raw: bytes | None = None) -> Answer:
        octets = json.dumps(body).encode() if raw is None else raw
        wire = Wire(self.site)
        head = {**BEARER, "Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(octets))}
        lines = [f"{method} {PATH}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        wire.send("\r\n".join(lines).encode() + octets)
        return wire.answer(method)

    def made(self, **fields: Any) -> dict[str, Any]:
        answer = self.send("POST", body={"id": "welcome", "html": "<p>{{ name }}</p>", **fields})
        self.assertEqual(answer.status, 201, answer)
        found: dict[str, Any] = answer.json()
        return found

    def test_life(self) -> None:
        """A template is made, read, changed, brought back and removed."""
        made = self.made(account="acme", subject="Hi {{ name }}")
        self.assertEqual((made["id"], made["account"], made["version"]), ("welcome", "acme", 1))
        self.assertEqual(self.get(f"{PATH}/welcome").json(), made)
        self.assertEqual(self.get(f"{PATH}?account=acme").json(), [made])
        edited = self.send("PUT", "/welcome", {"html": "<b>{{ name }}</b>"}).json()
        self.assertEqual((edited["version"], edited["subject"]), (2, "Hi {{ name }}"))
        self.assertEqual([each["version"] for each in self.get(f"{PATH}/welcome/versions").json()], [2, 1])
        self.assertEqual(self.get(f"{PATH}/welcome?version=1").json(), made)
        self.assertEqual(self.send("POST", "/welcome/restore?version=1", raw=b"").json()["version"], 3)
        self.assertEqual(self.send("DELETE", "/welcome").status, 204)
        self.assert_problem(self.get(f"{PATH}/welcome"), 404)

    def test_preview(self) -> None:
        """A preview answers with the texts by field."""
        self.made()
        answer = self.send("POST", "/welcome/render", {"variables": {"name": "<Ann> 👋"}, "version": 1})
        self.assertEqual(answer.json(), {"html": "<p>&lt;Ann&gt; 👋</p>"})
        self.assertEqual(self.send("POST", "/welcome/render", raw=b"").json(), {"html": "<p></p>"})

    def test_wrong(self) -> None:
        """M16: what cannot be compiled or rendered is 422 with field and line."""
        problem = self.assert_problem(self.send("POST", body={"html": "\n{% if %}"}), 422)
        self.assertTrue(str(problem["detail"]).startswith("html, line 2: "), problem)
        self.made(strict=True)
        problem = self.assert_problem(self.send("POST", "/welcome/render", {}), 422)
        self.assertEqual(problem["detail"], "html, line 1: 'name' is undefined")
        self.assert_problem(self.send("PUT", "/welcome", {"text": "{{"}), 422)

    def test_unreadable(self) -> None:
        """What cannot be read, or is no template, is 400; what is not there 404; what is there already 409."""
        self.made()
        for method, path, body, status in (
            ("POST", "", {"html": "x", "id": "welcome"}, 409),
            ("POST", "", {"html": "x", "id": 7}, 400),
            ("POST", "", {"html": "x", "colour": "red"}, 400),
            ("POST", "", [], 400),
            ("POST", "", {"html": "x", "account": "nobody"}, 404),
            ("PUT", "/other", {"html": "x"}, 404),
            ("POST", "/welcome/render", {"variables": []}, 400),
            ("POST", "/welcome/render", {"version": "x"}, 400),
            ("POST", "/welcome/render", {"other": 1}, 400),
            ("POST", "/welcome/render", {"version": 9}, 404),
            ("POST", "/welcome/restore", None, 400),
        ):
            self.assert_problem(self.send(method, path, body), status)
        self.assert_problem(self.send("POST", raw=b"{"), 400)
        self.assert_problem(self.send("POST", raw=b"[" * 60_000), 400)

    def test_large(self) -> None:
        """A template may be larger than other bodies, within its own bound."""
        self.assertEqual(self.send("POST", body={"id": "big", "text": "x" * 1_000_000}).status, 201)
        self.assert_problem(self.send("POST", body={"text": "x" * 1_100_000}), 400)
        self.assertEqual(self.send("POST", raw=b"x" * 5_000_000).status, 413)

    def test_guarded(self) -> None:
        """Without the token nothing is told."""
        wire = Wire(self.site)
        wire.send(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.assertEqual(wire.answer().status, 401)
