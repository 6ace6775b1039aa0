"""The faults of a stock Twisted SMTP server, each shown to be none of ours."""

from __future__ import annotations

import base64
import socket
import time
from dataclasses import replace

from twisted.internet.address import UNIXAddress
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.message import Message
from mailrelay.relay.compose import trace
from mailrelay.smtp.listener import Limits

from .inward import PLAIN, STANDARD, Backend, Line, Recorded, codes, line, refusal

START = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"

#: What may stand behind RCPT TO, and what may not.
ADDRESSES = (
    ("<a@d.example>", 250), ("<postmaster>", 250), ("<PostMaster>", 250), ("<@a.example,@b.example:a@d.example>", 250),
    ('<"a b"@d.example>', 250), (r'<"a\"b"@d.example>', 250), ("<a@[192.0.2.1]>", 250), ("<a@[IPv6:::1]>", 250),
    ("<>", 501), ("<a@>", 501), ("<@d.example>", 501), ("<a@b@d.example>", 501), ("<a@d.example:25>", 501),
    ("<a>", 501), ("", 501), ("<a\u2028@d.example>", 501), ("<a@d.example> x", 555),
    ("<a@d..example>", 501), ("<.a@d.example>", 501), ("<a.@d.example>", 501), ("<a b@d.example>", 501),
    ("<a@[192.0.2.256]>", 501), ("<a@[x]>", 501), ("<a@-d.example>", 501), ("<a@d.example", 501), ("a@d.example>", 501),
    ("<a@d.example>>", 501), ("<<a@d.example>", 501), ('<"a"b@d.example>', 501),
    ("<a@good.example(x)evil.example>", 501), ('<"victim@far.example x"@d.example>', 250),
)  # fmt: skip


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

    def test_connections_that_never_die(self) -> None:
        """Who does not read our last word, or never ends a handshake, is cut: after a time-out, after QUIT, whatever is
        still in the transport's buffer (S-9)."""
        for last in ("", "QUIT\r\n", "GET / HTTP/1.0\r\n"):
            client = line()
            client.protocol.pauseProducing()  # a window of zero: nothing leaves
            client.send("NOOP\r\n" + last)
            client.clock.advance(301)
            self.assertTrue(client.transport.disconnecting)
            self.assertFalse(client.transport.aborted)
            client.clock.advance(10)
            self.assertTrue(client.transport.aborted)

    def test_only_silence_is_noticed(self) -> None:
        """A client that says a line now and then does not hold a transaction, or a session without login, for ever; our
        own slowness is no time-out of the client's (S-11)."""
        limits = Limits(idle=300, transaction=1000)
        client = line(limits=limits)
        client.send("MAIL FROM:<a@b.example>\r\n")
        for number in range(4):
            self.assertEqual(client.codes(f"RCPT TO:<{number}@d.example>\r\n"), [250])
            client.clock.advance(250)
        self.assertEqual(codes(client.said())[-1:], [421])
        self.assertEqual(client.backend.submissions[0].ended, "abort")
        slow = Backend(slow=True)
        client = Line(slow, limits=limits)
        client.send(f"EHLO x\r\nAUTH PLAIN {PLAIN}\r\n")
        client.clock.pump([250] * 20)
        slow.answer()
        self.assertEqual(codes(client.said())[-1], 235)

    def test_login_without_bounds(self) -> None:
        """AUTH is neither offered nor taken before TLS where that is required, nor in a transaction, nor after HELO;
        base64 is strict; failures are counted, and the session ends (S-13)."""
        client = Line(tls="starttls", tls_required=True, context=object())
        self.assertNotIn("AUTH", client.send("EHLO x\r\n"))
        self.assertEqual(client.codes(f"AUTH PLAIN {PLAIN}\r\n"), [530])
        client = Line()
        client.said()
        self.assertEqual(client.codes(f"HELO x\r\nAUTH PLAIN {PLAIN}\r\n"), [250, 503])
        self.assertEqual(
            client.codes(f"EHLO x\r\nAUTH PLAIN {PLAIN[:-1]}!\r\nAUTH PLAIN \n{PLAIN}\r\n"), [250, 501, 501]
        )
        self.assertEqual(client.backend.logins, [])
        wrong = base64.b64encode(b"\0user\0wrong").decode()
        self.assertEqual(client.codes(f"AUTH PLAIN {wrong}\r\n" * 5), [535])
        client.clock.pump([1, 2, 4, 8])
        self.assertEqual(codes(client.said()), [535] * 3 + [421])
        self.assertEqual(line().codes(f"MAIL FROM:<a@b.example>\r\nAUTH PLAIN {PLAIN}\r\n"), [250, 503])

    def test_no_limits(self) -> None:
        """Recipients, octets, transactions, errors and lengths have bounds, each with its reply (S-14, L3, L4, L7)."""
        few = replace(STANDARD, recipients=2, size=100)
        client = line(dialect=few, limits=Limits(transactions=3, errors=2))
        text = "MAIL FROM:<a@b.example>\r\n" + "RCPT TO:<c@d.example>\r\n" * 3
        self.assertEqual(client.codes(text + "DATA\r\n" + "x" * 200 + "\r\n.\r\n"), [250, 250, 250, 452, 354, 552])
        self.assertEqual(client.codes(f"MAIL FROM:<{'a' * 65}@b.example>\r\n"), [501])
        self.assertEqual(client.codes("MAIL FROM:<a@b.example>\r\nRSET\r\n" * 2), [250] * 4)
        self.assertEqual(client.codes("MAIL FROM:<a@b.example>\r\nNOOP\r\n"), [421])
        self.assertTrue(client.transport.disconnecting)
        client.connect()
        client.log_in()
        self.assertEqual(client.codes("FOO\r\n" * 3), [500, 500, 421])

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

    def test_addresses(self) -> None:
        """What is an address is taken, what is none is not, and none is completed by us (S-19, P20)."""
        for text, code in ADDRESSES:
            client = line()
            self.assertEqual(client.codes(f"MAIL FROM:<>\r\nRCPT TO:{text}\r\n"), [250, code], text)

    def test_time_for_addresses(self) -> None:
        """The longest line of addresses that are none costs no more than its length (S-19)."""
        client = line()
        begun = time.process_time()
        for filling in ('"', "a@", "a.", "\\", "<", "@a,", "("):
            self.assertEqual(client.codes(f"MAIL FROM:<{filling * 600}@d.example>\r\n"), [501], filling)
        self.assertLess(time.process_time() - begun, 5)

    def test_our_own_line_in_the_header(self) -> None:
        """The line that we add to a message is a complete field, of CRLF ends only (S-20)."""
        field = trace(
            "relay.example", "01ARZ3NDEKTSV4RRFFQ69G5FAV", 1_700_000_000_000_000, esmtp=True, tls=True, login=True
        )
        self.assertTrue(field.startswith(b"Received: ") and field.endswith(b"\r\n"))
        self.assertEqual(field.count(b"\r\n"), field.count(b"\n"))
        self.assertEqual(len(Message.parse(field + b"\r\n").fields), 1)

    def test_noise_and_blocking(self) -> None:
        """A whole session leaves no line in the log, asks no name server for our name, and its id comes from the source
        of randomness that we gave (S-21)."""
        self.patch(socket, "getfqdn", lambda *_: self.fail("the name of this host was asked for"))
        heard: list[object] = []
        globalLogPublisher.addObserver(heard.append)
        self.addCleanup(globalLogPublisher.removeObserver, heard.append)
        client = line()
        client.send(START + "x\r\n.\r\nQUIT\r\n")
        client.lose()
        self.assertEqual(heard, [])
        self.assertEqual(client.backend.submissions[0].peer.session, "ab" * 8)

    def test_cost_of_a_line(self) -> None:
        """Four times as many lines, in one segment or many, cost about four times the time (S-22)."""

        def seconds(lines: int, size: int) -> float:
            client = line(limits=Limits(junk=10**9))
            octets = b"NOOP\r\n" * lines
            begun = time.process_time()
            for place in range(0, len(octets), size):
                client.protocol.dataReceived(octets[place : place + size])
            spent = time.process_time() - begun
            self.assertEqual(client.transport.value().count(b"\r\n"), lines)
            return spent

        for size in (1 << 20, 1000, 7):
            short, long = (min(seconds(lines, size) for _ in range(3)) for lines in (2000, 8000))
            self.assertLess(long, 12 * short, size)

    def test_a_stop_says_nothing(self) -> None:
        """Who is idle at a stop is told 421; who is within a message may end it, and is told what became of it
        (S-23)."""
        idle, busy = line(), line()
        busy.send(START)
        for client in (idle, busy):
            client.factory.drain()
        self.assertEqual(codes(idle.said()), [421])
        self.assertEqual(busy.codes("x\r\n.\r\nMAIL FROM:<a@b.example>\r\n"), [250, 421])
        self.assertEqual(len(busy.backend.messages), 1)

    def test_starttls_within_tls(self) -> None:
        """Within TLS from the first octet STARTTLS is neither offered nor taken (S-24, T4)."""
        client = Line(tls="implicit", context=object())
        self.assertEqual(client.said(), "")
        client.protocol.handshakeCompleted()
        said = client.send("EHLO x\r\nSTARTTLS\r\n")
        self.assertEqual((codes(said), "STARTTLS" in said.partition("503")[0]), ([220, 250, 503], False))
        self.assertIsNone(client.transport.context)
