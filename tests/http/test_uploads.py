"""Uploads at a service's own address, by a connection's own key."""

from __future__ import annotations

from mailrelay.http import uploads
from mailrelay.http.front import MAX_BODY
from mailrelay.manage.files import MAX_FILE

from .wire import AGENT_KEY, BEARER, Answer, SiteTestCase, Wire

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 300_000
KEY = f"Zoho-enczapikey {AGENT_KEY}"


class UploadTests(SiteTestCase):
    """An application uploads as it always did."""

    def post(self, query: str, body: bytes, authorization: str = KEY, length: int = -1) -> Answer:
        wire = Wire(self.site)
        head = f"Authorization: {authorization}\r\n" if authorization else ""
        size = len(body) if length < 0 else length
        wire.send(
            f"POST /v1.1/files?{query} HTTP/1.1\r\nHost: x\r\n{head}Content-Type: text/plain\r\n"
            f"Content-Length: {size}\r\n\r\n".encode()
        )
        for at in range(0, len(body), 50_000):
            wire.send(body[at : at + 50_000])
        return wire.answer()

    def test_uploaded(self) -> None:
        """The answer has the service's names, and the key is there at once for the account of the connection."""
        self.assertGreater(len(PNG), MAX_BODY, "it is streamed like any file")
        answer = self.post("name=logo.png", PNG)
        self.assertEqual(answer.status, 201, answer)
        told = answer.json()
        self.assertEqual(told.keys(), {"file_cache_key", "data", "message"})
        self.assertEqual(told["data"][0].keys(), {"code", "additional_info", "message"})
        (file,) = self.get("/api/v1/files?account=acme").json()
        self.assertEqual((file["key"], file["name"], file["type"]), (told["file_cache_key"], "logo.png", "image/png"))
        self.assertEqual(self.successResultOf(self.installation.files.read(file["key"])), PNG)
        # the word of a scheme is of any case (RFC 9110 11.1)
        self.assertEqual(self.post("name=a.txt", b"x", KEY.lower().replace(AGENT_KEY.lower(), AGENT_KEY)).status, 201)

    def test_refused(self) -> None:
        """Without the key nothing is taken, and neither our own token nor another word will do."""
        for authorization in ("", BEARER["Authorization"], f"Bearer {AGENT_KEY}", KEY[:-1], "Zoho-enczapikey"):
            answer = self.post("name=a.txt", b"x", authorization)
            self.assert_problem(answer, 401)
            self.assertEqual(answer.headers["www-authenticate"], "Zoho-enczapikey")
        self.assert_problem(self.post("", b"x"), 400)
        self.assert_problem(self.post("name=a.txt", b""), 400)
        self.assert_problem(self.post("name=a.txt", b"", length=MAX_FILE + 1), 413)
        self.assert_problem(self.get("/v1.1/files"), 405)
        self.assertEqual(self.get("/api/v1/files?account=acme").json(), [])

    def test_paths(self) -> None:
        """The dialects say where."""
        self.assertEqual(uploads.paths(self.installation.dialects), {"/v1.1/files"})
