"""The page of tokens: made, shown once, used, revoked."""

from __future__ import annotations

import re

from mailrelay.manage import users

from ..wire import Wire
from .visiting import Visiting

PAGE = "/console/tokens"
_SECRET = re.compile(r"mrt_[A-Za-z0-9_-]{20,}")


class TokenPageTests(Visiting):
    def opens(self, secret: str, path: str) -> int:
        """How the API answers who bears a secret."""
        wire = Wire(self.site)
        wire.send(f"GET /api/v1/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n\r\n".encode())
        return wire.answer().status

    def made(self, **fields: str) -> str:
        answer = self.post(PAGE, **fields)
        self.assertEqual((answer.status, answer.headers["cache-control"]), (200, "no-store"))
        found = _SECRET.search(answer.text)
        assert found is not None
        return found[0]

    def test_a_life(self) -> None:
        """A token opens what was ticked, and no more, until it is revoked; its secret is shown once."""
        self.assertIn("There is no token yet", self.get(PAGE).text)
        secret = self.made(name="shop <b>", account=self.account, scopes="connections:read", days="30")
        self.assertEqual((self.opens(secret, "connections"), self.opens(secret, "domains")), (200, 403))
        page = self.get(PAGE).text
        self.assertIn("shop &lt;b&gt;", page)
        self.assertIn(f"{secret[:8]}…", page)
        self.assertNotIn(secret, page)
        for told in ("connections:read", "1 of", "ann", "anywhere"):
            self.assertIn(told, page)
        path = re.search(rf'action="({PAGE}/[0-9A-Z]+/revoke)"', page)
        assert path is not None
        self.assertEqual(self.post(path[1]).status, 303)
        self.assertEqual(self.opens(secret, "connections"), 401)

    def test_what_is_wrong(self) -> None:
        """A name that is taken or missing, a time that is none, a network that is none: each beside its field, and what
        was given stays."""
        self.made(name="one")
        for field, given in (
            ("name", {"name": "one"}),
            ("name", {"name": " "}),
            ("days", {"name": "two", "days": "x"}),
            ("days", {"name": "two", "days": "99999"}),
            ("networks", {"name": "two", "networks": "10.0.0.1/8"}),
        ):
            answer = self.post(PAGE, **given)
            self.assertEqual(answer.status, 400, given)
            self.assertIn(f'id="{field}-fault"', answer.text)
            self.assertIn(f'value="{given["name"]}"', answer.text)

    def test_whose(self) -> None:
        """A member makes tokens of the own account alone, and sees no others; who acts for an account makes none."""
        self.made(name="whole")
        self.post("/console/act", account=self.account)
        acting = self.get(PAGE).text
        self.assertIn("makes no token of it", acting)
        self.assertEqual(self.post(PAGE, name="theirs").status, 403)
        member = self.successResultOf(users.add(self.place, "mia", account="shop"))
        self.cookie = ""
        signed = self.post("/console/sign-in", name="mia", password=member.password)
        self.cookie = signed.headers["set-cookie"].partition(";")[0]
        self.assertIn("There is no token yet", self.get(PAGE).text)
        secret = self.made(name="mine", account="")
        self.assertEqual((self.opens(secret, "connections"), self.opens(secret, "accounts/other")), (200, 404))
