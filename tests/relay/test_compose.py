"""Compose: pure, private where it must be, and in wire form whatever came in."""

from __future__ import annotations

from email import message_from_bytes, policy

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import SECOND, Capabilities
from mailrelay.mail.message import Message
from mailrelay.relay.compose import compose, trace

from ..examples import at_most
from .fakes import START, delivery

EIGHT_BIT = Capabilities(eight_bit=True)
SEVEN_BIT = Capabilities()
HEAD = b"From: app@acme.test\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@acme.test>\r\n"

#: Pieces of which hostile sources are made, beside arbitrary octets.
PIECES = st.sampled_from(
    (
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b".",
        b"\r\n.\r\n",
        b"\n.\n",
        b"Bcc: x@y.test\r\n",
        b"From: a@b.test\r\n",
        b"Message-ID:",
        b"Date: \r\n",
        b" folded\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"x" * 999,
        "é".encode() * 600,
        b": " * 500,
        b"\xff\xfe",
    )
)
SOURCES = st.lists(st.one_of(PIECES, st.binary(max_size=40)), max_size=25).map(b"".join)


def composed(source: bytes, capabilities: Capabilities = EIGHT_BIT) -> bytes:
    return compose(Message.parse(source), delivery("R1"), capabilities, "relay.test")


class ComposeTests(SynchronousTestCase):
    def test_nothing_else_is_changed(self) -> None:
        """What has all it needs and is in wire form leaves octet by octet as it came in."""
        source = (
            HEAD + b"x-odd:no space\r\nSubject:  two  spaces \r\n\tand a tab\r\n\r\n.\r\n..\r\n  body \xc3\xa9\r\n\r\n"
        )
        self.assertEqual(composed(source), source)

    def test_missing_fields(self) -> None:
        """Date and Message-ID are added at the end where there is none, from the acceptance and the queue id."""
        source = b"From: app@acme.test\r\nSubject: x\r\n\r\nHello\r\n"
        added = b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <M1@relay.test>\r\n"
        self.assertEqual(composed(source), source.replace(b"\r\n\r\n", b"\r\n" + added + b"\r\n"))

    def test_present_fields_stay(self) -> None:
        """A Date or Message-ID that is there stays, in any spelling, wrong ones too, each without the other."""
        for field in (b"DATE: yesterday\r\n", b"message-id: no brackets\r\n", b"Message-ID:\r\n <a@b>\r\n"):
            read = message_from_bytes(composed(b"From: a@b.test\r\n" + field + b"\r\nx\r\n"), policy=policy.compat32)
            self.assertEqual((len(read.get_all("Date")), len(read.get_all("Message-ID"))), (1, 1))
            self.assertIn(field, composed(b"From: a@b.test\r\n" + field + b"\r\nx\r\n"))

    def test_private_fields(self) -> None:
        """Nobody learns who was copied blindly, whichever way the field is spelled; nor is a Return-Path passed on."""
        for field in (
            b"Bcc: secret@x.test\r\n",
            b"BCC:secret@x.test\r\n",
            b"bcc : secret@x.test\r\n",
            b"bCc:\r\n secret@x.test,\r\n\tsecret@y.test\r\n",
            b"Resent-Bcc: secret@x.test\r\n",
            b"return-path: <secret@x.test>\r\n",
            b"Bcc: one@x.test\r\nSubject: y\r\nBcc: secret@x.test\r\n",
        ):
            octets = composed(HEAD + field + b"To: b@b.test\r\n\r\nHello\r\n")
            self.assertNotIn(b"secret", octets)
            self.assertNotIn(b"bcc", octets.lower())
            self.assertTrue(octets.endswith(b"To: b@b.test\r\n\r\nHello\r\n"))

    def test_body_is_no_header(self) -> None:
        """A line in the body that looks like a field is left alone."""
        source = HEAD + b"\r\nBcc: not a field\r\nReturn-Path: neither\r\n"
        self.assertEqual(composed(source), source)

    def test_hop_without_8bitmime(self) -> None:
        """A hop that takes no 8-bit octets gets none, and its reader sees the same text (O9)."""
        source = HEAD + b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
        octets = composed(source, SEVEN_BIT)
        self.assertTrue(octets.isascii())
        self.assertEqual(message_from_bytes(octets, policy=policy.default).get_content().rstrip("\r\n"), "Grüße")
        self.assertEqual(composed(source, EIGHT_BIT), source)

    def test_hop_without_smtputf8(self) -> None:
        """RFC 6532: a hop without SMTPUTF8 gets the header in ASCII, whatever octets it takes in a body; one with it
        gets what was written."""
        source = HEAD + "Subject: Grüße\r\nX-Any: é\r\n\r\nGrüße\r\n".encode()
        octets = composed(source, EIGHT_BIT)
        head, _, body = octets.partition(b"\r\n\r\n")
        self.assertTrue(head.isascii())
        self.assertEqual(message_from_bytes(octets, policy=policy.default)["Subject"], "Grüße")
        self.assertEqual(body, "Grüße\r\n".encode())
        self.assertEqual(composed(source, Capabilities(eight_bit=True, utf8=True)), source)

    def test_received(self) -> None:
        """The trace tells how the mail came and under which id, and nothing of the client."""
        field = trace("relay.test", "ID1", START, esmtp=True, tls=True, login=True)
        self.assertEqual(field, b"Received: by relay.test with ESMTPSA id ID1;\r\n Tue, 14 Nov 2023 22:13:20 +0000\r\n")
        self.assertIn(b" with SMTP ", trace("relay.test", "ID1", START, esmtp=False, tls=False, login=True))
        self.assertEqual(Message.parse(HEAD + b"\r\n").prepend(field).all("Received")[0][:13], b"by relay.test")


class ComposePropertyTests(SynchronousTestCase):
    @given(SOURCES, st.booleans())
    @at_most(300)
    def test_wire_form(self, source: bytes, eight_bit: bool) -> None:
        """Whatever came in, what leaves has CRLF as its only line end, no NUL, no line over 998 octets (law 6, I6)."""
        octets = composed(source, Capabilities(eight_bit=eight_bit))
        self.assertTrue(octets.endswith(b"\r\n"))
        lines = octets.split(b"\r\n")
        self.assertLessEqual(max(map(len, lines)), 998)
        self.assertFalse(any(mark in line for line in lines for mark in (b"\r", b"\n", b"\0")))

    @given(SOURCES, st.booleans())
    @at_most(150)
    def test_pure(self, source: bytes, eight_bit: bool) -> None:
        """Every attempt sends the same octets: by the message as it was taken in, and by the one read back."""
        capabilities = Capabilities(eight_bit=eight_bit)
        message = Message.parse(source)
        first = compose(message, delivery("R1"), capabilities, "relay.test")
        again = delivery("R1", attempts=3)
        self.assertEqual(compose(message, again, capabilities, "relay.test"), first)
        self.assertEqual(compose(Message.parse(message.encode()), again, capabilities, "relay.test"), first)

    @given(SOURCES)
    @at_most(150)
    def test_fields_of_the_result(self, source: bytes) -> None:
        """There always is a Date and a Message-ID and never a private field, by our reading of what leaves."""
        result = Message.parse(composed(source))
        self.assertIsNotNone(result.get("Date"))
        self.assertIsNotNone(result.get("Message-ID"))
        for name in ("Bcc", "Resent-Bcc", "Return-Path"):
            self.assertIsNone(result.get(name))

    @given(st.integers(0, 253_402_300_799))
    @at_most(50)
    def test_any_instant(self, second: int) -> None:
        """Until the year 9999 every instant of acceptance makes a date."""
        made = delivery("R1", accepted_at=second * SECOND)
        self.assertIn(b"Date: ", compose(Message.parse(b"\r\nx"), made, EIGHT_BIT, "relay.test"))
