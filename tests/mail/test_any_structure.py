"""Messages of any structure: another reader sees the same parts, and surgery touches only what it should."""

from __future__ import annotations

import email
from dataclasses import replace
from email.message import Message as StandardMessage

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.content import content
from mailrelay.mail.leaves import Leaf, change_leaves, leaves
from mailrelay.mail.message import Message
from mailrelay.mail.rebuild import File, NoText, attach, in_utf8, one_text
from mailrelay.mail.wire import wire

from .bounded import bounded
from .structures import TEXTS, messages


def parts_of(source: bytes) -> list[StandardMessage]:
    """The leaves that the standard library finds, a message within a message being one."""

    def found(part: StandardMessage) -> list[StandardMessage]:
        if part.get_content_maintype() != "multipart" or not part.is_multipart():
            return [part]
        return [leaf for each in part.get_payload() for leaf in found(each)]  # type: ignore[arg-type, union-attr]

    return found(email.message_from_bytes(source))


def opened(part: StandardMessage) -> bool:
    """Is it a text that is shown in place?"""
    return part.get_content_type() in ("text/plain", "text/html")


def said(part: StandardMessage) -> str:
    """The text of a part, by its charset."""
    octets = part.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return octets.decode(part.get_content_charset() or "us-ascii", "replace").replace("\r\n", "\n").rstrip("\n")


class AnyStructureTests(SynchronousTestCase):
    @given(messages)
    @bounded
    def test_same_parts(self, source: bytes) -> None:
        """M3: both readers see the same leaves, their types and their names; and the same octets in the texts."""
        ours, theirs = content(Message.parse(source)), parts_of(source)
        self.assertEqual([leaf.type for leaf in ours], [part.get_content_type() for part in theirs])
        self.assertEqual([not leaf.name for leaf in ours], [part.get_filename() is None for part in theirs])
        texts = [part for part in theirs if opened(part)]
        found = leaves(Message.parse(source))
        self.assertEqual([leaf.html for leaf in found], [part.get_content_subtype() == "html" for part in texts])
        for leaf, part in zip(found, texts, strict=True):
            if part.get_content_charset():
                text = leaf.octets.decode(leaf.codec, "replace")
                self.assertEqual(text.replace("\r\n", "\n").rstrip("\n"), said(part))

    @given(messages, st.sampled_from(TEXTS), st.sets(st.integers(0, 11)))
    @bounded
    def test_new_text(self, source: bytes, text: str, which: set[int]) -> None:
        """M10: a new text stands where it was put, every other leaf octet by octet as it stood; so at the next hop."""
        message = Message.parse(source)
        places = [number for number, part in enumerate(parts_of(source)) if opened(part)]
        chosen = {place for place in places if place in which}
        at = iter(places)

        def change(leaf: Leaf) -> Leaf:
            return replace(leaf, octets=text.encode(), codec="utf-8") if next(at) in chosen else leaf

        changed = change_leaves(message, change)
        if not chosen:
            self.assertIs(changed, message)
        before = parts_of(source)
        for seen in (changed.encode(), wire(changed, eight_bit=False)):
            after = parts_of(seen)
            self.assertEqual([part.get_content_type() for part in before], [part.get_content_type() for part in after])
            for number, (old, new) in enumerate(zip(before, after, strict=True)):
                if number in chosen:
                    self.assertEqual(said(new), text.replace("\r\n", "\n").rstrip("\n"))
                elif seen == changed.encode():
                    self.assertEqual(old.as_bytes(), new.as_bytes())
                elif old.get_content_type() != "message/rfc822":
                    self.assertEqual(_octets(old), _octets(new))

    @given(messages)
    @bounded
    def test_in_utf8(self, source: bytes) -> None:
        """In UTF-8 every text says what it said, and every other leaf is octet by octet what it was."""
        result = in_utf8(Message.parse(source)).encode()
        for old, new in zip(parts_of(source), parts_of(result), strict=True):
            if opened(old):
                self.assertIn(new.get_content_charset() or "us-ascii", ("utf-8", "us-ascii", old.get_content_charset()))
                if old.get_content_charset():
                    self.assertEqual(said(new), said(old))
            else:
                self.assertEqual(new.as_bytes(), old.as_bytes())

    @given(messages)
    @bounded
    def test_one_text(self, source: bytes) -> None:
        """One text is the first HTML, else the first plain one, in UTF-8, on lines that fit, and nothing beside it."""
        texts = [part for part in parts_of(source) if opened(part)]
        if not texts:
            self.assertRaises(NoText, one_text, Message.parse(source))
            return
        chosen = next((part for part in texts if part.get_content_subtype() == "html"), texts[0])
        result = one_text(Message.parse(source)).encode()
        (part,) = parts_of(result)
        self.assertEqual(part.get_content_type(), chosen.get_content_type())
        self.assertEqual(part.get_content_charset(), "utf-8")
        if chosen.get_content_charset():
            self.assertEqual(said(part), said(chosen))
        self.assertEqual(wire(Message.parse(result), eight_bit=False).rstrip(b"\r\n"), result.rstrip(b"\r\n"))

    @given(messages)
    @bounded
    def test_attach(self, source: bytes) -> None:
        """Behind what was there, which stays octet by octet, stands the file."""
        message = Message.parse(source)
        result = attach(message, [File("a.txt", "text/plain", b"file\n")], "01ID")
        self.assertIn(message.body, result.body)
        *before, file = parts_of(result.encode())
        self.assertEqual([part.get_content_type() for part in before], [p.get_content_type() for p in parts_of(source)])
        self.assertEqual((file.get_filename(), file.get_payload(decode=True)), ("a.txt", b"file\n"))


def _octets(part: StandardMessage) -> bytes:
    octets = part.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return octets.replace(b"\r\n", b"\n").rstrip(b"\n")
