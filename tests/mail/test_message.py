"""A message over bytes: one reading for everyone, edits that touch nothing else (RFC 5322)."""

from __future__ import annotations

import email
import time

import dkim
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.header import encode
from mailrelay.mail.message import Message, canonical, has_nul

from .bounded import bounded

SOURCE = (
    b"Received: by one\r\n\twith SMTP\r\nFrom: a@b\r\nSubject: =?utf-8?q?J=C3=A4?=\r\n there\r\n"
    b"subject: second\r\nX-Empty:\r\n\r\nbody\r\n\r\nFrom: not a field\r\n"
)
FRAGMENTS = st.lists(
    st.sampled_from(
        [
            b"\r",
            b"\n",
            b"\r\n",
            b" ",
            b"\t",
            b":",
            b"From",
            b"From ",
            b">From ",
            b"a@b",
            b"Subject:",
            b"X",
            b"\0",
            b"\xe9",
            b".",
        ]
    ),
    max_size=30,
).map(b"".join)


class CanonicalTests(SynchronousTestCase):
    """Line ends are CRLF, and nothing else changes."""

    def test_table(self) -> None:
        """S1 to S8: every bare CR and LF becomes a line end of its own."""
        for source, expected in {
            b"": b"",
            b"a\r\nb": b"a\r\nb",
            b"a\nb\r\n": b"a\r\nb\r\n",
            b"a\rb": b"a\r\nb",
            b"\n.\n": b"\r\n.\r\n",
            b"\r\n.\n": b"\r\n.\r\n",
            b"\r.\r": b"\r\n.\r\n",
            b"\n\r": b"\r\n\r\n",
            b"\r\r\n": b"\r\n\r\n",
            b"\r\n\n": b"\r\n\r\n",
            b"\n\r\r\n": b"\r\n\r\n\r\n",
        }.items():
            with self.subTest(source=source):
                self.assertEqual(canonical(source), expected)

    def test_clean_source_is_itself(self) -> None:
        """A source that is canonical is not even copied."""
        self.assertIs(canonical(SOURCE), SOURCE)

    @given(FRAGMENTS | st.binary(max_size=60))
    @bounded
    def test_law(self, source: bytes) -> None:
        """No bare CR or LF is left, a second pass changes nothing, and all other octets stay in order."""
        result = canonical(source)
        self.assertNotIn(b"\r", result.replace(b"\r\n", b""))
        self.assertNotIn(b"\n", result.replace(b"\r\n", b""))
        self.assertIs(canonical(result), result)
        self.assertEqual(result.translate(None, b"\r\n"), source.translate(None, b"\r\n"))

    def test_nul(self) -> None:
        """S9, S10: a NUL is reported."""
        self.assertTrue(has_nul(b"a\0"))
        self.assertFalse(has_nul(b"a"))


class ReadTests(SynchronousTestCase):
    """What is in the header."""

    def test_fields(self) -> None:
        message = Message.parse(SOURCE)
        self.assertEqual([name for name, _ in message.fields], ["received", "from", "subject", "subject", "x-empty"])
        self.assertEqual(message.fields[0][1], b"Received: by one\r\n\twith SMTP\r\n")
        self.assertEqual(message.body, b"body\r\n\r\nFrom: not a field\r\n")
        self.assertEqual(message.encode(), SOURCE)
        self.assertEqual(message.head() + b"\r\n" + message.body, SOURCE)

    def test_values(self) -> None:
        message = Message.parse(SOURCE)
        self.assertEqual(message.get("RECEIVED"), b"by one\twith SMTP")
        self.assertEqual(message.all("Subject"), (b"=?utf-8?q?J=C3=A4?= there", b"second"))
        self.assertEqual(message.text("subject"), "Jä there")
        self.assertEqual(message.get("x-empty"), b"")
        self.assertIsNone(message.get("to"))
        self.assertEqual(message.text("to"), "")
        self.assertEqual(message.all("to"), ())

    def test_two_froms(self) -> None:
        """A11: two From fields are seen as two, however they are written."""
        for second in (b"From: c@d", b"FROM:c@d", b"From : c@d", b"From\t: c@d", b"from:\r\n c@d"):
            message = Message.parse(b"From: a@b\r\n" + second + b"\r\n\r\n")
            self.assertEqual(message.all("From"), (b"a@b", b"c@d"))
            self.assertEqual(email.message_from_bytes(message.encode()).get_all("From", [])[0], "a@b")
            self.assertEqual(len(email.message_from_bytes(message.encode()).get_all("From", [])), 2)

    def test_sane_reading(self) -> None:
        """S14: where the header ends is said by an empty line from then on, at the place where we stopped reading."""
        for source, expected in {
            b"Subject: a\nBcc: x\n\nb": b"Subject: a\r\nBcc: x\r\n\r\nb",
            b"Subject: a\rBcc: x\r\rb": b"Subject: a\r\nBcc: x\r\n\r\nb",
            b"hello\r\nFrom: a@b\r\n\r\nx": b"\r\nhello\r\nFrom: a@b\r\n\r\nx",
            b"From: a@b\r\nhello\r\nTo: c@d\r\n\r\nx": b"From: a@b\r\n\r\nhello\r\nTo: c@d\r\n\r\nx",
            b" From: a@b\r\n\r\nx": b"\r\n From: a@b\r\n\r\nx",
            b"From x Mon Jan 1 00:00:00 2024\r\n>From y\r\nTo: a@b\r\n\r\nx": b"To: a@b\r\n\r\nx",
            b"From : a@b\r\n\r\nx": b"From: a@b\r\n\r\nx",
            b"Subject: a\r\n \t\r\nTo: b\r\n\r\nx": b"Subject: a\r\nTo: b\r\n\r\nx",
            b"Subject: a\r\n \r\n b\r\n\r\nx": b"Subject: a\r\n b\r\n\r\nx",
            b"Subject: a": b"Subject: a\r\n\r\n",
            b"Subject: a\r\n ": b"Subject: a\r\n\r\n",
            b"Subject\xe9: a\r\n\r\nx": b"\r\nSubject\xe9: a\r\n\r\nx",
            b"N" * 256 + b": a\r\n\r\nx": b"\r\n" + b"N" * 256 + b": a\r\n\r\nx",
            b": a\r\n\r\nx": b"\r\n: a\r\n\r\nx",
            b"\r\nFrom: a@b\r\n": b"\r\nFrom: a@b\r\n",
            b"": b"\r\n",
        }.items():
            with self.subTest(source=source):
                self.assertEqual(Message.parse(source).encode(), expected)

    @given(FRAGMENTS)
    @example(b"From \r\nFrom \r\n")
    @example(b">From \nFrom :x")
    @bounded
    def test_reader_agrees(self, source: bytes) -> None:
        """S14: what we read from a message is read from what we made of it, by us, a verifier and another reader."""
        message = Message.parse(source)
        sent = message.encode()
        self.assertEqual(Message.parse(sent).encode(), sent)
        self.assertEqual(Message.parse(sent).fields, message.fields)
        verified = dkim.rfc822_parse(sent)
        self.assertEqual([name.lower().decode() for name, _ in verified[0]], [name for name, _ in message.fields])
        self.assertEqual(verified[1], message.body)
        if b"\0" not in sent and b">From" not in sent:
            other = email.message_from_bytes(sent)
            self.assertEqual([name.lower() for name in other], [name for name, _ in message.fields])

    def test_linear(self) -> None:
        """L6, M8: a hundred thousand fields, folds or blanks cost no more than their number."""
        begin = time.process_time()
        for piece in (b"A: b\r\n", b"A:\r\n", b" b\r\n", b" \r\n", b"A", b"A ", b"From \r\n", b"\r", b"\n"):
            Message.parse(b"X: y\r\n" + piece * 100_000)
            Message.parse(piece * 100_000)
        self.assertLess(time.process_time() - begin, 6)


class EditTests(SynchronousTestCase):
    """An edit makes another message; all that it does not name stays byte for byte."""

    def setUp(self) -> None:
        self.message = Message.parse(SOURCE)

    def test_drop_and_keep(self) -> None:
        names = ("SUBJECT", "x-empty")
        self.assertEqual([name for name, _ in self.message.drop(*names).fields], ["received", "from"])
        self.assertEqual([name for name, _ in self.message.keep(*names).fields], ["subject", "subject", "x-empty"])
        self.assertEqual(self.message.encode(), SOURCE)
        self.assertEqual(self.message.drop(*names).body, self.message.body)

    def test_replace(self) -> None:
        """The new field stands where the first of its name stood, and is the only one."""
        changed = self.message.replace(encode("Subject", "new"))
        self.assertEqual([name for name, _ in changed.fields], ["received", "from", "subject", "x-empty"])
        self.assertEqual(changed.text("Subject"), "new")
        self.assertEqual(self.message.replace(b"To: x\r\n").fields[-1], ("to", b"To: x\r\n"))

    def test_add(self) -> None:
        changed = self.message.prepend(b"A: 1\r\n", b"B: 2\r\n\t3\r\n").append(b"C: 4\r\n")
        self.assertEqual(changed.encode()[:18], b"A: 1\r\nB: 2\r\n\t3\r\nRe")
        self.assertEqual(changed.fields[-1], ("c", b"C: 4\r\n"))

    def test_only_whole_fields(self) -> None:
        """S25: nothing but one complete field can be put in, so none comes along."""
        for raw in (
            b"",
            b"A: b",
            b"A: b\r\nC: d\r\n",
            b"A: b\r\n\r\n",
            b"A: b\nC: d\r\n",
            b"A\r\n",
            b"A: b\r\nx\r\n",
            b" A: b\r\n",
        ):
            for edit in (self.message.replace, self.message.prepend, self.message.append):
                self.assertRaises(ValueError, edit, raw)
