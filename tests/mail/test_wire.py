"""The wire form of headers, leaves and whole messages (law 6)."""

from __future__ import annotations

import base64
import email

from hypothesis import example, given
from hypothesis import strategies as st

from mailrelay.mail.message import Message, canonical

from .bounded import bounded
from .reading import LONG, WireCase, leaves, sent

PIECES = (
    *(
        b"\r",
        b"\n",
        b"\r\n",
        b".",
        b"A",
        b"\0",
        b"\xe9",
        b"\xc3\xa9",
        b" ",
        b"\t",
        b":",
        b"=",
        b"-",
        b"--b",
        b'"',
        b";",
    ),
    *(LONG, b" " * 1200, b"x: ", b"Subject: ", b"To: ", b"a@b ", b"\r\n\r\n", b"Content-Type: ", b"message/rfc822"),
    *(b"multipart/mixed; boundary=b", b"Content-Transfer-Encoding: ", b"base64", b"quoted-printable", b"8bit"),
    *(b"x-uuencode", b"=?utf-8?q?x?="),
)


class LawTests(WireCase):
    """What every wire form is, and what every clean message keeps."""

    @given(st.lists(st.sampled_from(PIECES), max_size=24).map(b"".join), st.booleans())
    @example(b"\r\n" + b"a\r\n" * 400 + b"b" * 997 + b"\r\n", False)
    @example(b"\r\n" + b"b" * 998 + b"\r\n", False)
    @example(b"\r\n" + b"b" * 999 + b"\r\n", False)
    @example(b"\r\n" + b"b" * 999, True)
    @example(b"Subject:" + b" " * 1200 + b"x", True)
    @example(b"To:" + LONG + b" " * 1200 + b"\0", True)
    @bounded
    def test_any_bytes(self, source: bytes, eight_bit: bool) -> None:
        """S20, S22, S23: whatever came in goes out in wire form, and a second pass changes nothing."""
        result = sent(source, eight_bit=eight_bit)
        self.assert_law(result, source)
        self.assertEqual(sent(result, eight_bit=eight_bit), result)

    @given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"A", b"\0"]), max_size=200).map(b"".join))
    @bounded
    def test_body_of_any_bytes(self, body: bytes) -> None:
        """S22, S23: behind a header, the content that arrives is the canonical content; its last line ends."""
        result = sent(b"Subject: x\n\n" + body)
        self.assert_law(result)
        expected = canonical(body)
        ((_, content),) = leaves(result)
        self.assertEqual(content, expected if expected.endswith(b"\r\n") or not expected else expected + b"\r\n")

    def test_clean_is_untouched(self) -> None:
        """M10, M23: a message that is in wire form leaves byte for byte, its odd folding, tabs and spaces too."""
        for body in (b"", b".\r\n", b"a \t\r\n\r\n\r\n", b"--b\r\n", b"b" * 998 + b"\r\n"):
            source = b"Subject:  x \t\r\n\ty\r\nfrom:a@b \r\nTo: " + b"t" * 994 + b"\r\n\r\n" + body
            for eight_bit in (False, True):
                self.assertEqual(sent(source, eight_bit=eight_bit), source)

    def test_eight_bit_goes_through(self) -> None:
        """A hop that takes 8-bit octets gets them untouched, in the header as well."""
        source = b"Subject: \xc3\xa9\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xa9\r\n"
        self.assertEqual(sent(source, eight_bit=True), source)


class HeaderTests(WireCase):
    """Fields that do not fit."""

    def field(self, source: bytes, *, eight_bit: bool = False) -> bytes:
        result = sent(source + b"\r\n\r\nbody\r\n", eight_bit=eight_bit)
        self.assert_law(result)
        return result.removesuffix(b"\r\n\r\nbody\r\n")

    def test_folded(self) -> None:
        """A line too long is folded at white space, and reads as before."""
        for name in (b"Subject", b"References", b"X-List"):
            value = b" ".join(b"<%d@example>" % number for number in range(200))
            raw = self.field(name + b": " + value)
            self.assertLessEqual(max(map(len, raw.split(b"\r\n"))), 78)
            self.assertEqual(Message.parse(raw).get(name.decode()), value)

    def test_other_fields_stay(self) -> None:
        """M23: only the field that needs it is touched."""
        source = b"A:  b \t\r\nSubject: " + LONG + b"\r\nC:d "
        raw = self.field(source)
        self.assertTrue(raw.startswith(b"A:  b \t\r\nSubject: =?utf-8?b?"))
        self.assertTrue(raw.endswith(b"?=\r\nC:d "))

    def test_long_word(self) -> None:
        """A word too long becomes encoded words where text stands, and is cut anywhere else."""
        self.assertEqual(Message.parse(self.field(b"Subject: a " + LONG)).text("subject"), "a " + LONG.decode())
        self.assertEqual(Message.parse(self.field(b"X-Any: " + LONG)).text("x-any"), LONG.decode())
        cut = Message.parse(self.field(b"Message-ID: <" + LONG + b"@b>")).get("message-id")
        assert cut is not None
        self.assertEqual(cut.replace(b" ", b""), b"<" + LONG + b"@b>")

    def test_cut_between_characters(self) -> None:
        """No character of UTF-8 is cut in two."""
        for shift in range(4):
            raw = self.field(b"Unknown: " + b"y" * shift + "€".encode() * 800, eight_bit=True)
            self.assertEqual(raw.decode().replace("\r\n ", "")[9 + shift :], "€" * 800)

    def test_wide_space(self) -> None:
        """White space wider than a line becomes one space."""
        self.assertEqual(self.field(b"To: a" + b" " * 1200 + b"b"), b"To: a b")

    def test_nul(self) -> None:
        self.assertEqual(self.field(b"X: a\0b\r\n \0\r\nTo: c"), b"X: a b\r\nTo: c")

    def test_eight_bit(self) -> None:
        """O9: for a hop without 8-bit, text and names become encoded words, and addresses their A-labels."""
        for source, expected in {
            "Subject: é": b"Subject: =?utf-8?b?w6k=?=",
            "X-Any: é": b"X-Any: =?utf-8?b?w6k=?=",
            "From: Jä <a@b>": b"From: =?utf-8?b?SsOk?= <a@b>",
            'To: "Doe, \\"J\\"" <a@b>, x@y, é <c@d>': b'To: "Doe, \\"J\\"" <a@b>, x@y, =?utf-8?b?w6k=?= <c@d>',
            "To: a@bücher.example": b"To: a@xn--bcher-kva.example",
            # What has no form in ASCII stays.
            "To: é@b": "To: é@b".encode(),
            "To: é <a@b": "To: é <a@b".encode(),
            "To: é:;": "To: é:;".encode(),
            "Unknown: é": "Unknown: é".encode(),
        }.items():
            with self.subTest(source=source):
                self.assertEqual(self.field(source.encode()), expected)


class LeafTests(WireCase):
    """Leaves that do not fit, and what must be said of them."""

    def test_plain(self) -> None:
        """O9: a message that is no MIME yet becomes one, and says its charset."""
        for content, charset in ((b"\xc3\xa9\r\n", b"utf-8"), (b"\xe9\r\n", b"unknown-8bit")):
            result = sent(b"Subject: x\r\n\r\n" + content)
            message = Message.parse(result)
            self.assertEqual(message.all("mime-version"), (b"1.0",))
            self.assertEqual(message.all("content-transfer-encoding"), (b"quoted-printable",))
            self.assertEqual(message.get("content-type"), b"text/plain; charset=" + charset)
            self.assertEqual(leaves(result), [("text/plain", content)])

    def test_long_lines(self) -> None:
        """M5: a long line is not cut but encoded; text stays readable, anything else becomes base64."""
        for kind, encoding in (
            (b"text/html", "quoted-printable"),
            (b"application/x", "base64"),
            (b"nonsense", "quoted-printable"),
        ):
            result = sent(b"MIME-Version: 1.0\r\nContent-Type: %s\r\n\r\n" % kind + LONG + b"\r\n", eight_bit=True)
            self.assert_law(result)
            self.assertEqual(email.message_from_bytes(result)["content-transfer-encoding"], encoding)
            self.assertEqual(leaves(result)[0][1], LONG + b"\r\n")
            self.assertEqual(Message.parse(result).all("mime-version"), (b"1.0",))

    def test_encoded_already(self) -> None:
        """M5: base64 on one line is wrapped, quoted-printable on one line or with 8-bit octets is encoded anew."""
        data = bytes(range(256)) * 20
        for encoding, body, content in (
            (b"base64", base64.b64encode(data), data),
            (b"BASE64 (x)", base64.b64encode(data).replace(b"A", b"A\xe9\0 "), data),
            (b"Quoted-Printable", b"a=3D" * 500 + b"=\r\nb=0A=00\r\n", b"a=" * 500 + b"b\n\0\r\n"),
            (b"quoted-printable", b"\xc3\xa9 \0=20\r\n", b"\xc3\xa9 \0 \r\n"),
        ):
            result = sent(b"Content-Type: text/plain\r\nContent-Transfer-Encoding: %s\r\n\r\n" % encoding + body)
            self.assert_law(result)
            self.assertTrue(result.isascii())
            self.assertEqual(leaves(result.replace(b" (x)", b""))[0][1], content)

    def test_opaque(self) -> None:
        """What has no better form has its lines cut, each piece behind a space."""
        for header in (
            b"Content-Transfer-Encoding: x-uuencode",
            b"Content-Type: message/delivery-status",
            b"Content-Type: multipart/mixed",
            b"Content-Type: multipart/mixed; boundary=never",
            b"Content-Type: multipart/mixed; boundary=" + b"b" * 998,
        ):
            result = sent(header + b"\r\n\r\n" + LONG + b"\0" + b" " * 2000 + b"\r\n" + b" " * 1000 + b"\r\nz\r\n")
            self.assert_law(result)
            self.assertEqual(result.partition(b"\r\n\r\n")[2], LONG[:998] + b"\r\n " + LONG[998:] + b"\r\n\r\nz\r\n")
