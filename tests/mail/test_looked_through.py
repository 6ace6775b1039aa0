"""What is told of a message by looking at it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.looked_through import MOST_LINKS, Signature, alignment, links, signatures
from mailrelay.mail.message import Message
from tests.examples import at_most

HEAD = b'From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="x"\r\n\r\n'


def parts(text: bytes, html: bytes) -> Message:
    kinds = ((b"plain", text), (b"html", html))
    body = b"".join(b"--x\r\nContent-Type: text/%s\r\n\r\n%s\r\n" % each for each in kinds)
    return Message.parse(HEAD + body + b"--x--\r\n")


class LookedThrough(SynchronousTestCase):
    def test_links(self) -> None:
        """Links of both texts, each once, as a browser or a reader would follow them, without what ends a sentence."""
        message = parts(
            b"See https://a.test/x?y=1&z=2, (http://b.test/). mailto:a@b.test https://a.test/h",
            b'<a href="https://a.test/h">1</a> <a href="HTTPS://c.test/?a=1&amp;b=2">2</a> <a href="#top">3</a>',
        )
        self.assertEqual(
            links(message),
            ("https://a.test/x?y=1&z=2", "http://b.test/", "https://a.test/h", "HTTPS://c.test/?a=1&b=2"),
        )
        many = parts(b" ".join(b"http://a.test/%d" % number for number in range(2 * MOST_LINKS)), b"")
        self.assertEqual(len(links(many)), MOST_LINKS)

    @at_most(100)
    @given(st.binary(max_size=200))
    def test_whatever_comes(self, octets: bytes) -> None:
        """No message is too odd to be looked at."""
        message = Message.parse(octets)
        links(message)
        signatures(message)

    def test_signatures(self) -> None:
        """Each signature by what it says of itself, folded as it may be."""
        message = Message.parse(
            b"DKIM-Signature: v=1; a=rsa-sha256;\r\n d=Acme.test;\r\n\ts=k1; b=abc\r\nDKIM-Signature: nonsense\r\n\r\n"
        )
        self.assertEqual(signatures(message), (Signature("acme.test", "k1", "rsa-sha256"), Signature("", "", "")))

    def test_alignment(self) -> None:
        """The same domain is aligned strictly, one below the other by relaxed rules, and a mere ending is not."""
        for author, domain, expected in (
            ("acme.test", "ACME.test", "strict"),
            ("bücher.test", "xn--bcher-kva.test", "strict"),
            ("mail.acme.test", "acme.test", "relaxed"),
            ("acme.test", "bounces.acme.test", "relaxed"),
            ("acme.test", "macme.test", "none"),
            ("acme.test", "test", "none"),
            ("acme.test", "other.test", "none"),
            ("acme.test", "", "none"),
        ):
            self.assertEqual(alignment(author, domain), expected, (author, domain))
