"""TLSA records: which can be used, and what they match (RFC 6698, RFC 7672; T14)."""

from __future__ import annotations

from hashlib import sha256, sha512

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.answer import Tlsa
from mailrelay.policy.dane import matches, shown, usable

CERTIFICATE, KEY = b"a certificate", b"a public key"


class DaneTests(SynchronousTestCase):
    def test_usable(self) -> None:
        """Usages 2 and 3 are for SMTP, PKIX-TA and PKIX-EE are not; nor is what is unknown or has a wrong length."""
        digest, long = bytes(32), bytes(64)
        good = [Tlsa(u, s, m, d) for u in (2, 3) for s in (0, 1) for m, d in ((0, b"x"), (1, digest), (2, long))]
        bad = [
            Tlsa(0, 1, 1, digest),
            Tlsa(1, 1, 1, digest),
            Tlsa(4, 1, 1, digest),
            Tlsa(3, 2, 1, digest),
            Tlsa(3, 1, 3, digest),
            Tlsa(3, 1, 1, long),
            Tlsa(3, 1, 2, digest),
            Tlsa(3, 1, 0, b""),
        ]
        self.assertEqual(usable([*bad, *good, "a text"]), tuple(good))
        self.assertEqual(usable(bad), ())

    def test_matches(self) -> None:
        """The whole or a digest, of the certificate or of its key."""
        for selector, part in ((0, CERTIFICATE), (1, KEY)):
            for matching, data in ((0, part), (1, sha256(part).digest()), (2, sha512(part).digest())):
                self.assertTrue(matches(Tlsa(3, selector, matching, data), CERTIFICATE, KEY))
                self.assertFalse(matches(Tlsa(3, 1 - selector, matching, data), CERTIFICATE, KEY))
                self.assertFalse(matches(Tlsa(3, selector, matching, data), b"another", b"another"))

    def test_shown(self) -> None:
        """As zone files write it."""
        self.assertEqual(shown(Tlsa(3, 1, 1, b"\x0a\xff")), "3 1 1 0aff")

    @given(*[st.integers(0, 255)] * 3, st.binary(max_size=70))
    def test_any(self, usage: int, selector: int, matching: int, data: bytes) -> None:
        """No record is a reason to fail, and one of a digest matches no other part."""
        for record in usable([Tlsa(usage, selector, matching, data)]):
            self.assertEqual(matches(record, b"", b""), matches(record, b"", b""))
