"""Address lists of a header: one reading, or none (RFC 5322 3.4)."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.address import AddressError
from mailrelay.mail.addresses import address_field, addresses
from mailrelay.mail.header import one_line
from mailrelay.mail.message import Message

from .bounded import bounded

READINGS: dict[bytes, list[tuple[str, str]]] = {
    b"": [],
    b" , ": [],
    b"a@b": [("", "a@b")],
    b"<a@b>": [("", "a@b")],
    b" < a@b > ": [("", "a@b")],
    b"A  B <a@b>": [("A B", "a@b")],
    b"J. Doe <a@b>": [("J. Doe", "a@b")],
    b'"Doe, \\"J\\" <x@y>" <a@b>': [('Doe, "J" <x@y>', "a@b")],
    b'"a" b "c" <a@b>': [("a b c", "a@b")],
    b"=?utf-8?q?J=C3=A4?= =?utf-8?q?n?= <a@b>": [("Jän", "a@b")],
    b"J\xc3\xa4 <a@b>": [("Jä", "a@b")],
    b'"J\xc3\xa4" <a@b>': [("Jä", "a@b")],
    b"J\xe4 <a@b>": [("Jä", "a@b")],
    b"a@b (A (very) B)": [("A (very) B", "a@b")],
    b"(x) a@b (=?utf-8?q?=C3=A4?=)": [("ä", "a@b")],
    b"(x) A (y) <(z) a@b (z)> (w)": [("A", "a@b")],
    b"a@b,,c@d,": [("", "a@b"), ("", "c@d")],
    b"a@b,\r\n\tC <c@d>": [("", "a@b"), ("C", "c@d")],
    b"undisclosed-recipients:;": [],
    b"G: a@b, C <c@d>;, e@f": [("", "a@b"), ("C", "c@d"), ("", "e@f")],
    b"x@shop.example <a@b>": [("x@shop.example", "a@b")],
    b'"a b"@c': [("", '"a b"@c')],
    b"a@[192.0.2.1]": [("", "a@[192.0.2.1]")],
    b"a@b\xc3\xbccher.example": [("", "a@xn--bcher-kva.example")],
    # P23: nothing encoded, quoted or commented becomes an address.
    b'"victim@gmail.com x"@internal': [("", '"victim@gmail.com x"@internal')],
    b"=?utf-8?q?a=40b?=@h": [("", "=?utf-8?q?a=40b?=@h")],
    b"=?utf-8?q?v=40w_=3Cx=40y=3E=2C?= <a@b>": [("v@w <x@y>,", "a@b")],
    b'"x\\\r\n y\nz" <a@b>': [("x y z", "a@b")],
}

REFUSED = (
    *(
        b"a",
        b"@",
        b"a@",
        b"@b",
        b"<>",
        b"(x)",
        b"<a@b",
        b"a@b>",
        b"<a@b> x",
        b"<a@b> <c@d>",
        b"a@b <c@d> <e@f>",
        b"<<a@b>>",
    ),
    *(b"a @b", b"a@ b", b"a b@c", b"a(x)@b", b"a@good(x)evil", b"<a (x)@b>", b"<a@b, c@d>", b"<@r:a@b>", b"a@b c@d"),
    *(
        b"(a@b",
        b"a@b)",
        b'"a@b',
        b'"\\',
        b"a@[b",
        b"[",
        b"]",
        b"\\",
        b"a@b;",
        b"g:",
        b"g: a@b",
        b": a@b;",
        b"g: h: a@b;;",
    ),
    *(b"\xff@b", b"<a\xff@b>", b"<a\0@b>", b"<a\n@b>", b"a@b\x0b", b"<=?utf-8?q?a=40b?=>", b"a@b@c", b"A <a@b>, c"),
)


class AddressesTests(SynchronousTestCase):
    """Every list has one reading, or is refused."""

    def test_readings(self) -> None:
        """A11, P23: which mailboxes a field names, however it dresses them."""
        for value, expected in READINGS.items():
            with self.subTest(value=value):
                self.assertEqual([(name, mailbox.address) for name, mailbox in addresses(value)], expected)

    def test_refused(self) -> None:
        """A11, P23: what could be read in two ways, or not at all, is not guessed."""
        for value in REFUSED:
            with self.subTest(value=value):
                self.assertRaises(AddressError, addresses, value)

    @given(
        st.lists(
            st.sampled_from(
                [b"a", b"@", b"b", b"<", b">", b",", b":", b";", b'"', b"(", b")", b"\\", b" ", b"[", b"]", b"\xc3\xa4"]
            )
        ).map(b"".join)
        | st.binary(max_size=40)
    )
    @bounded
    def test_never_anything_else(self, value: bytes) -> None:
        """Any octets give mailboxes with names of one printable line, or an `AddressError`."""
        try:
            found = addresses(value)
        except AddressError:
            return
        for name, mailbox in found:
            self.assertNotRegex(name, "[\r\n\0\u2028]")
            self.assertTrue(mailbox.address.isprintable())

    def test_linear(self) -> None:
        """M8: thirty thousand addresses, or openings without an end, cost no more than their number."""
        begin = time.process_time()
        self.assertEqual(len(addresses(b"Some One <user@example.com>, " * 30_000)), 30_000)
        for piece in (b"(", b")", b'"', b'"\\', b"<", b">", b"g:", b",", b"[", b"(a)", b"a ", b"a(b)<"):
            try:
                addresses(piece * 30_000)
            except AddressError:
                continue
        addresses(b"(" * 30_000 + b")" * 30_000 + b"a@b")
        self.assertLess(time.process_time() - begin, 10)


class FieldTests(SynchronousTestCase):
    @given(st.text(max_size=120))
    @bounded
    def test_read_back(self, name: str) -> None:
        """A field made of any name is one field, and gives the name and the address again."""
        raw = address_field("To", name, "ann@b.test")
        message = Message.parse(raw + b"\r\n")
        self.assertEqual([field for field, _ in message.fields], ["to"])
        ((found, mailbox),) = addresses(message.get("To") or b"")
        self.assertEqual((" ".join(found.split()), mailbox.address), (" ".join(one_line(name).split()), "ann@b.test"))
