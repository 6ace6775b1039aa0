"""Users, plans and the audit log over HTTP: the objects of the command line."""

from __future__ import annotations

import json
from typing import Any

from .wire import BEARER, Answer, SiteTestCase, Wire

USERS = "/api/v1/users"


class PeopleTests(SiteTestCase):
    def send(self, method: str, path: str, body: Any = None) -> Answer:
        octets = json.dumps(body).encode() if body is not None else b""
        wire = Wire(self.site)
        head = {**BEARER, "Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(octets))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        wire.send("\r\n".join(lines).encode() + octets)
        return wire.answer(method)

    def test_users(self) -> None:
        """A user is made with a password that is shown once, changed, blocked and removed, and each is on record."""
        answer = self.send("POST", USERS, {"name": "Ann", "account": "acme"})
        self.assertEqual(answer.status, 201, answer)
        made = answer.json()
        password = made.pop("password")
        self.assertEqual((made["name"], made["role"], made["account"]), ("ann", "member", "acme"))
        self.assertEqual(self.get(f"{USERS}/ann").json(), made)
        self.assertEqual(self.get(f"{USERS}?account=acme").json(), [made])
        self.assertNotIn("password", self.send("POST", f"{USERS}/ann/password", {"password": "long enough"}).json())
        self.assertNotEqual(self.send("POST", f"{USERS}/ann/password").json()["password"], password)
        self.assertEqual(self.send("POST", f"{USERS}/ann/block").json()["status"], "blocked")
        self.assertEqual(self.send("POST", f"{USERS}/ann/activate").json(), made)
        self.assertEqual(self.send("DELETE", f"{USERS}/ann/totp").json(), made)
        self.assertEqual(self.send("PUT", f"{USERS}/ann/role", {}).json()["role"], "administrator")
        self.assert_problem(self.send("DELETE", f"{USERS}/ann"), 400)
        self.send("PUT", f"{USERS}/ann/role", {"account": "acme"})
        self.send("POST", USERS, {"name": "bob"})
        self.assertEqual(self.send("DELETE", f"{USERS}/ann").status, 204)
        self.assert_problem(self.get(f"{USERS}/ann"), 404)
        self.assertEqual(len(self.get("/api/v1/changes?action=user&limit=2").json()), 2)
        noted = self.get("/api/v1/changes?action=user").json()
        self.assertEqual({each["by"] for each in noted}, {"api_token"})
        self.assertLessEqual({"user.remove", "user.add", "user.set-role"}, {each["action"] for each in noted})
        self.assertNotIn("long enough", json.dumps(noted))
        for body, field in (({}, "name"), ({"name": 1}, "name"), ({"name": "a b"}, "name"), ({"x": ""}, "x")):
            problem = self.assert_problem(self.send("POST", USERS, body), 400)
            self.assertTrue(str(problem["detail"]).startswith(f"{field}: "), problem)

    def test_plans(self) -> None:
        """A plan is set and shown."""
        answer = self.send("PUT", "/api/v1/plans/acme", {"monthly": 5})
        self.assertEqual(answer.json()["monthly"], 5, answer)
        self.assertEqual(self.get("/api/v1/plans/acme").json(), answer.json())
        self.assertEqual(self.get("/api/v1/plans").json(), [answer.json()])
        self.assert_problem(self.send("PUT", "/api/v1/plans/acme", {"monthly": True}), 400)
        self.assert_problem(self.send("PUT", "/api/v1/plans/acme", {}), 400)
        self.assert_problem(self.get("/api/v1/plans/nobody"), 404)
        self.assert_problem(self.get("/api/v1/changes?since=soon"), 400)
