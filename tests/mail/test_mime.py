"""What an entity says it is, and where its parts are (RFC 2045 5.1, RFC 2046 5.1.1)."""

from __future__ import annotations

import email

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.message import Message
from mailrelay.mail.mime import MAX_FIELDS, MAX_HEADER, Kind, kind, part, parts, quoted_printable, rewrapped

from .bounded import bounded


class KindTests(SynchronousTestCase):
    """Content-Type and Content-Transfer-Encoding have one reading."""

    def test_types(self) -> None:
        for value, expected in {
            b"text/html": ("text", "html", b""),
            b"Multipart/MIXED;boundary=b": ("multipart", "mixed", b"b"),
            b'multipart/mixed; boundary="a \\"b\\" ;c "; x=y': ("multipart", "mixed", b'a "b" ;c'),
            b'multipart/mixed; name="; boundary=no"; Boundary=yes ; x': ("multipart", "mixed", b"yes"),
            b"multipart/mixed; ; =; boundary = b": ("multipart", "mixed", b"b"),
            b"multipart/mixed (x); boundary=b": ("multipart", "mixed", b"b"),
            b'multipart/mixed; boundary="b': ("multipart", "mixed", b'"b'),
            b"multipart/mixed; boundary": ("multipart", "mixed", b""),
            b"multipart/mixed; xboundary=b": ("multipart", "mixed", b""),
            b"text": ("text", "plain", b""),
            b"text/": ("text", "plain", b""),
            b"text/html x": ("text", "plain", b""),
            b"": ("text", "plain", b""),
        }.items():
            with self.subTest(value=value):
                entity = Message.parse(b"Content-Type: " + value + b"\r\n\r\n")
                self.assertEqual(kind(entity), Kind(*expected, ""))

    def test_default(self) -> None:
        """What does not say what it is is what its container takes it for."""
        self.assertEqual(kind(Message.parse(b""), ("message", "rfc822")), Kind("message", "rfc822", b"", ""))

    def test_encoding(self) -> None:
        entity = Message.parse(b"Content-Transfer-Encoding: Base64 (x)\r\n\r\n")
        self.assertEqual(kind(entity).encoding, "base64")


class PartsTests(SynchronousTestCase):
    """Parts lie between whole delimiter lines."""

    def test_places(self) -> None:
        for body, expected in {
            b"--b\r\nx\r\n--b--": [b"x"],
            b"pre\r\n--b \t\r\nx\r\n\r\n--b\r\n\r\n--b--\r\npost\r\n--b\r\nno": [b"x\r\n", b""],
            b"--b\r\n--b\r\n--b": [b"", b"", b""],
            b"--b\r\nx": [b"x"],
            b"--b\r\n--bb\r\n --b\r\n--b x\r\n--b": [b"--bb\r\n --b\r\n--b x", b""],
        }.items():
            with self.subTest(body=body):
                spans = parts(body, b"b")
                assert spans is not None
                self.assertEqual([body[begin:end] for begin, end in spans], expected)

    def test_none(self) -> None:
        """A boundary that never begins a part leaves nothing to open."""
        for body in (b"", b"--bb\r\n", b"x--b\r\n", b"--b--\r\nx"):
            self.assertIsNone(parts(body, b"b"))

    @given(
        st.lists(st.sampled_from([b"--b", b"--", b"b", b"\r\n", b" ", b"x", b"--b\r\n", b"\r\n--b\r\n"])).map(b"".join)
    )
    @bounded
    def test_another_reader_agrees(self, body: bytes) -> None:
        """M3: another reader finds as many parts as we do."""
        other = email.message_from_bytes(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body)
        found = parts(body, b"b")
        if found is not None and all(begin < end for begin, end in found) and other.is_multipart():
            self.assertEqual(len(other.get_payload()), len(found))


class PartTests(SynchronousTestCase):
    def test_bounds(self) -> None:
        """A part is read whose header has an end within bounds; the other parts are no worse for it."""
        for head, read in (
            (b"a:\r\n" * MAX_FIELDS, True),
            (b"a:\r\n" * (MAX_FIELDS + 1), False),
            (b"a: " + b"x" * (MAX_HEADER - 9) + b"\r\n", True),
            (b"a: " + b"x" * (MAX_HEADER - 8) + b"\r\n", False),
            (b"a: " + b"x" * MAX_HEADER + b"\r\n", False),
            (b"a:" + b"\r\n b" * MAX_HEADER + b"\r\n", False),
        ):
            body = b"--b\r\n" + head + b"\r\nbody\r\n--b--"
            found = part(body, 5, len(body) - 7)
            self.assertEqual(found is not None and found.body == b"body", read)


class EncodingTests(SynchronousTestCase):
    def test_no_delimiter(self) -> None:
        """A line of content can never be a delimiter once it is encoded."""
        self.assertEqual(quoted_printable(b"--b\r\n--\r\n-"), b"=2D-b\r\n=2D-\r\n-")

    def test_rewrapped(self) -> None:
        """M5: lines of 76, and nothing in them but base64."""
        self.assertEqual(rewrapped(b"A" * 77 + b" \0\xe9-="), b"A" * 76 + b"\r\nA=")
        self.assertEqual(rewrapped(b""), b"")
