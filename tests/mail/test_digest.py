"""The digest of a message: what was said, not how it was built."""

from __future__ import annotations

from dataclasses import replace
from email.message import EmailMessage
from email.utils import make_msgid

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.digest import digest
from mailrelay.mail.envelope import Instructions
from mailrelay.mail.message import Message

from .bounded import bounded

NOTHING = Instructions()


def built(text: str = "Hello", subject: str = "s", date: str = "Mon, 01 Jan 2026 00:00:00 +0000") -> Message:
    """A message of two alternatives with an attachment, as Python builds it: boundaries and id are drawn anew."""
    made = EmailMessage()
    made["From"] = "app@acme.test"
    made["Subject"] = subject
    made["Date"] = date
    made["Message-ID"] = make_msgid()
    made.set_content(text)
    made.add_alternative(f"<p>{text}</p>", subtype="html")
    made.add_attachment(b"abc", maintype="application", subtype="pdf", filename="a.pdf")
    return Message.parse(made.as_bytes())


class DigestTests(SynchronousTestCase):
    def test_built_anew(self) -> None:
        """A message built anew, with another date, id and boundaries, has the same digest."""
        first, again = built(), built(date="Tue, 02 Jan 2026 00:00:00 +0000")
        self.assertNotEqual(first.encode(), again.encode())
        self.assertEqual(digest(first, NOTHING), digest(again, NOTHING))

    def test_what_is_said_counts(self) -> None:
        """Another text, another subject, another wish: another digest."""
        asked = replace(NOTHING, variables='{"a": 1}', metadata={"a": "b"})
        made = {
            digest(built(), NOTHING),
            digest(built("Bye"), NOTHING),
            digest(built(subject="t"), NOTHING),
            digest(built(), asked),
            digest(built(), replace(asked, metadata={"a": "c"})),
        }
        self.assertEqual(len(made), 5)

    @given(st.binary(max_size=300), st.binary(max_size=300))
    @bounded
    def test_different_bodies(self, one: bytes, other: bytes) -> None:
        """Two messages without parts have one digest exactly if they are the same."""
        first, second = Message.parse(b"Subject: s\r\n\r\n" + one), Message.parse(b"Subject: s\r\n\r\n" + other)
        if b"boundary" not in (one + other).lower():
            same = first.encode() == second.encode()
            self.assertEqual(digest(first, NOTHING) == digest(second, NOTHING), same)

    def test_boundaries_that_begin_alike(self) -> None:
        """One boundary may begin with another."""
        source = "Content-Type: multipart/mixed; boundary={0}\r\n\r\n--{0}\r\nContent-Type: multipart/alternative;" + (
            '\r\n boundary="{0}{1}"\r\n\r\n--{0}{1}\r\n--{0}{1}--\r\n--{0}--\r\n'
        )
        made = [Message.parse(source.format(*names).encode()) for names in (("aaa", "b"), ("ccc", "dd"))]
        self.assertEqual(len({digest(each, NOTHING) for each in made}), 1)
