"""The judges of a wire form: law 6 in full, and the standard library's `email` as a reader that is not ours."""

from __future__ import annotations

import email
import re

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.message import Message
from mailrelay.mail.wire import wire

LONG = b"x" * 1500


def sent(source: bytes, *, eight_bit: bool = False) -> bytes:
    return wire(Message.parse(source), eight_bit=eight_bit)


def leaves(source: bytes) -> list[tuple[str, bytes]]:
    """Type and decoded content of every leaf, as another reader sees them."""
    found = []
    for part in email.message_from_bytes(source).walk():
        if not part.is_multipart():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            found.append((part.get_content_type(), content))
    return found


class WireCase(SynchronousTestCase):
    """Tests that judge by law 6."""

    def assert_law(self, result: bytes, source: bytes = b"") -> None:
        self.assertEqual(result.count(b"\r\n"), result.count(b"\r"), source)
        self.assertEqual(result.count(b"\r\n"), result.count(b"\n"), source)
        self.assertNotIn(b"\0", result, source)
        self.assertTrue(result.endswith(b"\r\n"), source)
        self.assertLessEqual(max(map(len, result.split(b"\r\n"))), 998, source)
        head = b"" if result.startswith(b"\r\n") else result.partition(b"\r\n\r\n")[0]
        self.assertIsNone(re.search(rb"\n[ \t]+\r?\n", head), source)
