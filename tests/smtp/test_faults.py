"""The faults of a stock Twisted SMTP server, each shown to be none of ours."""

from __future__ import annotations

from twisted.internet.address import UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from .inward import PLAIN, Backend, Line, Recorded, codes, line, refusal

START = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"


class FaultTests(SynchronousTestCase):
    """Named for the faults."""

    def test_long_line_in_data_runs_no_command(self) -> None:
        """A line of 100,000 octets in DATA is part of the message, and so are the commands behind it (S-1)."""
        client = line()
        client.send(START)
        self.assertEqual(client.codes(b"x" * 100_000 + b"\r\nMAIL FROM:<evil@x.example>\r\n.\r\n"), [250])
        self.assertEqual([sender for sender, _, _ in client.backend.messages], ["a@b.example"])

    def test_unlimited_memory_before_login(self) -> None:
        """A megabyte without a line end is not kept, and told once (S-2)."""
        client = Line()
        client.said()
        for _ in range(1000):
            client.protocol.dataReceived(b"x" * 1000)
        self.assertEqual(codes(client.said()), [500])
        self.assertLess(client.protocol._session.held, 2000)

    def test_commands_behind_a_long_line_are_dropped(self) -> None:
        """What follows an overlong line in its segment is answered (S-3)."""
        client = Line()
        client.said()
        self.assertEqual(client.codes(b"NOOP " + b"x" * 20_000 + b"\r\nNOOP\r\nVRFY a\r\n"), [500, 250, 252])

    def test_starttls_command_injection(self) -> None:
        """What comes in the clear behind STARTTLS is never run, and what was known is forgotten (S-4, T1, T2, T3)."""
        for behind in ("MAIL FROM:<evil@x.example>\r\n", "EHLO a", "NOOP\r\nAUTH PLAIN"):
            client = Line(tls="starttls", context=object())
            client.log_in()
            self.assertEqual(client.codes(f"STARTTLS\r\n{behind}"), [220])
            self.assertIsNotNone(client.transport.context)
            self.assertEqual(client.backend.log, ["logout"])
            client.protocol.handshakeCompleted()
            self.assertEqual(client.said(), "")
            self.assertEqual(client.codes("MAIL FROM:<a@b.example>\r\n"), [503])
            self.assertNotIn("STARTTLS", client.send("EHLO x\r\n"))
            self.assertEqual(client.codes("MAIL FROM:<a@b.example>\r\n"), [530])
            self.assertEqual(client.backend.submissions, [])

    def test_commands_overtake_each_other(self) -> None:
        """While MAIL is being judged nothing behind it runs (S-5)."""
        slow = Backend(slow=True)
        client = Line(slow)
        client.send(f"EHLO x\r\nAUTH PLAIN {PLAIN}\r\n")
        slow.answer()
        client.said()
        self.assertEqual(client.send(START + "x\r\n.\r\n"), "")
        self.assertEqual(len(slow.asked), 1)
        for expected in ([250], [250, 354], [250]):
            slow.answer()
            self.assertEqual(codes(client.said()), expected)

    def test_inside_failures_are_permanent(self) -> None:
        """Whatever breaks inside is answered 4xx at its stage, logged once, and the session lives (S-6)."""
        for name, said in (
            ("a@b.example", [451, 503, 503]),
            ("c@d.example", [250, 451, 554]),
            ("finish", [250, 250, 354, 451]),
        ):
            client = line()
            client.backend.refusals[name] = OSError("disk full")
            text = START + (".\r\n" if name == "finish" else "")
            self.assertEqual(client.codes(text), said)
            self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
            self.assertEqual(client.codes("NOOP\r\n"), [250])

    def test_exceptions_that_are_raised_at_once(self) -> None:
        """The same where a back end raises instead of failing its Deferred (S-6)."""
        for method, said in (
            ("mail", [451, 503, 503, 500]),
            ("rcpt", [250, 451, 554, 500]),
            ("write", [250, 250, 354, 451]),
            ("finish", [250, 250, 354, 451]),
        ):
            client = line()

            def broken(*_: object) -> None:
                raise ZeroDivisionError

            patch = self.patch(Recorded, method, broken)
            self.assertEqual(client.codes(START + ("x\r\n.\r\n" if said[-1] == 451 else ".\r\n")), said, method)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1, method)
            self.assertEqual(client.codes("NOOP\r\n"), [250])
            patch.restore()

    def test_control_bytes_in_addresses(self) -> None:
        """A quoted local part carries no command into the next hop (S-7, P21)."""
        client = line()
        client.send("MAIL FROM:<a@b.example>\r\n")
        for text in (b'<"x\nDATA\n"@d.example>', b'<"x\r.\r"@d.example>', b'<"x\0y"@d.example>', b'<"\xff"@d.example>'):
            self.assertEqual(client.send(b"RCPT TO:" + text + b"\r\n")[:9], "501 5.1.3")
        self.assertEqual(client.backend.submissions[0].recipients, [])

    def test_bare_line_ends_end_a_message(self) -> None:
        """Bare CR, bare LF and NUL are given on as octets and end nothing (S-8)."""
        client = line()
        client.send(START)
        self.assertEqual(client.codes(b"a\nb\rc\0d\n.\ne\r\n.\r\n"), [250])
        self.assertEqual(client.backend.messages[0][2], b"a\nb\rc\0d\n.\ne\r\n")

    def test_commands_after_quit(self) -> None:
        """Nothing behind QUIT or a 421 runs, in the same segment or later, though the transport stays open (S-10)."""
        for last in ("QUIT", "GET / HTTP/1.0"):
            client = line()
            self.assertEqual(len(client.codes(f"{last}\r\nMAIL FROM:<a@b.example>\r\n")), 1)
            self.assertEqual(client.codes("MAIL FROM:<a@b.example>\r\n"), [])
            self.assertEqual(client.backend.submissions, [])

    def test_trivial_input_breaks_the_session(self) -> None:
        """AUTH alone, a malformed PLAIN, an octet over 127, a peer without address: replies, no exceptions (S-12)."""
        client = Line()
        client.send("EHLO x\r\n")
        self.assertEqual(client.codes(b"AUTH\r\nAUTH PLAIN AA==\r\n\x80\r\nNOOP\r\n"), [501, 501, 500, 250])
        protocol = client.factory.buildProtocol(UNIXAddress("/x"))
        self.assertIsNotNone(protocol)

    def test_parameters_are_ignored(self) -> None:
        """Too large, malformed and unknown parameters are told apart (S-15)."""
        client = line()
        for text, code in (("SIZE=99999999", 552), ("SIZE=x", 501), ("FOO=bar", 555), ("RET=FULL", 555)):
            self.assertEqual(client.codes(f"MAIL FROM:<a@b.example> {text}\r\n"), [code])

    def test_missing_commands(self) -> None:
        """NOOP, VRFY, HELP, EXPN are there, or said to be not (S-16)."""
        client = Line()
        client.said()
        self.assertEqual(client.codes("NOOP\r\nVRFY x\r\nHELP\r\nEXPN x\r\n"), [250, 252, 214, 502])

    def test_mail_without_hello(self) -> None:
        """MAIL needs EHLO; a name with control octets is recorded escaped (S-17)."""
        client = Line()
        client.said()
        self.assertEqual(client.codes("MAIL FROM:<a@b.example>\r\nEHLO a\x01\r\n"), [503, 250])
        client.send(f"AUTH PLAIN {PLAIN}\r\n")
        self.assertEqual(client.backend.logins[0].peer.hello, "a\\x01")

    def test_replies_without_codes_and_bounds(self) -> None:
        """Replies carry enhanced codes and the queue id, and no line is longer than 512 octets (S-18)."""
        client = line()
        long = "x" * 240 + "@d.example"
        client.backend.refusals["c@d.example"] = refusal("recipient_suppressed", address=long * 3 + "\r\n250 ok")
        client.send("MAIL FROM:<a@b.example>\r\n")
        said = client.send("RCPT TO:<c@d.example>\r\n")
        self.assertTrue(said.startswith("550 5.7.1 "))
        self.assertEqual((said.count("\r\n"), len(said) <= 512), (1, True))
        said = client.send("RCPT TO:<e@d.example>\r\nDATA\r\n.\r\n")
        self.assertIn("250 Ok: queued as ID1\r\n", said)
