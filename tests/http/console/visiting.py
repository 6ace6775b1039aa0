"""A person who is signed in to a console in memory, over a store with nothing in it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from mailrelay.manage import users

from ..place import Place
from ..wire import Answer, Wire

_KEY = re.compile(r'name="key" value="([0-9a-f]+)"')


class Visiting(Place):
    """An administrator before the console of `self.place`, where the account "shop" has the domain shop.test."""

    def setUp(self) -> None:
        super().setUp()
        self.furnish()
        self.account = self.done("GET", "accounts/shop")["id"]
        self.cookie = ""
        made = self.successResultOf(users.add(self.place, "ann"))
        answer = self.post("/console/sign-in", name="ann", password=made.password)
        self.cookie = answer.headers["set-cookie"].partition(";")[0]

    def get(self, path: str) -> Answer:
        """A page."""
        return self._ask("GET", path, b"", "")

    def post(self, path: str, **fields: str) -> Answer:
        """A form that is sent, with the key of the visit."""
        if self.cookie:
            found = _KEY.search(self.get("/console/connections").text)
            assert found is not None
            fields |= {"key": found[1]}
        return self._ask("POST", path, urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def upload(self, path: str, file: tuple[str, bytes] | None = None, **fields: str) -> Answer:
        """A form with room for a file, its name and octets, in the field "file"."""
        found = _KEY.search(self.get("/console/connections").text)
        assert found is not None
        parts = [(f'form-data; name="{name}"', text.encode()) for name, text in (fields | {"key": found[1]}).items()]
        if file is not None:
            parts.append((f'form-data; name="file"; filename="{file[0]}"', file[1]))
        head = "--border\r\nContent-Disposition: "
        body = b"".join(f"{head}{each}\r\n\r\n".encode() + octets + b"\r\n" for each, octets in parts)
        return self._ask("POST", path, body + b"--border--\r\n", "multipart/form-data; boundary=border")

    def _ask(self, method: str, path: str, body: bytes, kind: str) -> Answer:
        head = {"Host": "localhost", "Cookie": self.cookie, "Content-Type": kind, "Content-Length": str(len(body))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items() if value), "", ""]
        wire: Any = Wire(self.site)
        wire.send("\r\n".join(lines).encode() + body)
        found: Answer = wire.answer(method)
        return found
