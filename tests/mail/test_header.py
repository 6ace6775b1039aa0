"""Header values: what is read is one harmless line, what is written is one field (RFC 5322, RFC 2047)."""

from __future__ import annotations

import codecs
import email.header
import time

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.header import CHARSETS, MAX_LINE, decode, encode, fold, one_line, unfold
from mailrelay.mail.message import Message

from .bounded import bounded

HOSTILE = st.text("ab \r\n\t\0\x0b\x85\u2028:=?qü€𝄞_-", max_size=120) | st.text(max_size=300)


class DecodeTests(SynchronousTestCase):
    """A value becomes one line of text, whatever it holds."""

    def test_table(self) -> None:
        for value, expected in {
            b"plain": "plain",
            b" folded\r\n\t value \r\n": "folded  value",
            b"=?utf-8?q?J=C3=A4_x?=": "Jä x",
            b"=?UTF-8?B?SsOk?=": "Jä",
            b"a =?utf-8?q?b?= c": "a b c",
            b"=?utf-8?q?a?= \r\n =?utf-8?q?b?=": "ab",
            b"=?utf-8?q?a?= =?iso-8859-1?q?=E9?= =?utf-8?q?b?=": "aéb",
            b"=?utf-8?b?ww==?= =?utf-8?b?qQ==?=": "é",
            b"=?utf-8*de?q?x?=": "x",
            b"=?koi8-r?b?8NLJ18XU?=": "Привет",
            b"=?ks_c_5601-1987?b?sKE=?=": "가",
            b"\xc3\xa9": "é",
            b"\xe9": "é",
            b"=?utf-8?q?=E9?=": "\ufffd",
            b"=?utf-8?b?!?=": "=?utf-8?b?!?=",
            b"=?utf-8?b?a?=": "=?utf-8?b?a?=",
            b"=?utf-8?x?a?=": "=?utf-8?x?a?=",
            b"=?utf-8?q?a b?=": "=?utf-8?q?a b?=",
            b"=?utf-8?q?a": "=?utf-8?q?a",
            b"": "",
        }.items():
            with self.subTest(value=value):
                self.assertEqual(decode(value), expected)

    def test_closed_charsets(self) -> None:
        """M6: a charset outside the list, or the name of a codec that is none for mail, stays as it stands."""
        for charset in (
            *("utf-7", "utf-16", "utf-32", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "zlib", "zip"),
            *("bz2", "hex", "base64", "rot13", "uu", "quopri", "undefined", "mbcs", "x-unknown", "../x"),
        ):
            word = f"=?{charset}?q?+AGE-a?="
            with self.subTest(charset=charset):
                self.assertEqual(decode(word.encode()), word)

    def test_every_charset_reads(self) -> None:
        """Each name on the list is a text codec of this Python."""
        for name, codec in CHARSETS.items():
            with self.subTest(name=name):
                self.assertTrue(codecs.lookup(codec)._is_text_encoding)  # type: ignore[attr-defined]
                self.assertEqual(decode(f"=?{name}?q?plain?=".encode()), "plain")

    def test_encoded_controls(self) -> None:
        """S25: a line end that was hidden in an encoded word is none any more."""
        self.assertEqual(decode(b"=?utf-8?q?a=0D=0ABcc:_x=00=E2=80=A8?="), "a Bcc: x ")

    @given(st.binary(max_size=200) | HOSTILE.map(lambda text: text.encode("utf-8", "surrogatepass")))
    @example(b"=?utf-8?q?=ED=A0=80?=")
    @bounded
    def test_one_line(self, value: bytes) -> None:
        """Never raises; what it gives is one line, without control characters, that UTF-8 can hold."""
        text = decode(value)
        self.assertEqual(one_line(text), text)
        self.assertEqual(len(text.splitlines()), 1 if text else 0)
        text.encode("utf-8")

    def test_linear(self) -> None:
        """M8: a hundred thousand encoded words, or what looks like their beginnings, are read in well under seconds."""
        begin = time.process_time()
        for piece in (
            b"=?utf-8?q?a?= ",
            b"=?",
            b"=?a",
            b"=?a?q",
            b"=?a?q?",
            b"=?a?q?b",
            b"?=",
            b"=?utf-8?b?",
            b"\r\n ",
        ):
            decode(piece * 100_000)
        self.assertLess(time.process_time() - begin, 5)


class EncodeTests(SynchronousTestCase):
    """Text becomes one field, and nothing but one field."""

    def test_plain(self) -> None:
        self.assertEqual(encode("Subject", "Hello there"), b"Subject: Hello there\r\n")
        self.assertEqual(encode("Subject", ""), b"Subject:\r\n")
        self.assertEqual(encode("Subject", " \r\n "), b"Subject:\r\n")

    def test_injection(self) -> None:
        """S25: line ends of every kind become spaces; the number of fields stays one."""
        for end in ("\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\0"):
            raw = encode("Subject", f"a{end}Bcc: x@y")
            self.assertEqual(raw, b"Subject: a Bcc: x@y\r\n")

    def test_looks_encoded(self) -> None:
        """S25: text that looks like an encoded word is sent as text."""
        raw = encode("Subject", "=?utf-8?q?x?=")
        self.assertNotIn(b"=?utf-8?q?x?=", raw)
        self.assertEqual(decode(raw[8:]), "=?utf-8?q?x?=")

    def test_not_text(self) -> None:
        """H16: half of a surrogate pair, which UTF-8 cannot hold, becomes a space."""
        self.assertEqual(encode("Subject", "a\ud800b\udfff"), b"Subject: a b\r\n")

    def test_names(self) -> None:
        """S25: a name that is none is refused."""
        for name in ("", "a b", "a:", "a\r\nb", "ü", "x" * 256, "a\0"):
            self.assertRaises(ValueError, encode, name, "x")

    @given(st.from_regex("[!-9;-~]{1,255}", fullmatch=True) | st.just("X"), HOSTILE)
    @example("X", "b" * 2000)
    @example("X", "a" + " " * 2000 + "b")
    @example("X" * 255, "ü" * 500)
    @bounded
    def test_round_trip(self, name: str, text: str) -> None:
        """S25: always one field, in ASCII, with lines that fit; reading it gives the text again, here and elsewhere."""
        raw = encode(name, text)
        message = Message.parse(raw + b"\r\nbody")
        self.assertEqual([field[1] for field in message.fields], [raw])
        self.assertTrue(raw.isascii())
        self.assertLessEqual(max(map(len, raw.split(b"\r\n"))), MAX_LINE)
        self.assertFalse(any(line and not line.strip() for line in raw.split(b"\r\n")))
        clean = one_line(text).strip(" ")
        self.assertEqual(decode(raw[len(name) + 1 :]), clean)
        if b"=?" in raw:
            words = email.header.decode_header(raw[len(name) + 1 :].replace(b"\r\n", b"").decode().strip())
            self.assertEqual("".join(octets.decode(charset) for octets, charset in words), clean)
            self.assertLessEqual(max(len(word) for word in raw.split()), max(75, len(name) + 1))

    @given(st.text("ab \t", max_size=300))
    @bounded
    def test_fold(self, text: str) -> None:
        """Folding is undone by unfolding, and never makes a line of white space only."""
        value = b" x" + text.encode()
        lines = fold(b"Subject:", value)
        self.assertTrue(all(line.strip() for line in lines))
        self.assertEqual(unfold(b"\r\n".join(lines)[8:]), value.strip(b" \t"))
