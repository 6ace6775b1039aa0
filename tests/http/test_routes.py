"""Stored routes over HTTP: the objects of the command line."""

from __future__ import annotations

import json
from typing import Any

from .wire import BEARER, Answer, SiteTestCase, Wire

PATH = "/api/v1/routes"


class RouteTests(SiteTestCase):
    def send(self, method: str, path: str = "", body: Any = None) -> Answer:
        octets = json.dumps(body).encode() if body is not None else b""
        wire = Wire(self.site)
        head = {**BEARER, "Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(octets))}
        lines = [f"{method} {PATH}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        wire.send("\r\n".join(lines).encode() + octets)
        return wire.answer(method)

    def test_life(self) -> None:
        """A route is made, read, changed and removed, and never shown with its password."""
        body = {"id": "eu", "account": "acme", "hosts": ["a.example:587"], "username": "u", "password": "secret"}
        answer = self.send("POST", body=body)
        self.assertEqual(answer.status, 201, answer)
        made = answer.json()
        self.assertEqual((made["id"], made["account"], made["tls"]), ("eu", "acme", "may"))
        self.assertEqual(self.get(f"{PATH}/eu").json(), made)
        self.assertEqual(self.get(f"{PATH}?account=acme").json(), [made])
        changed = self.send("PATCH", "/eu?account=acme", {"tls": "verify", "domains": ["a.test"]}).json()
        self.assertEqual(changed, made | {"tls": "verify", "domains": ["a.test"]})
        self.assertNotIn("secret", json.dumps(changed))
        self.assertEqual(self.send("DELETE", "/eu?account=acme").status, 204)
        self.assert_problem(self.get(f"{PATH}/eu"), 404)

    def test_pool(self) -> None:
        """A route by MX has a pool of addresses."""
        made = self.send("POST", body={"id": "pool", "mx": True, "sources": ["192.0.2.1"], "rotate": True}).json()
        self.assertEqual((made["mx"], made["port"], made["sources"], made["rotate"]), (True, 25, ["192.0.2.1"], True))

    def test_wrong(self) -> None:
        """What cannot be a route is 400, with the field."""
        for body, field in (
            ({"hosts": "a:25"}, "hosts"),
            ({"hosts": [1]}, "hosts[0]"),
            ({"hosts": ["a:25"], "port": "25"}, "port"),
            ({"hosts": ["a:25"], "mx": 1}, "mx"),
            ({"hosts": ["a:25"], "hop": ""}, "hop"),
            ({"hosts": ["a:25"], "fallback": "none"}, "fallback"),
            ({"id": "x"}, "host"),
        ):
            problem = self.assert_problem(self.send("POST", body=body), 400)
            self.assertTrue(str(problem["detail"]).startswith(f"{field}: "), problem)
        self.assert_problem(self.send("PATCH", "/nowhere", {"tls": "may"}), 404)
        self.assert_problem(self.send("POST", body=[]), 400)
