"""The strict reply parser: what is a reply, what is not, and what stays bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.reply import Reply
from mailrelay.smtp.replies import MAX_KEPT, ReplyParser

from ..examples import at_most


def parse(*chunks: bytes) -> tuple[list[Reply], ReplyParser]:
    parser = ReplyParser()
    return [reply for chunk in chunks for reply in parser.feed(chunk)], parser


class Replies(SynchronousTestCase):
    def test_one_line(self) -> None:
        """A line is code, status where it fits the code, and text."""
        self.assertEqual(parse(b"250 2.1.0 Ok\r\n")[0], [Reply(250, "2.1.0", "Ok")])
        self.assertEqual(parse(b"354 go\r\n")[0], [Reply(354, None, "go")])
        self.assertEqual(parse(b"250 5.1.0 no\r\n")[0], [Reply(250, None, "5.1.0 no")])
        self.assertEqual(parse(b"550 5.1.1\r\n")[0], [Reply(550, "5.1.1", "")])
        self.assertEqual(parse(b"250\r\n")[0], [Reply(250, None, "")])
        self.assertEqual(parse(b"250 1.2.3.4 it is\r\n")[0], [Reply(250, None, "1.2.3.4 it is")])

    def test_many_lines(self) -> None:
        """A reply of several lines is one reply; a status repeated on each line is said once."""
        replies, _ = parse(b"550-5.1.1 no such\r\n550-5.1.1 mailbox\r\n550 5.1.1 here\r\n250-\r\n250 x\r\n")
        self.assertEqual(replies, [Reply(550, "5.1.1", "no such\nmailbox\nhere"), Reply(250, None, "\nx")])

    def test_strict(self) -> None:
        """C-11: digits are digits, and nothing but three of them and a separator begins a reply."""
        for line in (
            b" 25 x", b"+25 x", b"2_5 x", b"25 x", b"2500 x", b"150 x", b"650 x", b"250_x", b"", b"ok",
            b"\xb2\xb5\xb0 x", b"250\tx", b"\x00250 x", "٢٥٠ x".encode(),
        ):  # fmt: skip
            replies, parser = parse(line + b"\r\n250 after\r\n")
            self.assertEqual((replies, bool(parser.fault)), ([], True), line)
            self.assertEqual(parser.feed(b"250 later\r\n"), [], line)

    def test_line_end(self) -> None:
        """A line ends in CRLF: a bare LF is a fault, a bare CR is text, escaped."""
        self.assertTrue(parse(b"250 x\n")[1].fault)
        self.assertTrue(parse(b"250 x\n250 y\r\n")[1].fault)
        self.assertEqual(parse(b"250 a\rb\r\n")[0], [Reply(250, None, "a\\rb")])

    def test_what_was_said_before_a_fault_counts(self) -> None:
        """C-11: garbage behind a reply does not take the reply back."""
        replies, parser = parse(b"250 Ok\r\ngarbage\r\n")
        self.assertEqual(replies, [Reply(250, None, "Ok")])
        self.assertTrue(parser.fault)

    def test_mixed_codes(self) -> None:
        """O7: one reply with two codes is none."""
        for reply in (b"250-x\r\n550 y\r\n", b"550-x\r\n250 y\r\n", b"250-x\r\n251-y\r\n"):
            replies, parser = parse(reply)
            self.assertEqual(replies, [], reply)
            self.assertIn("codes", parser.fault, reply)

    def test_endless_reply(self) -> None:
        """O7, C-11: a hundred lines are a reply, one more is a fault."""
        self.assertEqual(len(parse(b"250-x\r\n" * 99 + b"250 x\r\n")[0]), 1)
        self.assertIn("100 lines", parse(b"250-x\r\n" * 100 + b"250 x\r\n")[1].fault)

    def test_endless_line(self) -> None:
        """O7: of a line of ten megabytes two kilobytes are kept, and what follows is read as ever."""
        parser = ReplyParser()
        for _ in range(160):
            self.assertEqual(parser.feed(b"250 " + b"x" * 65532), [])
            self.assertLessEqual(len(parser._rest), MAX_KEPT + 1)
        self.assertTrue(parser.partial)
        replies = parser.feed(b"xx\r\n250 next\r\n")
        self.assertEqual([len(replies[0].text), replies[1].text], [MAX_KEPT - 4, "next"])
        whole, _ = parse(b"250 " + b"y" * 100_000 + b"\r\n")
        self.assertEqual(len(whole[0].text), MAX_KEPT - 4)
        self.assertFalse(parser.fault)

    def test_control_bytes(self) -> None:
        """O7: NUL, ANSI sequences and what is no UTF-8 are escaped; other languages stay readable."""
        reply = parse(b"550 \x00\x1b[31m\x7f\xff \xd0\xbd\xd0\xb5\xd1\x82 \xe2\x80\xa8\r\n")[0][0]
        self.assertEqual(reply.text, "\\x00\\x1b[31m\\x7f\\xff нет \\u2028")
        self.assertTrue(all(line.isprintable() for line in reply.text.split("\n")))

    @at_most(150)
    @given(
        st.lists(st.sampled_from([b"250 Ok\r\n", b"250-a\r\n", b"550 5.1.1 no\r\n", b"x", b"\r", b"\n", b"250", b"-"])),
        st.integers(0, 2**30),
    )
    def test_chunks_do_not_matter(self, pieces: list[bytes], cuts: int) -> None:
        """However the octets are cut into segments, the replies and the fault are the same."""
        stream = b"".join(pieces)
        whole, once = parse(stream)
        chunks, start = [], 0
        for at in range(len(stream)):
            if cuts >> (at % 30) & 1:
                chunks.append(stream[start : at + 1])
                start = at + 1
        parts, cut = parse(*chunks, stream[start:])
        self.assertEqual((whole, once.fault), (parts, cut.fault))

    @at_most(150)
    @given(st.lists(st.binary(max_size=300), max_size=20))
    def test_any_octets(self, chunks: list[bytes]) -> None:
        """Whatever arrives, nothing is raised, and what comes out is printable and in range."""
        replies, parser = parse(*chunks)
        for reply in replies:
            self.assertTrue(200 <= reply.code <= 599)
            self.assertTrue(all(line.isprintable() for line in reply.text.split("\n")))
        self.assertLessEqual(len(parser._rest), MAX_KEPT + 1)
