"""The parts of a message as other readers see them, in linear time (RFC 2045, RFC 2046)."""

from __future__ import annotations

import email
import time
from collections.abc import Callable
from email.message import Message as StandardMessage

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.message import Message
from mailrelay.mail.tree import MAX_DEPTH, MAX_FIELDS, MAX_LEAVES, Part, tree

from .bounded import bounded
from .structures import messages


def leaves_of(source: bytes) -> list[StandardMessage]:
    """The leaves that the standard library finds, a message within a message being one."""

    def found(part: StandardMessage) -> list[StandardMessage]:
        if part.get_content_maintype() != "multipart" or not part.is_multipart():
            return [part]
        return [leaf for each in part.get_payload() for leaf in found(each)]  # type: ignore[arg-type, union-attr]

    return found(email.message_from_bytes(source))


def one(source: bytes) -> Part:
    (part,) = tree(Message.parse(source))
    return part


def single(header: bytes, body: bytes) -> Part:
    return one(header + (b"\r\n\r\n" if header else b"\r\n") + body)


class AnotherReaderTests(SynchronousTestCase):
    @given(messages)
    @bounded
    def test_agree(self, source: bytes) -> None:
        """Both see the same leaves: type, name, and what is in them once the transfer encoding is undone."""
        ours, theirs = tree(Message.parse(source)), leaves_of(source)
        self.assertEqual([part.media for part in ours], [part.get_content_type() for part in theirs])
        for mine, other in zip(ours, theirs, strict=True):
            self.assertFalse(mine.closed)
            if mine.kind.type == "message":
                continue
            self.assertEqual(mine.octets(), other.get_payload(decode=True))
            self.assertEqual(mine.charset, other.get_content_charset() or "")
            self.assertEqual(mine.filename == "", other.get_filename() is None)


class PartTests(SynchronousTestCase):
    """What a part says of itself."""

    def test_text(self) -> None:
        """Text is read in a closed set of charsets, and nothing else is (M6)."""
        for header, body, expected in (
            (b"", "é".encode(), "é"),
            (b"", b"\xe9", None),
            (b"Content-Type: text/plain; charset=us-ascii", "é".encode(), "é"),
            (b"Content-Type: text/plain; charset=KOI8-R", b"\xd3", "с"),
            (b"Content-Type: text/plain; charset*=''koi8-r", b"\xd3", "с"),
            (b"Content-Type: text/plain; charset=iso-8859-1", b"\x93\xe9", "“é"),
            (b"Content-Type: text/plain; charset=iso-8859-1", b"\x81", "\x81"),
            (b"Content-Type: text/plain; charset=gb2312", b"\x82\x35\x8f\x33", "\u9fa6"),
            (b"Content-Type: text/plain; charset=utf-8", b"\xff", None),
            *(
                (b"Content-Type: text/plain; charset=" + name, b"x", None)
                for name in (b"utf-7", b"idna", b"unicode_escape", b"zlib", b"hex", b"rot13", b"punycode", b"none")
            ),
            (b"Content-Transfer-Encoding: quoted-printable", b"=C3=A9=\r\n=zz", "é=zz"),
            (b"Content-Transfer-Encoding: BASE64", b"w6k=", "é"),
            (b"Content-Transfer-Encoding: base64", b"w 6\r\nk=!", "é"),
            (b"Content-Transfer-Encoding: base64", b"YWJjY", "abc"),
            (b"Content-Transfer-Encoding: x-uuencode", b"begin 644 x", None),
        ):
            with self.subTest(header=header, body=body):
                self.assertEqual(single(header, body).text(), expected)

    def test_text_as_can_be(self) -> None:
        """What cannot be read without a doubt is read as well as it can be."""
        for header, body, expected in (
            (b"", b"x", "x"),
            (b"", b"\xe9", "é"),
            (b"Content-Type: text/plain; charset=none", "é".encode(), "é"),
            (b"Content-Type: text/plain; charset=none", b"\xe9", "é"),
            (b"Content-Type: text/plain; charset=utf-8", b"a\xff", "a\ufffd"),
        ):
            with self.subTest(header=header, body=body):
                self.assertEqual(single(header, body).text_as_can_be(), expected)

    def test_names(self) -> None:
        for header, disposition, name in (
            (b"Content-Disposition: Attachment; filename=a.pdf", "attachment", "a.pdf"),
            (b"Content-Type: text/plain; name=b.txt\r\nContent-Disposition: inline", "inline", "b.txt"),
            (b"Content-Type: text/plain; name=b\r\nContent-Disposition: x; filename=a", "x", "a"),
            (b"Content-Type: text/plain", "", ""),
        ):
            part = one(header + b"\r\n\r\nx")
            self.assertEqual((part.disposition, part.filename), (disposition, name))

    def test_digest(self) -> None:
        """A part of a digest is a message unless it says otherwise (RFC 2046 5.1.5)."""
        source = b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\n--b--\r\n"
        self.assertEqual(one(source).media, "message/rfc822")


class BoundTests(SynchronousTestCase):
    """M10: whatever a message holds, its leaves are found in time, and what is not opened says so."""

    def measured(self, make: Callable[[], bytes]) -> tuple[Part, ...]:
        message = Message.parse(make())
        began = time.perf_counter()
        found = tree(message)
        for part in found[:100]:
            part.filename, part.charset, part.disposition, part.text_as_can_be()
        self.assertLess(time.perf_counter() - began, 5)
        return found

    def test_deep(self) -> None:
        """M1: 10,000 multiparts within each other are opened as deep as anybody nests."""

        def nested() -> bytes:
            return b"\r\n".join(
                b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d" % (level, level) for level in range(10_000)
            )

        (part,) = self.measured(nested)
        self.assertTrue(part.closed)
        self.assertFalse(part.is_text)
        self.assertEqual(len(part.within), MAX_DEPTH)

    def test_many(self) -> None:
        """M2: a million empty parts stay closed, and so do many of many."""
        head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        (part,) = self.measured(lambda: head + b"--b\r\n" * 1_000_000)
        self.assertTrue(part.closed)
        inner = b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n" + b"--c\r\n\r\n" * 5_000
        found = self.measured(lambda: head + inner * 10)
        self.assertLessEqual(len(found), MAX_LEAVES + 10)
        self.assertTrue(found[-1].closed)

    def test_boundaries(self) -> None:
        """M3: long boundaries, one that is the beginning of another, and lines that look like delimiters."""
        for length in (70, 2048, 1_000_000):
            mark = b"x" * length
            (part,) = self.measured(
                lambda mark=mark: (
                    b"Content-Type: multipart/mixed; boundary=" + mark + b"\r\n\r\n--" + mark + b"\r\n\r\ny"
                )  # type: ignore[misc]
            )
            self.assertEqual(part.text(), "y")
        head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        (part,) = self.measured(lambda: head + b"--bx\r\n" * 4_000_000)
        self.assertTrue(part.closed)
        (part,) = self.measured(lambda: head + b"--b" * 8_000_000)
        self.assertTrue(part.closed)
        levels = [
            b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n" % (b"b" * n, b"b" * n) for n in range(1, 30)
        ]
        self.measured(lambda: b"".join(levels) + b"\r\n--b?" * 2_000_000)

    def test_messages(self) -> None:
        """M4: messages within messages are not opened."""
        (part,) = self.measured(lambda: b"Content-Type: message/rfc822\r\n\r\n" * 1_000)
        self.assertEqual(part.media, "message/rfc822")

    def test_base64(self) -> None:
        """M5: 20 MB on a single line."""
        (part,) = self.measured(lambda: b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QUJD" * 5_000_000)
        self.assertEqual(len(part.octets()), 15_000_000)

    def test_fields(self) -> None:
        """A part with a header without an end is not opened."""
        head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        (part,) = self.measured(lambda: head + b"a:\r\n" * 5_000_000)
        self.assertTrue(part.closed)
        self.assertFalse(part.is_text)
        (part,) = self.measured(lambda: head + b"a:\r\n" * MAX_FIELDS + b"\r\nx")
        self.assertFalse(part.closed)
