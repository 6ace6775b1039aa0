"""Replies on the wire (RFC 5321 4.2) and the exception that asks for one."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.reply import Refusal, Reply

from .bounded import bounded

CODES = st.integers(200, 599)
STATUSES = st.none() | st.from_regex(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True)


class EncodeTests(SynchronousTestCase):
    """Whatever a reply says, its lines are lines of a reply."""

    def test_forms(self) -> None:
        self.assertEqual(Reply(250, None, "Ok").encode(), b"250 Ok\r\n")
        self.assertEqual(Reply(550, "5.7.1", "No").encode(), b"550 5.7.1 No\r\n")
        self.assertEqual(Reply(250, "2.0.0", "a\nb\n").encode(), b"250-2.0.0 a\r\n250-2.0.0 b\r\n250 2.0.0 \r\n")
        self.assertEqual(Reply(550, None, "a\r\0ü\x7f").encode(), b"550 a\\r\\x00\\xfc\\x7f\r\n")
        self.assertEqual(str(Reply(550, "5.7.1", "No")), "550 5.7.1 No")
        self.assertEqual(str(Reply(550, None, "No")), "550 No")

    @given(CODES, STATUSES, st.text(max_size=700) | st.text("a\r\n\0ü", max_size=60) | st.just("x" * 2000))
    @bounded
    def test_law(self, code: int, status: str | None, text: str) -> None:
        """I7: no line over 512 octets, no control byte, every line with the code, only the last without a dash."""
        wire = Reply(code, status, text).encode()
        lines = wire.split(b"\r\n")
        self.assertEqual(lines.pop(), b"")
        self.assertEqual(len(lines), text.count("\n") + 1)
        for number, line in enumerate(lines, 1):
            self.assertLessEqual(len(line) + 2, 512)
            mark = b" " if number == len(lines) else b"-"
            self.assertTrue(line.startswith(str(code).encode() + mark + (status or "").encode()))
            self.assertIsNone(re.search(rb"[^\t\x20-\x7e]", line))

    def test_meaning(self) -> None:
        """What a client is to do with it."""
        for code, meaning in {
            220: (True, False, False),
            221: (True, False, True),
            354: (True, False, False),
            421: (False, True, True),
            451: (False, True, False),
            550: (False, False, False),
        }.items():
            reply = Reply(code, None, "")
            self.assertEqual((reply.positive, reply.transient, reply.closes), meaning)


class RefusalTests(SynchronousTestCase):
    """A refusal names a key and says why, and says nothing else."""

    def test_says_why(self) -> None:
        refusal = Refusal("rate", {"seconds": 10}, rule="limit", facts={"left": 0})
        self.assertEqual(
            (refusal.key, refusal.fields, refusal.rule, refusal.facts), ("rate", {"seconds": 10}, "limit", {"left": 0})
        )
        self.assertEqual(str(refusal), "rate (limit)")
        self.assertEqual(str(Refusal("rate")), "rate")
        self.assertEqual((Refusal("rate").fields, Refusal("rate").facts), ({}, {}))
