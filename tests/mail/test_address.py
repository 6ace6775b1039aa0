"""What passes as an address, and which addresses are one (RFC 5321 4.1.2, RFC 6531)."""

from __future__ import annotations

import time
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.address import (
    AddressError,
    Mailbox,
    domain_key,
    parse_mailbox,
    parse_path,
    split_path,
    unverp,
    verp,
)

from .bounded import bounded

LITERAL = "a@[IPv6:2001:db8::1]"
LABEL = "l" * 63

#: P20, P22, P23: what stands behind ``RCPT TO:`` → the address as it goes on, or why it is refused.
VERDICTS = {
    "<a@b>": "a@b",
    " <a@b>": "a@b",
    "a@b": "a@b",
    "<A.b+tag@EX.com>": "A.b+tag@ex.com",
    "<a@ex.com.>": "a@ex.com",
    "<postmaster>": "postmaster@relay.example",
    "<PostMaster>": "PostMaster@relay.example",
    "postmaster": "postmaster@relay.example",
    "<@r.example:a@b>": "a@b",
    "<@r.example,@s.example:a@b>": "a@b",
    "<@[IPv6:::1]:a@b>": "a@b",
    '<"a b"@d>': '"a b"@d',
    '<"a.b"@d>': "a.b@d",
    '<"a..b"@d>': '"a..b"@d',
    r'<"a\"b"@d>': r'"a\"b"@d',
    r'<"a\\b"@d>': r'"a\\b"@d',
    r'<"\a\b"@d>': "ab@d",
    '<"a@b"@d>': '"a@b"@d',
    "<a@[192.0.2.1]>": "a@[192.0.2.1]",
    "<a@[IPv6:::1]>": "a@[IPv6:::1]",
    "<a@[ipv6:2001:DB8:0:0::1]>": LITERAL,
    "<a@b-c.d3>": "a@b-c.d3",
    "<a@1.d>": "a@1.d",
    '<"victim@gmail.com x"@internal>': '"victim@gmail.com x"@internal',
    "<=?utf-8?q?a=40b?=@h>": "=?utf-8?q?a=40b?=@h",
    f"<{'l' * 64}@d>": f"{'l' * 64}@d",
    f"<a@{LABEL}.d>": f"a@{LABEL}.d",
    f"<a@{'.'.join([LABEL] * 3)}.{'m' * 60}>": f"a@{'.'.join([LABEL] * 3)}.{'m' * 60}",
    "<>": AddressError("address missing"),
    "": AddressError("address missing"),
    " ": AddressError("address missing"),
    "<": AddressError("domain missing"),
    "<a@b": AddressError("malformed local part"),
    "a@b>": AddressError("malformed domain"),
    "< a@b>": AddressError("malformed local part"),
    "<a@b >": AddressError("malformed domain"),
    "<<a@b>>": AddressError("malformed local part"),
    "<a>": AddressError("domain missing"),
    "<a@>": AddressError("empty label in domain"),
    "<a@.>": AddressError("empty label in domain"),
    "<a@b..c>": AddressError("empty label in domain"),
    "<@d>": AddressError("local part missing"),
    '<""@d>': AddressError("malformed local part"),
    "<a@b@c>": AddressError("malformed local part"),
    "<a@b:25>": AddressError("malformed domain"),
    "<.a@d>": AddressError("malformed local part"),
    "<a.@d>": AddressError("malformed local part"),
    "<a..b@d>": AddressError("malformed local part"),
    "<a b@d>": AddressError("malformed local part"),
    '<"a"b@d>': AddressError("malformed local part"),
    '<"a@d>': AddressError("malformed local part"),
    '<"a\\"@d>': AddressError("malformed local part"),
    "<a@-b>": AddressError("malformed domain"),
    "<a@b->": AddressError("malformed domain"),
    "<a@b_c.d>": AddressError("malformed domain"),
    "<a@192.0.2.1>": AddressError("numeric domain"),
    "<a@[192.0.2.256]>": AddressError("malformed address literal"),
    "<a@[IPv6:::1%eth0]>": AddressError("malformed address literal"),
    "<a@[IPv6:x]>": AddressError("malformed address literal"),
    "<a@[x-tag:y]>": AddressError("malformed address literal"),
    "<a@[192.0.2.1>": AddressError("malformed address literal"),
    "<a@good(x)evil>": AddressError("malformed domain"),
    "<a@b>,<c@d>": AddressError("malformed local part"),
    f"<{'l' * 65}@d>": AddressError("local part too long"),
    f"<a@{LABEL}l.d>": AddressError("label too long in domain"),
    f"<a@{'.'.join([LABEL] * 3)}.{'m' * 61}>": AddressError("path too long"),
    f"<@{'r' * 250}:a@b>": AddressError("path too long"),
}

#: P24, P25: the same for addresses beyond ASCII.
INTERNATIONAL = {
    "<ü@d>": "ü@d",
    '<"ü x"@d>': '"ü x"@d',
    "<a@bücher.example>": "a@xn--bcher-kva.example",
    "<a@BÜCHER.Example.>": "a@xn--bcher-kva.example",
    "<a@bu\u0308cher.example>": "a@xn--bcher-kva.example",
    "<a@xn--bcher-kva.example>": "a@xn--bcher-kva.example",
    "<a@XN--BCHER-KVA.example>": "a@xn--bcher-kva.example",
    "<a@xn--fa-hia.de>": "a@xn--fa-hia.de",
    "<a@пример.рф>": "a@xn--e1afmkfd.xn--p1ai",
    f"<{'ü' * 32}@d>": f"{'ü' * 32}@d",
    "<a@faß.de>": AddressError("ambiguous international domain"),
    "<a@\u0627\u200d\u0628.example>": AddressError("control or unprintable character"),
    "<a@xn--zzzzzzz99999.de>": AddressError("malformed international domain"),
    "<a@xn--a.de>": AddressError("malformed international domain"),
    "<a@xn--.de>": AddressError("malformed domain"),
    "<a@❤.example>": AddressError("malformed international domain"),
    "<a@b。example>": AddressError("malformed international domain"),
    f"<a@{'ü' * 63}.example>": AddressError("malformed international domain"),
    f"<{'ü' * 33}@d>": AddressError("local part too long"),
    f"<a@{'.'.join(['ü' * 50] * 3)}>": AddressError("path too long"),
    f"<a@{'.'.join(['ü' * 20] * 9)}>": AddressError("path too long"),
    # Fits as given, but not in the A-labels that go out.
    f"<{'l' * 64}@{'.'.join(['ü'] * 30)}>": AddressError("path too long"),
}


def verdict(text: str) -> str:
    try:
        mailbox = parse_path(text, postmaster="relay.example")
    except AddressError as error:
        return f"refused: {error}"
    assert mailbox is not None
    return mailbox.address


class PathTests(SynchronousTestCase):
    """Each path has one fixed verdict."""

    def test_table(self) -> None:
        """P20, P22, P23, P24, P25: what passes, in which form it goes on, and why the rest is refused."""
        for text, expected in (VERDICTS | INTERNATIONAL).items():
            with self.subTest(text=text):
                self.assertEqual(verdict(text), f"refused: {expected}" if isinstance(expected, Exception) else expected)

    def test_null_path(self) -> None:
        """P20: the null path is a reverse path only, and needs its brackets."""
        self.assertIsNone(parse_path("<>", null=True))
        self.assertIsNone(parse_path(" <>", null=True))
        for text in ("", " ", "<", "<<>>"):
            self.assertRaises(AddressError, parse_path, text, null=True)

    def test_postmaster_needs_a_domain(self) -> None:
        """P20: as a sender, postmaster without a domain is no address."""
        self.assertRaises(AddressError, parse_path, "<postmaster>", null=True)

    def test_control_characters(self) -> None:
        """P21: no control byte, DEL, C1 or line separator passes, quoted or not, in any place."""
        for code in (*range(32), *range(127, 160), 0x2028, 0x2029, 0x85, 0x200B, 0x202E, 0xFEFF, 0xD800):
            for text in (f'<"x{chr(code)}DATA"@d>', f"<x{chr(code)}y@d>", f"<x@d{chr(code)}e>", f'<"\\{chr(code)}"@d>'):
                with self.subTest(text=text):
                    self.assertRaises(AddressError, parse_path, text)

    def test_long_labels_are_cheap(self) -> None:
        """P25: a label or domain of any length is refused before anything costly is done with it."""
        begin = time.process_time()
        for _ in range(20):
            for label in ("ü" * 10_000, "xn--" + "a" * 10_000, "ü\u0301" * 5_000, "." * 10_000, "a." * 10_000):
                self.assertRaises(AddressError, domain_key, label)
                self.assertRaises(AddressError, parse_path, f"<a@{label}>")
                self.assertRaises(AddressError, parse_mailbox, f"a@{label}")
        self.assertLess((time.process_time() - begin) / 300, 0.005)

    @given(st.text(max_size=40) | st.text('<>@",:;()[]\\. ab\r\n\0ü', max_size=30))
    @example('<"\\\n"@d>')
    @bounded
    def test_whatever_passes_is_harmless(self, text: str) -> None:
        """P21: an address that was taken is printable, within its limits, and reads back as the same mailbox."""
        try:
            mailbox = parse_path(text)
        except AddressError as error:
            self.assertTrue(str(error))
            return
        assert mailbox is not None
        self.assertTrue(mailbox.address.isprintable())
        self.assertTrue(mailbox.domain.isascii())
        self.assertLessEqual(len(mailbox.address.encode()), 254)
        self.assertEqual(parse_path(f"<{mailbox.address}>"), mailbox)

    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30))
    @bounded
    def test_any_printable_local_part_can_be_quoted(self, local: str) -> None:
        """A local part of printable ASCII survives being written and read."""
        self.assertEqual(parse_mailbox(Mailbox(local, "d").address).local, local)


class SplitTests(SynchronousTestCase):
    """The path ends where its grammar says, not at the first space."""

    def test_parameters(self) -> None:
        for text, expected in {
            "<a@b>": ("<a@b>", ""),
            " <a@b> SIZE=1": ("<a@b>", "SIZE=1"),
            '<"a b"@d> SIZE=1 BODY=8BITMIME': ('<"a b"@d>', "SIZE=1 BODY=8BITMIME"),
            r'<"a\" > b"@d>  X': (r'<"a\" > b"@d>', "X"),
            "a@b SIZE=1": ("a@b", "SIZE=1"),
            '"a b"@d X': ('"a b"@d', "X"),
            "<> X": ("<>", "X"),
        }.items():
            with self.subTest(text=text):
                self.assertEqual(split_path(text), expected)

    def test_no_end(self) -> None:
        """A path without an end, or with something glued to it, is refused."""
        for text in ("<a@b", "<a@b>x", '<"a> b@d', "a>b c", "<a b>"):
            with self.subTest(text=text):
                self.assertRaises(AddressError, split_path, text)


class KeyTests(SynchronousTestCase):
    """One mailbox has one key, whichever way it was written."""

    def test_same(self) -> None:
        """P26: case, a trailing dot, NFC and NFD, quotes without need, U-labels and A-labels make no difference."""
        for first, second in (
            ("User@EX.com", "user@ex.com."),
            ("jose\u0301@d", "JOSÉ@D"),
            ('"user"@d', "user@d"),
            ('"A B"@d', '"a b"@d'),
            ("a@bücher.example", "A@xn--bcher-kva.example"),
            ("a@[IPv6:2001:db8:0::1]", LITERAL),
        ):
            self.assertEqual(parse_mailbox(first).key, parse_mailbox(second).key)

    def test_not_same(self) -> None:
        """P26: a tag belongs to the name, and ß is not ss."""
        self.assertNotEqual(parse_mailbox("user+tag@d").key, parse_mailbox("user@d").key)
        self.assertNotEqual(parse_mailbox("straße@d").key, parse_mailbox("strasse@d").key)

    @given(st.text(min_size=1, max_size=20))
    @bounded
    def test_canonical(self, local: str) -> None:
        """The key is in NFC, and the key of a key is that key."""
        key = Mailbox(local, "d").key
        self.assertEqual(unicodedata.normalize("NFC", key), key)
        try:
            mailbox = parse_mailbox(key)
        except AddressError:
            return
        self.assertEqual(mailbox.key, key)

    def test_needs_smtputf8(self) -> None:
        """P24: what was given beyond ASCII needs SMTPUTF8, though the address may go on in ASCII."""
        self.assertTrue(parse_mailbox("ü@d").utf8)
        international = parse_mailbox("a@bücher.example")
        self.assertTrue(international.utf8)
        self.assertTrue(international.address.isascii())
        self.assertFalse(parse_mailbox("a@xn--bcher-kva.example").utf8)
        self.assertEqual(international, parse_mailbox("a@xn--bcher-kva.example"))
        self.assertEqual(hash(international), hash(parse_mailbox("a@xn--bcher-kva.example")))
        self.assertNotEqual(international, "a@xn--bcher-kva.example")
        self.assertEqual(str(international), international.address)

    def test_domain_lengths(self) -> None:
        """P22: 255 octets are a domain, 256 are none."""
        longest = ".".join(["l" * 63] * 3 + ["m" * 63])
        self.assertEqual(domain_key(longest + "."), longest)
        self.assertRaises(AddressError, domain_key, longest + "m")
        self.assertRaises(AddressError, domain_key, ".".join(["l" * 62] * 3 + ["m" * 62, "n" * 5]))
        self.assertRaises(AddressError, domain_key, ".".join(["ü" * 30] * 7))


class VerpTests(SynchronousTestCase):
    """A bounce finds its recipient, and a forged one finds nobody."""

    ID = "01HF7YAT3VCVS30SW8TMD2KTZB"

    def test_both_ways(self) -> None:
        """The address fits, is in lower case, and leads back in any case of letters, with or without its domain."""
        address = verp(self.ID, "bounce.example", b"key")
        self.assertEqual(address, address.lower())
        self.assertLessEqual(len(parse_mailbox(address).local), 64)
        for form in (address, address.upper(), parse_mailbox(address).local):
            self.assertEqual(unverp(form, b"key"), self.ID)

    def test_forged(self) -> None:
        """Another key, id or code, or no VERP address at all, leads nowhere."""
        address = verp(self.ID, "bounce.example", b"key")
        self.assertIsNone(unverp(address, b"other"))
        self.assertIsNone(unverp(address.replace("-01hf", "-01hg"), b"key"))
        for position in range(len("b-") + 27, address.index("@")):
            changed = "b" if address[position] == "a" else "a"
            self.assertIsNone(unverp(address[:position] + changed + address[position + 1 :], b"key"))
        for other in ("", "a@b", "b-x@d", f"b-{self.ID}-@d", "b-ü-aaaaaaaaaaaaaaaaaaaaaaaa@d", address + "x" * 300):
            self.assertIsNone(unverp(other, b"key"))

    def test_ids(self) -> None:
        """Only letters and digits make an id."""
        for bad in ("", "a-b", "a@b", "ü", "x" * 33):
            self.assertRaises(ValueError, verp, bad, "d", b"key")
