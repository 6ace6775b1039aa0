"""Messages made to be slow: every step that looks into one takes time in proportion, and is done in time (M1-M8, M10).

The bounds are ten times what a quiet machine needs.
"""

from __future__ import annotations

import time

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.addresses import addresses
from mailrelay.mail.content import content
from mailrelay.mail.header import decode
from mailrelay.mail.leaves import change_leaves, leaves
from mailrelay.mail.message import Message
from mailrelay.mail.rebuild import File, NoText, attach, in_utf8, one_text
from mailrelay.mail.wire import wire

SECONDS = 10
MIXED = b"Content-Type: multipart/mixed; boundary="


class HeavyTests(SynchronousTestCase):
    def assert_in_time(self, source: bytes) -> None:
        """Everything that may be done to a message is done in time, and what is not rewritten stays as it was."""
        message = Message.parse(source)
        took: dict[str, float] = {}
        for step in (content, leaves, in_utf8, one_text):
            began = time.process_time()
            try:
                step(message)
            except NoText:
                pass
            took[step.__name__] = time.process_time() - began
        began = time.process_time()
        self.assertIn(message.body, attach(message, [File("a", "a/b", b"x")], "01ID").body)
        took["attach"] = time.process_time() - began
        self.assertLess(max(took.values()), SECONDS, took)
        self.assertIs(change_leaves(message, lambda leaf: leaf), message)
        self.assertEqual(message.encode(), source)

    def test_deep(self) -> None:
        """M1: 10,000 multiparts within each other."""
        levels = (MIXED + b"b%d\r\n\r\n--b%d" % (level, level) for level in range(10_000))
        self.assert_in_time(b"\r\n".join(levels) + b"\r\n")

    def test_many(self) -> None:
        """M2: a million empty parts, and many of many."""
        self.assert_in_time(MIXED + b"b\r\n\r\n" + b"--b\r\n" * 1_000_000)
        inner = b"--b\r\n" + MIXED + b"c\r\n\r\n" + b"--c\r\n\r\n" * 5_000
        self.assert_in_time(MIXED + b"b\r\n\r\n" + inner * 10)

    def test_boundaries(self) -> None:
        """M3: boundaries of 70, 2,048 and a million octets, and lines by the million that begin like delimiters."""
        for length in (70, 2_048, 1_000_000):
            mark = b"x" * length
            source = MIXED + mark + b"\r\n\r\n--" + mark + b"\r\n\r\ny\r\n"
            self.assert_in_time(source)
            self.assertEqual([leaf.octets for leaf in leaves(Message.parse(source))], [b"y\r\n"])
        self.assert_in_time(MIXED + b"b\r\n\r\n" + b"--bx\r\n" * 2_000_000)
        self.assert_in_time(MIXED + b"b\r\n\r\n" + b"--b" * 4_000_000 + b"\r\n")
        levels = [MIXED + b"%s\r\n\r\n--%s\r\n" % (b"b" * n, b"b" * n) for n in range(1, 30)]
        self.assert_in_time(b"".join(levels) + b"\r\n--b?" * 1_000_000 + b"\r\n")

    def test_messages(self) -> None:
        """M4: a thousand messages within each other."""
        self.assert_in_time(b"Content-Type: message/rfc822\r\n\r\n" * 1_000 + b"x\r\n")

    def test_base64(self) -> None:
        """M5: 20 MB of base64 on a single line, which leave on lines that fit."""
        source = b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"QUJD" * 5_000_000 + b"\r\n"
        self.assert_in_time(source)
        sent = wire(Message.parse(source), eight_bit=True)
        self.assertEqual(len(leaves(Message.parse(sent))[0].octets), 15_000_000)

    def test_charsets(self) -> None:
        """M6: the name of a charset is never asked for outside the closed table, however it is written."""
        for name in (b"utf-7", b"idna", b"unicode_escape", b"zlib", b"hex", b"rot13", b"punycode", b"x" * 100_000):
            for charset in (b"charset=" + name, b'charset="' + name + b'"'):
                source = b"Content-Type: text/html; " + charset + b"\r\n\r\n+AGE-\r\n"
                self.assert_in_time(source)
                self.assertEqual(leaves(Message.parse(source)), [])
                self.assertIs((message := Message.parse(source)), in_utf8(message))

    def test_fields(self) -> None:
        """M7: parameters and header fields of a part without an end."""
        pieces = b"".join(b"; name*%d*=%%41" % number for number in range(200_000))
        self.assert_in_time(b"Content-Type: text/html" + pieces + b"; name*999999=x\r\n\r\n")
        self.assert_in_time(b'Content-Type: text/html; name="' + b'\\"' * 1_000_000 + b"\r\n\r\n")
        self.assert_in_time(MIXED + b"b\r\n\r\n--b\r\n" + b"a:\r\n" * 2_000_000)
        self.assert_in_time(MIXED + b"b\r\n\r\n--b\r\nContent-Type: text/html\r\n" + b" ;a=b\r\n" * 1_000_000)

    def test_headers(self) -> None:
        """M8: a To of 100,000 addresses and a Subject of 100,000 encoded words are read in time, and leave so."""
        many = b",\r\n ".join(b'"A, %d" <a%d@example.net>' % (number, number) for number in range(100_000))
        words = b"\r\n ".join([b"=?koi8-r?q?=D3?="] * 100_000)
        began = time.process_time()
        self.assertEqual(len(addresses(many.replace(b"\r\n", b""))), 100_000)
        self.assertEqual(decode(words), "с" * 100_000)
        self.assertLess(time.process_time() - began, 2 * SECONDS)
        source = b"To: " + many + b"\r\nSubject: " + words + b"\r\n\r\nx\r\n"
        message = Message.parse(source)
        began = time.process_time()
        self.assertEqual(wire(message, eight_bit=False), source)
        self.assertEqual(in_utf8(message).text("subject"), "с" * 100_000)
        self.assertLess(time.process_time() - began, SECONDS)
