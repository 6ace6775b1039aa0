"""The file cache over HTTP."""

from __future__ import annotations

import gzip

from mailrelay.manage.files import MAX_FILE

from .wire import BEARER, Answer, SiteTestCase, Wire

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 300_000


class FileTests(SiteTestCase):
    """Uploading, listing and removing."""

    def post(self, query: str, body: bytes, **headers: str) -> Answer:
        wire = Wire(self.site)
        given = BEARER | {"Content-Length": str(len(body))} | {name.replace("_", "-"): v for name, v in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        wire.send(f"POST /api/v1/files?{query} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
        for at in range(0, len(body), 50_000):
            wire.send(body[at : at + 50_000])
        return wire.answer()

    def test_uploaded(self) -> None:
        """A file is answered with its key, by which it is there at once, octet by octet; removed it is gone."""
        answer = self.post("name=logo.png&account=acme", PNG)
        self.assertEqual(answer.status, 201, answer)
        file = answer.json()
        self.assertEqual(
            (file["name"], file["type"], file["size"], file["account"]), ("logo.png", "image/png", len(PNG), "acme")
        )
        path = f"/api/v1/files/{file['key']}?account=acme"
        self.assertEqual(self.get(path).json(), file)
        self.assertEqual(self.get("/api/v1/files?account=acme").json(), [file])
        self.assertEqual(self.get("/api/v1/files").json(), [], "it is of one account")
        self.assertEqual(self.successResultOf(self.installation.files.read(file["key"])), PNG)
        wire = Wire(self.site)
        wire.send(f"DELETE {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {BEARER['Authorization']}\r\n\r\n".encode())
        self.assertEqual(wire.answer().status, 204)
        self.assert_problem(self.get(path), 404)

    def test_given_key(self) -> None:
        """A key that applications know already can be given, once."""
        self.assertEqual(self.post("name=a.txt&key=known", b"x").json()["key"], "known")
        self.assert_problem(self.post("name=a.txt&key=known", b"x"), 409)

    def test_refused(self) -> None:
        """What cannot be taken is a problem that names the field, and nothing of it is left."""
        for query, body, headers, status in (
            ("", b"x", {}, 400),
            ("name=a&account=nobody", b"x", {}, 404),
            ("name=a", b"", {}, 400),
            ("name=a.png", b"<html>", {"Content_Type": "image/png"}, 400),
            ("name=a", gzip.compress(b"0" * 1_000_000), {"Content_Encoding": "gzip"}, 415),
        ):
            self.assert_problem(self.post(query, body, **headers), status)
        self.assertEqual(self.get("/api/v1/files").json(), [])

    def test_too_large(self) -> None:
        """A file beyond the limit is refused before it comes in, as large bodies are elsewhere (M9)."""
        wire = Wire(self.site)
        wire.send(
            b"POST /api/v1/files?name=a HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n"
            % (BEARER["Authorization"].encode(), MAX_FILE + 1)
        )
        self.assert_problem(wire.answer(), 413)

    def test_without_a_token(self) -> None:
        """Whoever has no token uploads nothing."""
        wire = Wire(self.site)
        wire.send(b"POST /api/v1/files?name=a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
        self.assert_problem(wire.answer(), 401)
