"""Commands: their order, their parameters, their bounds."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.dialect import Dialects
from mailrelay.smtp.listener import Limits

from .inward import PLAIN, STANDARD, Backend, Line, codes, line, refusal


class OrderTests(SynchronousTestCase):
    """Which command may follow which."""

    def test_before_hello(self) -> None:
        """Before EHLO only what needs no name is answered normally (P1)."""
        client = Line()
        client.said()
        self.assertEqual(
            client.codes("MAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\nAUTH PLAIN\r\n"), [503] * 4
        )
        self.assertEqual(client.codes("NOOP\r\nRSET\r\nVRFY x\r\nHELP\r\nQUIT\r\n"), [250, 250, 252, 214, 221])

    def test_steps_left_out(self) -> None:
        """RCPT before MAIL, DATA before RCPT, a nested MAIL: 503, and the session lives (P2)."""
        client = line()
        self.assertEqual(client.codes("RCPT TO:<c@d.example>\r\nDATA\r\n"), [503, 503])
        self.assertEqual(
            client.codes("MAIL FROM:<a@b.example>\r\nDATA\r\nMAIL FROM:<a@b.example>\r\n"), [250, 503, 503]
        )
        self.assertEqual(client.codes("RCPT TO:<c@d.example>\r\nDATA\r\n.\r\n"), [250, 354, 250])

    def test_reset_keeps_the_login(self) -> None:
        """RSET and EHLO clear the envelope and keep the login (P3)."""
        for verb in ("RSET", "EHLO again.example", "HELO again.example"):
            client = line()
            self.assertEqual(client.codes(f"MAIL FROM:<a@b.example>\r\n{verb}\r\nDATA\r\n"), [250, 250, 503])
            self.assertEqual(client.backend.submissions[0].ended, "abort")
            self.assertEqual(client.codes("MAIL FROM:<a@b.example>\r\n"), [250])

    def test_letters_and_blanks(self) -> None:
        """Verbs in any case, blanks and tabs around what matters are taken (P4)."""
        client = Line()
        client.said()
        self.assertEqual(client.codes(f"ehlo x\r\nauth plain {PLAIN}  \r\n"), [250, 235])
        self.assertEqual(
            client.codes("mail FROM: <a@b.example> size=10 \r\nRcpt\tto:<c@d.example>\t\r\nDATA \r\n"), [250, 250, 354]
        )

    def test_hello_as_clients_say_it(self) -> None:
        """`localhost`, `my_host`, nothing, and octets of any kind pass, recorded so that they cannot act (S-17)."""
        for said, kept in (
            (b"localhost", "localhost"),
            (b"my_host", "my_host"),
            (b"", ""),
            (b"[127.0.0.1]", "[127.0.0.1]"),
            (b"a\x00\x07b", "a\\x00\\x07b"),
            (b"\xff\xfe", "\\xff\\xfe"),
            ("é".encode(), "\\xe9"),
            (b"x" * 400, "x" * 255),
        ):
            client = Line()
            client.said()
            self.assertEqual(client.codes(b"EHLO " + said + b"\r\n"), [250], said)
            client.send(f"AUTH PLAIN {PLAIN}\r\n")
            self.assertEqual(client.backend.logins[0].peer.hello, kept)

    def test_hello_offers(self) -> None:
        """EHLO offers what the dialect says, without an enhanced status; HELO offers nothing (S-15)."""
        client = Line()
        client.said()
        self.assertEqual(
            client.send("EHLO x\r\n").split("\r\n"),
            [
                "250-mx.example",
                "250-PIPELINING",
                "250-SIZE 26214400",
                "250-8BITMIME",
                "250-SMTPUTF8",
                "250-ENHANCEDSTATUSCODES",
                "250 AUTH PLAIN LOGIN",
                "",
            ],
        )
        self.assertEqual(client.send("HELO x\r\n"), "250 mx.example\r\n")

    def test_commands_that_must_exist(self) -> None:
        """VRFY 252, HELP 214, NOOP 250; EXPN, ETRN, TURN, BDAT 502; others 500 (S-16, P27)."""
        client = Line()
        client.said()
        self.assertEqual(client.codes("VRFY x\r\nHELP\r\nNOOP anything\r\n"), [252, 214, 250])
        self.assertEqual(client.codes("EXPN x\r\nETRN x\r\nTURN\r\nBDAT 1 LAST\r\n"), [502] * 4)
        self.assertEqual(client.codes("XCLIENT ADDR=1.2.3.4\r\nPROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\nFOO\r\n"), [500] * 3)

    def test_a_browser(self) -> None:
        """Who speaks HTTP is told so at once, and closed (P27)."""
        client = Line()
        client.said()
        self.assertEqual(client.codes("GET / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@b.example>\r\n"), [421])
        self.assertTrue(client.transport.disconnecting)

    def test_garbage(self) -> None:
        """Octets that are no command get one 5xx each, and the next command works (P8, P9, S-12)."""
        client = Line()
        client.said()
        for octets in (b"\x80\x81\r\n", b"\r\n", b"\0\0\r\n", b"\xff\r\n", b"NO\nOP\r\n", b" NOOP\r\n", b"\rNOOP\r\n"):
            self.assertEqual(client.codes(octets + b"NOOP\r\n"), [500, 250], octets)

    def test_after_quit(self) -> None:
        """What follows QUIT, or any 421, is not read (P15, S-10)."""
        client = line()
        self.assertEqual(client.codes("QUIT\r\nNOOP\r\nMAIL FROM:<a@b.example>\r\n"), [221])
        self.assertEqual(client.codes("NOOP\r\n"), [])
        self.assertEqual(client.backend.submissions, [])


class ParameterTests(SynchronousTestCase):
    """Parameters of MAIL and RCPT."""

    def verdict(self, command: str, first: str = "") -> int:
        client = line()
        return client.codes(f"{first}{command}\r\n")[-1]

    def test_mail(self) -> None:
        """Each parameter of MAIL is judged: value, repetition, offer (P5, P6, P7, S-15)."""
        for text, code in (
            ("SIZE=1000", 250),
            ("SIZE=26214400", 250),
            ("SIZE=26214401", 552),
            ("SIZE=99999999999999999999", 552),
            ("SIZE=abc", 501),
            ("SIZE=-1", 501),
            ("SIZE=", 501),
            ("SIZE", 501),
            ("SIZE=٣", 501),
            ("SIZE=1 SIZE=1", 501),
            ("SIZE=1 size=2", 501),
            ("FOO=1", 555),
            ("FOO", 555),
            ("=1", 501),
            ("BODY=8BITMIME", 250),
            ("BODY=7bit", 250),
            ("BODY=BINARYMIME", 501),
            ("BODY", 501),
            ("SMTPUTF8", 250),
            ("SMTPUTF8=1", 501),
            ("BODY=8BITMIME SMTPUTF8", 250),
            ("AUTH=<>", 250),
            ("AUTH=a+40b", 250),
            ("AUTH=a+b", 501),
            ("RET=FULL RET=HDRS", 501),
            ("RET=FULL", 555),
            ("RET=X", 501),
            ("ENVID=abc", 555),
        ):
            self.assertEqual(self.verdict(f"MAIL FROM:<a@b.example> {text}"), code, text)

    def test_rcpt(self) -> None:
        """DSN parameters are read and, not being offered, refused (P7)."""
        for text, code in (
            ("NOTIFY=NEVER", 555),
            ("NOTIFY=SUCCESS,DELAY", 555),
            ("NOTIFY=NEVER,SUCCESS", 501),
            ("ORCPT=rfc822;x@y", 555),
            ("ORCPT=x@y", 501),
            ("FOO", 555),
        ):
            self.assertEqual(self.verdict(f"RCPT TO:<c@d.example> {text}", "MAIL FROM:<a@b.example>\r\n"), code, text)

    def test_what_is_passed_on(self) -> None:
        """SIZE, BODY and SMTPUTF8 reach the submission."""
        client = line()
        client.send("MAIL FROM:<> SIZE=12 BODY=8BITMIME SMTPUTF8\r\n")
        parameters = client.backend.submissions[0].parameters
        self.assertEqual((parameters.size, parameters.eight_bit, parameters.utf8), (12, True, True))

    def test_not_offered(self) -> None:
        """A dialect that does not offer SMTPUTF8 refuses it, and takes SIZE and BODY as harmless."""
        from dataclasses import replace

        plain = replace(STANDARD, extensions=("AUTH",))
        client = line(dialect=plain)
        self.assertEqual(client.codes("MAIL FROM:<a@b.example> SMTPUTF8\r\n"), [555])
        self.assertEqual(client.codes("MAIL FROM:<a@b.example> SIZE=1 BODY=8BITMIME\r\n"), [250])

    def test_paths(self) -> None:
        """A path that cannot be read is refused, and never reaches the back end raw (P21, S-7)."""
        client = line()
        for text in (
            b'<"x\nDATA\n"@d.example>',
            b'<"x\rQUIT\r"@d.example>',
            b'<"x\0"@d.example>',
            b"<a@>",
            b"",
            b"<a@b c>",
        ):
            self.assertEqual(client.codes(b"MAIL FROM:" + text + b"\r\n"), [501], text)
        client.send("MAIL FROM:<a@b.example>\r\n")
        for text in (
            b'<"x\nDATA\n"@d.example>',
            b'<"\x7f"@d.example>',
            b"<\xff@d.example>",
            b"<>",
            b"<a@\xe2\x80\xa8d>",
        ):
            said = client.send(b"RCPT TO:" + text + b"\r\n")
            self.assertEqual(said[:9], "501 5.1.3", text)
        self.assertEqual(client.backend.submissions[0].recipients, [])

    def test_utf8(self) -> None:
        """A UTF-8 address needs SMTPUTF8 at MAIL (P24)."""
        client = line()
        self.assertEqual(client.send("MAIL FROM:<ü@b.example>\r\n")[:9], "553 5.6.7")
        client.send("MAIL FROM:<a@b.example>\r\n")
        self.assertEqual(client.send("RCPT TO:<ü@b.example>\r\n")[:9], "553 5.6.7")
        client.send("RSET\r\nMAIL FROM:<ü@b.example> SMTPUTF8\r\n")
        self.assertEqual(client.codes("RCPT TO:<ü@b.example>\r\n"), [250])

    def test_postmaster(self) -> None:
        """<Postmaster> without a domain is ours (RFC 5321 4.1.1.3)."""
        client = line()
        client.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<Postmaster>\r\n")
        self.assertEqual(client.backend.submissions[0].recipients, ["Postmaster@mx.example"])


class BoundTests(SynchronousTestCase):
    """Lines, errors and idle talk are bounded."""

    def test_line_lengths(self) -> None:
        """A command of 512 octets passes, one of 513 is told, and what follows it is answered (P9, S-3)."""
        client = Line()
        client.said()
        self.assertEqual(client.codes(b"NOOP " + b"x" * 505 + b"\r\n"), [250])
        self.assertEqual(client.codes(b"NOOP " + b"x" * 506 + b"\r\nNOOP\r\nHELP\r\n"), [500, 250, 214])
        path = b"<" + b"a" * 40 + b"@b.example>"
        client = line()
        self.assertEqual(client.codes(b"MAIL FROM:" + path + b" AUTH=" + b"x" * 1900 + b"\r\n"), [250])
        self.assertEqual(client.codes(b"RCPT TO:" + path + b" A=" + b"x" * 2000 + b"\r\nNOOP\r\n"), [500, 250])

    def test_line_without_end(self) -> None:
        """Ten megabytes without a line end: 500 once, then 421, little memory, and nothing more (P10, S-2)."""
        client = Line()
        client.said()
        said, held = "", 0
        for _ in range(10_000):
            said += client.send(b"x" * 1024)
            held = max(held, client.protocol._session.held)
        self.assertEqual(codes(said), [500, 421])
        self.assertLess(held, 4096)
        self.assertTrue(client.transport.disconnecting)

    def test_errors(self) -> None:
        """The 21st error is answered 421 (P29); an accepted message forgives."""
        client = Line()
        client.said()
        self.assertEqual(client.codes("FOO\r\n" * 30), [500] * 20 + [421])
        client = line()
        client.codes("FOO\r\n" * 20)
        self.assertEqual(
            client.codes("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n.\r\nFOO\r\n"),
            [250, 250, 354, 250, 500],
        )

    def test_refused_recipients_are_no_errors(self) -> None:
        """A long list with bad addresses is answered to its end."""
        client = line()
        client.backend.refusals["x@d.example"] = refusal("recipient_suppressed", address="x@d.example")
        client.send("MAIL FROM:<a@b.example>\r\n")
        self.assertEqual(client.codes("RCPT TO:<x@d.example>\r\nRCPT TO:<bad>\r\n" * 30), [550, 501] * 30)

    def test_idle_talk(self) -> None:
        """A thousand NOOPs end in 421; one in ten seconds never counts; an accepted message makes all good (P28)."""
        client = Line()
        client.said()
        self.assertEqual(client.codes("NOOP\r\n" * 1000), [250] * 101 + [421])
        client = line()
        for _ in range(300):
            client.clock.advance(10)
            self.assertEqual(client.codes("NOOP\r\n"), [250])
        for _ in range(3):
            self.assertEqual(client.codes("RSET\r\n" * 90), [250] * 90)
            client.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n.\r\n")

    def test_recipients(self) -> None:
        """As many recipients as the dialect says, counted exactly though several are asked at once."""
        from dataclasses import replace

        few = replace(STANDARD, recipients=3)
        backend = Backend(few, slow=True)
        client = Line(backend, login="address", dialect=few)
        backend.answer_all()
        client.send("EHLO x\r\nMAIL FROM:<a@b.example>\r\n")
        backend.answer_all()
        client.said()
        backend.refusals["2@d.example"] = refusal("recipient_suppressed", address="x")
        client.send("".join(f"RCPT TO:<{number}@d.example>\r\n" for number in range(1, 7)))
        self.assertEqual([name for name, _, _ in backend.asked], ["1@d.example", "2@d.example", "3@d.example"])
        backend.answer_all()
        self.assertEqual(codes(client.said()), [250, 550, 250, 250, 452, 452])

    def test_paused(self) -> None:
        """A paused installation says so at the banner, and at any command, and closes."""
        paused = [True]
        client = Line(paused=lambda: paused[0])
        self.assertEqual(codes(client.said()), [421])
        self.assertTrue(client.transport.disconnecting)
        paused[0] = False
        client = line(paused=lambda: paused[0])
        paused[0] = True
        self.assertEqual(client.codes("NOOP\r\nNOOP\r\n"), [421])

    def test_bare_hello_by_dialect(self) -> None:
        """A dialect may insist on a name."""
        from dataclasses import replace

        strict = replace(Dialects.shipped().get("standard"), bare_ehlo=False)
        client = Line(dialect=strict, limits=Limits())
        client.said()
        self.assertEqual(client.codes("EHLO\r\nEHLO x\r\n"), [501, 250])
