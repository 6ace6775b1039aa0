"""The sink's mail over HTTP, for programs."""

from __future__ import annotations

from datetime import UTC, datetime

from mailrelay.run.inbox import SqliteInbox

from .wire import BEARER, SiteTestCase, ask

URL = "/api/v1/sandbox/messages"
SECOND = 1_000_000


class SandboxTests(SiteTestCase):
    inbox: SqliteInbox

    def ids(self, query: str = "") -> list[str]:
        answer = self.get(f"{URL}{query}")
        self.assertEqual(answer.status, 200, answer)
        return [each["id"] for each in answer.json()]

    def test_empty(self) -> None:
        """Before any mail there is an empty list."""
        answer = self.get(URL)
        self.assertEqual((answer.status, answer.body), (200, b"[]"))
        self.assertEqual(answer.headers["content-type"], "application/json")

    def test_listing(self) -> None:
        """The newest first; instants in UTC with microseconds, recipients as one text, the subject decoded."""
        first = self.keep(to="bob@example.com, ann@example.org", subject="Grüße \u202e", at=1_767_225_600_000_001)
        second = self.keep(subject="")
        newer, older = self.get(URL).json()
        self.assertEqual((newer["id"], newer["subject"]), (second, ""))
        self.assertEqual(
            older,
            {
                "id": first,
                "received_at": "2026-01-01T00:00:00.000001Z",
                "mail_from": "ann@example.com",
                "rcpt_to": "bob@example.com, ann@example.org",
                "subject": "Grüße \u202e",
                "size": 22,
            },
        )
        at = datetime.fromisoformat(older["received_at"])
        self.assertEqual(at, datetime(2026, 1, 1, microsecond=1, tzinfo=UTC))

    def test_lone_surrogate(self) -> None:
        """Octets that are no character do not break the list."""
        self.successResultOf(self.inbox.keep("", ["b@example.com"], b"", 1, "a?"))
        self.assertEqual(self.get(URL).status, 200)

    def test_limit_and_to(self) -> None:
        """`limit` cuts, `to` is one whole address in any case, its plus sign escaped or not."""
        ids = [self.keep(to=f"bob+{n}@example.com") for n in range(3)]
        self.assertEqual(self.ids("?limit=2"), ids[:0:-1])
        for query in ("bob%2B1@example.com", "bob+1@example.com", "BOB+1@EXAMPLE.com", "bob%2b1%40example.com"):
            self.assertEqual(self.ids(f"?to={query}"), [ids[1]], query)
        self.assertEqual(self.ids("?to=bob@example.com"), [])

    def test_since(self) -> None:
        """`since` is an instant, itself included, in any usual form, or an id, itself not."""
        ids = [self.keep(at=1_767_225_600 * SECOND + n * SECOND) for n in range(3)]
        for since in (
            "1767225601",
            "1767225601.0",
            "1767225600.000001",
            "2026-01-01T00:00:01Z",
            "2026-01-01T00:00:01",
            "2026-01-01T00:00:01.000000%2B00:00",
            "2026-01-01T02:00:01+02:00",
            "2025-12-31T23:00:01-01:00",
            ids[0],
        ):
            self.assertEqual(self.ids(f"?since={since}"), [ids[2], ids[1]], since)
        self.assertEqual(self.ids("?since=2026-01-01"), ids[::-1])
        self.assertEqual(self.ids("?since=2027-01-01%2000:00:00"), [])
        self.assertEqual(self.ids(f"?since={ids[2]}"), [])

    def test_bad_values(self) -> None:
        """A value that cannot be read is 400 and names its field; an id that is unknown is 404."""
        for query, field in (
            ("limit=0", "limit"),
            ("limit=1e3", "limit"),
            ("limit=10001", "limit"),
            ("since=yesterday", "since"),
            ("since=-1", "since"),
            ("since=9999-99-99", "since"),
            ("since=nan", "since"),
            ("since=inf", "since"),
            ("to=%fe", "to"),
            ("to=a&to=b", "to"),
        ):
            self.assertEqual(self.assert_problem(self.get(f"{URL}?{query}"), 400)["field"], field, query)
        self.assert_problem(self.get(f"{URL}?since={'0' * 26}"), 404)

    def test_source(self) -> None:
        """What is fetched is what was received, octet by octet."""
        source = bytes(range(256)) + b"\r\n.\r\n\n\r"
        id = self.keep(source=source)
        answer = self.get(f"{URL}/{id}.eml")
        self.assertEqual((answer.status, answer.body), (200, source))
        self.assertEqual(answer.headers["content-type"], "message/rfc822")
        self.assertEqual(answer.headers["content-length"], str(len(source)))
        head = ask(self.site, f"{URL}/{id}.eml", "HEAD", BEARER)
        self.assertEqual((head.status, head.body), (200, b""))

    def test_unknown_source(self) -> None:
        """A message that does not exist is 404."""
        for name in ("nobody.eml", "0" * 26 + ".eml", "%22.eml", "..%2f.eml", "x" * 5000 + ".eml", "nobody"):
            self.assert_problem(self.get(f"{URL}/{name}"), 404)

    def test_delete(self) -> None:
        """All is forgotten, once or again, with nothing to say."""
        id = self.keep()
        for _ in range(2):
            answer = ask(self.site, URL, "DELETE", BEARER)
            self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(self.ids(), [])
        self.assert_problem(self.get(f"{URL}/{id}.eml"), 404)

    def test_pipelined(self) -> None:
        """Several requests on one connection are answered in their order."""
        id = self.keep()
        from .wire import Wire

        wire = Wire(self.site)
        head = "".join(f"{name}: {value}\r\n" for name, value in BEARER.items())
        for path in (f"{URL}/{id}.eml", "/healthz"):
            wire.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
        answered = wire.transport.value()
        self.assertEqual(answered.count(b"HTTP/1.1 200 OK"), 2)
        self.assertLess(answered.index(b"Hello"), answered.index(b"ok\n"))
