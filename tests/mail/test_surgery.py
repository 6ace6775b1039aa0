"""Parts of a message are changed, and nothing else is."""

from __future__ import annotations

import email

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.message import Message
from mailrelay.mail.surgery import with_texts
from mailrelay.mail.tree import tree
from mailrelay.mail.wire import wire

from .bounded import bounded
from .structures import TEXTS, messages
from .test_tree import leaves_of

HEAD = b"Subject: x\r\n"


def retold(source: bytes, text: str, number: int = 0) -> bytes:
    message = Message.parse(source)
    return with_texts(message, [(tree(message)[number], text)]).encode()


class TextTests(SynchronousTestCase):
    """New text in the place of another."""

    @given(messages, st.sampled_from(TEXTS), st.sets(st.integers(0, 11)))
    @bounded
    def test_another_reader(self, source: bytes, text: str, which: set[int]) -> None:
        """M10: another reader finds the new text where it was put, and every other leaf as it was; so does the hop."""
        message = Message.parse(source)
        found = tree(message)
        chosen = [part for number, part in enumerate(found) if number in which and part.is_text]
        result = with_texts(message, [(part, text) for part in chosen]).encode()
        if not chosen:
            self.assertEqual(result, source)
        sent = wire(Message.parse(result), eight_bit=False)
        for seen in (result, sent):
            for part, before, after in zip(found, leaves_of(source), leaves_of(seen), strict=True):
                self.assertEqual(before.get_content_type(), after.get_content_type())
                content = after.get_payload(decode=True)
                if part in chosen:
                    assert isinstance(content, bytes)
                    charset = after.get_content_charset() or "us-ascii"
                    self.assertIn(charset, ("utf-8", "us-ascii"))
                    self.assertEqual(content.decode(charset).rstrip("\r\n"), text.rstrip("\r\n"))
                elif seen is result:
                    self.assertEqual(before.as_bytes(), after.as_bytes())

    @given(messages)
    @bounded
    def test_same_text(self, source: bytes) -> None:
        """A text put in its own place stays where its charset was UTF-8 and it was encoded as it stood."""
        message = Message.parse(source)
        plain = [
            (part, text)
            for part in tree(message)
            if part.is_text
            and part.kind.encoding in ("7bit", "8bit", "")
            and (text := part.text()) is not None
            and len(text) < 1_000
            and (part.charset == "utf-8" or (part.charset in ("", "us-ascii") and text.isascii()))
            and "--b" not in text
        ]
        self.assertEqual(with_texts(message, plain).encode(), source)

    def test_encodings(self) -> None:
        """The transfer encoding stays if it can carry the text; else the shorter one is taken."""
        for encoding, text, expected in (
            (b"7bit", "abc", b"Content-Transfer-Encoding: 7bit\r\n\r\nabc"),
            (b"7bit", "abcdefghijkl é", b"Content-Transfer-Encoding: quoted-printable\r\n"
             b"Content-Type: text/plain; charset=utf-8\r\nMIME-Version: 1.0\r\n\r\nabcdefghijkl =C3=A9"),
            (b"7bit", "éééé", b"Content-Transfer-Encoding: base64\r\nContent-Type: text/plain; charset=utf-8\r\n"
             b"MIME-Version: 1.0\r\n\r\nw6nDqcOpw6k=\r\n"),
            (b"8bit", "é", "Content-Transfer-Encoding: 8bit\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "MIME-Version: 1.0\r\n\r\né".encode()),
            (b"8bit", "a\nb", b"Content-Transfer-Encoding: 8bit\r\n\r\na\r\nb"),
            (b"base64", "abc", b"Content-Transfer-Encoding: base64\r\n\r\nYWJj\r\n"),
            (b"x-uuencode", "abc", b"Content-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\nabc"),
            (b"7bit", "abcdefghijkl\0", b"Content-Transfer-Encoding: quoted-printable\r\n"
             b"MIME-Version: 1.0\r\n\r\nabcdefghijkl=00"),
        ):  # fmt: skip
            with self.subTest(encoding=encoding, text=text):
                source = HEAD + b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\nold\r\n"
                self.assertEqual(retold(source, text), HEAD + expected)

    def test_no_delimiter(self) -> None:
        """M3: a text in which the boundary stands does not part anything."""
        source = (
            HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
            b"--b\r\nContent-Type: text/html\r\n\r\nold\r\n--b\r\n\r\nother\r\n--b--\r\n"
        )
        result = retold(source, "a\r\n--b\r\nb")
        self.assertEqual(len(tree(Message.parse(result))), 2)
        self.assertTrue(result.endswith(b"\r\n\r\nother\r\n--b--\r\n"))

    def test_content_type(self) -> None:
        """Parameters but the charset stay; a long field is folded."""
        for value, expected in (
            (b"text/html; x=y; charset=koi8-r; z=1", b"text/html; x=y; charset=utf-8; z=1"),
            (b"nonsense", b"text/plain; charset=utf-8"),
        ):
            source = HEAD + b"MIME-Version: 1.0\r\nContent-Type: " + value + b"\r\n\r\n\xe9"
            self.assertIn(b"\r\nContent-Type: " + expected + b"\r\n", retold(source, "é"))
        source = HEAD + b"Content-Type: text/plain; name=" + b"n" * 60 + b"; charset=koi8-r\r\n\r\nx"
        seen = email.message_from_bytes(retold(source, "é"))
        self.assertEqual((seen.get_filename(), seen.get_content_charset()), ("n" * 60, "utf-8"))

    def test_lone_surrogates(self) -> None:
        """What no UTF-8 can hold becomes a question mark, and nothing fails."""
        self.assertTrue(retold(HEAD + b"\r\nx", "\ud800").endswith(b"\r\n\r\n?"))
