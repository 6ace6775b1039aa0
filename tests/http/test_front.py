"""What every request meets: the token, bounds, security headers, and problems that tell nothing about the inside."""

from __future__ import annotations

from twisted.internet.defer import fail
from twisted.logger import LogEvent, globalLogPublisher

from mailrelay.http.front import HEADERS, MAX_BODY, MAX_DISCARDED
from mailrelay.http.guard import Guard

from .wire import BEARER, TOKEN, SiteTestCase, Wire, ask


class FrontTests(SiteTestCase):
    def test_token(self) -> None:
        """Without the token, or with a wrong one, everything below /api is 401 and says what to send."""
        for path in ("/api/v1/messages", "/api/v1/sandbox/messages", "/api/v1/nothing", "/api", "/%61pi/v1/messages"):
            for header in ("", "Bearer", "Bearer x", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"):
                answer = ask(self.site, path, headers={"Authorization": header} if header else {})
                self.assert_problem(answer, 401)
                self.assertTrue(answer.headers["www-authenticate"].startswith("Bearer "))
        self.assertEqual(ask(self.site, "/api/v1/messages", headers={"authorization": f"bearer {TOKEN}"}).status, 200)

    def test_token_only_in_the_header(self) -> None:
        """The API takes no token from the address and no cookie of the page."""
        self.assert_problem(ask(self.site, f"/api/v1/messages?token={TOKEN}"), 401)
        cookie = ask(self.site, f"/sandbox?token={TOKEN}").headers["set-cookie"].partition(";")[0]
        self.assert_problem(ask(self.site, "/api/v1/messages", headers={"Cookie": cookie}), 401)

    def test_other_spellings_of_a_path(self) -> None:
        """No spelling of a path leads past the token."""
        for path in (
            "//api/v1/messages",
            "///api/v1/messages",
            "/%2fapi/v1/messages",
            "/%2Fapi%2Fv1/messages",
            "/api%2fv1%2fmessages",
            "/./api/v1/messages",
            "/x/../api/v1/messages",
            "/api//v1/messages",
            "/api/v1/messages/",
            "/API/v1/messages",
            "/api;x/v1/messages",
            "http://localhost/api/v1/messages",
            "/%00/api/v1/messages",
        ):
            self.assertIn(ask(self.site, path).status, (400, 401, 404), path)

    def test_empty_token(self) -> None:
        """An installation without a token is not one that lets everybody in."""
        self.assertRaises(ValueError, Guard, "")

    def test_not_found(self) -> None:
        """An unknown path is a problem, not a page, for programs."""
        for path in ("/api/v1/nothing", "/nothing", "//api/v1/messages", "/favicon.ico"):
            self.assert_problem(ask(self.site, path, headers=BEARER), 404)

    def test_method_not_allowed(self) -> None:
        """A known path with another method is 405 and names those it takes."""
        for method in ("POST", "PUT", "OPTIONS"):
            answer = ask(self.site, "/api/v1/sandbox/messages", method, BEARER)
            self.assert_problem(answer, 405)
            self.assertEqual(answer.headers["allow"], "DELETE, GET, HEAD")

    def test_path_that_is_no_text(self) -> None:
        """A path that is not UTF-8 is 400, and nothing is logged as an error."""
        for path in ("/api/v1/%ff", "/%c3%28", "/sandbox%fe"):
            self.assert_problem(ask(self.site, path, headers=BEARER), 400)

    def test_host_header(self) -> None:
        """No Host header changes or breaks an answer."""
        for host in ("evil.example", "[::1", "\xff", "a" * 300, "-", "x..y", ""):
            wire = Wire(self.site)
            wire.send(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1"))
            answer = wire.answer()
            self.assertEqual((answer.status, answer.body), (200, b"ok\n"), host)

    def test_headers(self) -> None:
        """Every answer carries the security headers, whatever it is."""
        for path in ("/healthz", "/api/v1/messages", "/api/v1/nothing", "/sandbox", "/sandbox/nobody", "/%ff"):
            for headers in ({}, BEARER):
                answer = ask(self.site, path, headers=headers)
                for name in HEADERS:
                    self.assertIn(name.decode().lower(), answer.headers, path)
                self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
                self.assertNotIn("unsafe", answer.headers["content-security-policy"])
                self.assertNotIn("Twisted", str(answer.headers))

    def test_static(self) -> None:
        """H19: no path leads from assets to another file."""
        for place in ("/console/assets/", "/api/v1/", "/sandbox/assets/"):
            for name in ("../app.py", "..%2fapp.py", "%2e%2e/app.py", "..\\app.py", "%5c..%5capp.py", "%00",
                         "console.css%00.py", "....//app.py", "console.css/../../app.py", "api.css/x"):  # fmt: skip
                answer = ask(self.site, place + name, headers=BEARER)
                self.assertIn(answer.status, (400, 404), place + name)
                self.assertNotIn(b"import", answer.body)

    def test_root(self) -> None:
        """The address without a path leads to the inbox."""
        answer = ask(self.site, "/")
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/sandbox"))

    def test_health(self) -> None:
        """Being up needs no token."""
        self.assertEqual(ask(self.site, "/healthz").status, 200)
        self.assertEqual(ask(self.site, "/healthz", "HEAD").body, b"")

    def test_inside_failure(self) -> None:
        """A failure inside is a bare 500, and stands in the log once, with its cause."""
        self.patch(self.inbox, "messages", lambda *args: fail(OSError("secret detail")))
        answer = self.get("/api/v1/sandbox/messages")
        self.assert_problem(answer, 500)
        self.assertNotIn(b"secret detail", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        page = self.get("/sandbox")
        self.assertEqual(page.status, 500)
        self.assertNotIn("secret detail", page.text)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_big_body_by_length(self) -> None:
        """A body that is announced as too big is refused before it is read, and the connection ends behind it."""
        wire = Wire(self.site)
        wire.send(b"POST /sandbox/sign-in HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n")
        wire.send(b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1))
        answer = wire.answer()
        self.assert_problem(answer, 413)
        self.assertEqual(answer.headers["connection"], "close")
        self.assertFalse(wire.transport.disconnecting)
        wire.send(b"x" * (MAX_BODY + 1))
        self.assertTrue(wire.transport.disconnecting)
        self.assertEqual(wire.transport.value(), b"")

    def test_big_body_in_chunks(self) -> None:
        """A body of unknown length is refused as soon as it is too big."""
        wire = Wire(self.site)
        wire.send(b"POST /sandbox/sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        wire.send(chunk * 2)
        self.assertEqual(wire.transport.value(), b"")
        wire.send(chunk)
        self.assert_problem(wire.answer(), 413)

    def test_endless_body(self) -> None:
        """Who goes on sending a refused body is cut off."""
        wire = Wire(self.site)
        wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n")
        for _ in range(MAX_DISCARDED // 0x8000 + 1):
            wire.send(b"x" * 0x8000)
        self.assertTrue(wire.transport.disconnected or wire.transport.aborting)

    def test_idle(self) -> None:
        """A connection that says nothing, or half a request, ends."""
        for said in (b"", b"GET / HTTP/1.1\r\nHo"):
            wire = Wire(self.site)
            wire.send(said)
            self.clock.advance(61)
            self.assertTrue(wire.transport.disconnecting)
            self.clock.advance(61)

    def test_log(self) -> None:
        """Changes and failures are logged, one line each, and no token that stands in an address or a form."""
        seen: list[LogEvent] = []
        globalLogPublisher.addObserver(seen.append)
        self.addCleanup(globalLogPublisher.removeObserver, seen.append)
        ask(self.site, f"/sandbox?token={TOKEN}")
        ask(self.site, f"/nothing?token={TOKEN}")
        ask(self.site, "/sandbox/sign-in", "POST", form={"token": TOKEN})
        ask(self.site, "/api/v1/sandbox/messages", "DELETE", headers=BEARER)
        logged = [(event["method"], event["path"], event["code"]) for event in seen if "path" in event]
        self.assertEqual(
            logged,
            [("GET", "/nothing", 404), ("POST", "/sandbox/sign-in", 303), ("DELETE", "/api/v1/sandbox/messages", 204)],
        )
        for event in seen:
            self.assertNotIn(TOKEN, "".join(str(v) for k, v in event.items() if k not in ("log_logger", "log_source")))
