"""The type of a file, by what is said, by its name, and by its octets."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.filetype import WrongType, type_of

PNG = b"\x89PNG\r\n\x1a\n...."


class TypeTests(SynchronousTestCase):
    """Which type a file has."""

    def test_believed(self) -> None:
        """What is said counts, then the octets, then the name."""
        for name, said, begin, type in (
            ("a.png", "image/png", PNG, "image/png"),
            ("a", "Image/PNG; x=y", PNG, "image/png"),
            ("a", "", PNG, "image/png"),
            ("a.txt", "", PNG, "image/png"),
            ("a.png", "", b"text", "application/octet-stream"),
            ("a.csv", "", b"a;b", "text/csv"),
            ("a.csv", "application/octet-stream", b"a;b", "text/csv"),
            ("a", "application/x-own", b"a", "application/x-own"),
            ("a", "", b"a", "application/octet-stream"),
            ("a.pdf", "application/pdf", b"%PDF-1.7", "application/pdf"),
        ):
            self.assertEqual(type_of(name, said, begin), type, (name, said))

    def test_refused(self) -> None:
        """What the octets belie is refused, and what is no type of a file."""
        for said, begin in (
            ("image/png", b"<html>"),
            ("text/plain", PNG),
            ("image/gif", PNG),
            ("nonsense", b""),
            ("multipart/mixed", b""),
            ("message/rfc822", b""),
            ("text/plain\r\nX: y", b""),
        ):
            self.assertRaises(WrongType, type_of, "a", said, begin)
