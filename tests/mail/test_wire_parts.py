"""The wire form of parts within parts: what must not change does not, and every leaf keeps its content (RFC 2046)."""

from __future__ import annotations

import base64
import binascii
import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mailrelay.mail.message import Message
from mailrelay.mail.mime import MAX_PARTS
from mailrelay.mail.wire import MAX_DEPTH

from .bounded import bounded
from .reading import LONG, WireCase, leaves, sent

LINES = (
    *(
        b"",
        b".",
        b"..",
        b"text",
        b"--",
        b"--x",
        b"- ",
        b"=41",
        b"a \t",
        b"From x",
        b"\xc3\xa9",
        b"\xff\xfe",
        b"\0",
        b"=",
    ),
    *(LONG, b"x" * 997, b"x" * 75 + b"--x", b"q" * 76, b"\x7f\x1b", b"a" * 74 + b" b"),
)
CONTENT = st.lists(st.sampled_from(LINES), max_size=6).map(b"\r\n".join)
KINDS = st.sampled_from([b"text/plain", b"text/html; charset=utf-8", b"application/pdf", b"image/png"])
ENCODINGS = st.sampled_from([b"", b"7bit", b"8bit", b"binary", b"base64", b"quoted-printable", b"nonsense"])


def leaf(content: bytes, kind: bytes, encoding: bytes) -> bytes:
    if encoding == b"base64":
        content = binascii.b2a_base64(content, newline=False)
    elif encoding == b"quoted-printable":
        content = b"".join(b"=%02X" % octet for octet in content)
    elif not encoding:
        return b"Content-Type: %s\r\n\r\n%s" % (kind, content)
    return b"Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n%s" % (kind, encoding, content)


def container(parts: list[bytes]) -> bytes:
    # As many letters as there are boundaries within: each is another, and each begins the next.
    boundary = b"=_" + b"x" * (1 + sum(part.count(b"boundary=") for part in parts))
    mark = b"--" + boundary
    inner = b"".join(b"\r\n" + mark + b"\r\n" + part for part in parts)
    return b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n%s\r\n%s--\r\n' % (boundary, inner, mark)


ENTITIES = st.recursive(
    st.builds(leaf, CONTENT, KINDS, ENCODINGS),
    lambda children: (
        st.lists(children, min_size=1, max_size=3).map(container)
        | children.map(lambda child: b"Content-Type: message/rfc822\r\n\r\n" + child)
    ),
    max_leaves=5,
)


class StructureTests(WireCase):
    """Parts within parts."""

    def multipart(self, *parts: bytes, boundary: bytes = b"b", kind: bytes = b"mixed", more: bytes = b"") -> bytes:
        mark = b"\r\n--" + boundary
        return b"".join(
            [
                b'Content-Type: multipart/%s; name="; boundary=no"; Boundary="%s"; x=y\r\n' % (kind, boundary) + more,
                b"\r\npreamble",
                *[mark + b" \t\r\n" + part for part in parts],
                mark + b"--\r\nepilogue\r\n",
            ]
        )

    def test_only_what_must(self) -> None:
        """M10: the parts that fit stay byte for byte, and so does all between them."""
        clean = b"Content-Type: text/plain\r\n\r\nclean  \r\n"
        source = self.multipart(clean, b"\r\n\xc3\xa9", b"\r\n" + LONG, b"", more=b"MIME-Version: 1.0\r\n")
        result = sent(source)
        self.assert_law(result)
        expected = source.replace(
            b"\r\n\xc3\xa9",
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9",
        )
        expected = expected.replace(
            b"\r\n" + LONG,
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n".join([b"x" * 75] * 20),
        )
        self.assertEqual(result, expected)

    def test_between_parts(self) -> None:
        """What stands between parts is cut, a delimiter followed by much space stays one, and nothing comes twice."""
        mark = b"\r\n--b"
        head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        source = LONG + b"\0" + mark + mark + b" " * 1000 + b"\r\n\r\nx\xff" + mark + b"--\r\n" + LONG
        result = sent(head + source)
        self.assert_law(result)
        encoded = (
            b"Content-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nx=FF"
        )
        cut = LONG[:998] + b"\r\n " + LONG[998:]
        self.assertEqual(result, head + cut + mark + mark + b"\r\n" + encoded + mark + b"--\r\n" + cut + b"\r\n")

    def test_containers_say_seven_bit(self) -> None:
        """What held 8-bit octets and holds them no longer says so."""
        result = sent(self.multipart(b"\r\n\xe9", more=b"Content-Transfer-Encoding: 8bit\r\n"))
        self.assertEqual(Message.parse(result).get("content-transfer-encoding"), b"7bit")

    def test_message_in_message(self) -> None:
        """RFC 2046 5.2.1: a message within is never encoded itself; its leaves are."""
        inner = b"Subject: \xc3\xa9\r\n\r\n\xc3\xa9" + LONG
        for source in (
            b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + inner,
            self.multipart(b"Content-Type: message/rfc822\r\n\r\n" + inner),
            self.multipart(b"\r\n" + inner, kind=b"digest"),
        ):
            result = sent(source)
            self.assert_law(result)
            self.assertTrue(result.isascii())
            self.assertEqual(leaves(result)[0][1].strip(), b"\xc3\xa9" + LONG)
            self.assertIn(b"Subject: =?utf-8?b?w6k=?=", result)
            self.assertIn(b"MIME-Version: 1.0", result)

    def test_encoded_message(self) -> None:
        """A message within that came encoded all the same keeps what it decodes to."""
        encoded = base64.b64encode(b"Subject: x\r\n\r\n" * 200)
        result = sent(b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded)
        self.assert_law(result)
        self.assertEqual(binascii.a2b_base64(result.partition(b"\r\n\r\n")[2]), binascii.a2b_base64(encoded))

    def test_boundaries(self) -> None:
        """M3: a boundary that begins another is another, and no soft break makes a delimiter of content."""
        inner = self.multipart(b"\r\n\xc3\xa9", boundary=b"bb")
        result = sent(self.multipart(inner, b"\r\n" + b"x" * 75 + b"--b\r\n\xc3\xa9"))
        self.assert_law(result)
        contents = [content for _, content in leaves(result)]
        self.assertEqual(contents, ["é".encode(), b"x" * 75 + b"--b\r\n" + "é".encode()])

    def test_bounds(self) -> None:
        """M1, M2, M4: beyond a depth, or a number of parts, nothing is opened; the wire form holds all the same."""
        for depth in (MAX_DEPTH - 1, MAX_DEPTH, 1000):
            source = b"".join(
                b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth)
            )
            self.assert_law(sent(source + b"\r\n" + LONG))
            self.assert_law(sent(b"Content-Type: message/rfc822\r\n\r\n" * depth + b"\r\n" + LONG))
        for count in (MAX_PARTS - 1, MAX_PARTS + 1):
            self.assert_law(sent(self.multipart(*[b"\r\n"] * count, b"\r\n" + LONG)))

    def test_linear(self) -> None:
        """M1, M2, M3, M5, M8: hostile messages of a megabyte are done in well under seconds."""
        begin = time.process_time()
        head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        for source in (
            head + b"--b\r\n" * 150_000 + LONG,
            head + b"--b" * 300_000 + LONG,
            head + b"--b \r\n\xe9\r\n" * 20_000,
            b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QUJD" * 250_000,
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 500_000 + b"\r\n" * 250_000 + LONG,
            b"\r\n" + b"\xe9\r\n" * 300_000,
            b"To: " + b"a@b, " * 50_000 + b"\xc3\xa9 <a@b>",
            b"To: " + b"x" * 1_000_000 + b" " * 100_000,
            b"Subject: " + b" " * 1_000_000 + b"\xe9" * 100_000,
            b"Content-Type: multipart/mixed" + b';name*0="x"' * 100_000 + b"\r\n\r\n\xe9",
            b"Content-Type: multipart/mixed;" + b'"' * 500_000 + b"\r\n\r\n\xe9",
            b"Content-Type: multipart/mixed;" + b" " * 500_000 + b"=\r\n\r\n\xe9",
            b"Content-Type: message/rfc822\r\n\r\n" * 20_000 + LONG,
        ):
            self.assert_law(sent(source))
        self.assertLess(time.process_time() - begin, 20)


class ContentTests(WireCase):
    """The law that readers care about: what a leaf decodes to is what it decoded to before."""

    @given(ENTITIES, st.booleans())
    @bounded
    def test_leaves(self, entity: bytes, eight_bit: bool) -> None:
        """S22, O9, M10: all leaves keep their order, type and content; the hop gets no octet that it does not take."""
        source = b"Subject: x\r\nMIME-Version: 1.0\r\n" + entity
        result = sent(source, eight_bit=eight_bit)
        self.assert_law(result, source)
        self.assertTrue(eight_bit or result.isascii(), source)
        before, after = leaves(source), leaves(result)
        self.assertEqual([kind for kind, _ in after], [kind for kind, _ in before])
        # A message that did not end its last line ends it on the wire.
        for (_, given_), (_, got) in list(zip(before, after, strict=True))[:-1]:
            self.assertEqual(got, given_)
        self.assertIn(after[-1][1], (before[-1][1], before[-1][1] + b"\r\n"))

    @given(st.lists(st.integers(0, 255), max_size=400).map(bytes))
    @bounded
    def test_quoted_printable_lines(self, content: bytes) -> None:
        """RFC 2045 6.7: lines of at most 76 octets (78 where a dash is guarded), no white space at an end."""
        result = sent(b"Content-Type: text/plain\r\n\r\n\xe9" + content)
        for line, _ in pairwise(result.partition(b"\r\n\r\n")[2].split(b"\r\n")):
            self.assertLessEqual(len(line), 78)
            self.assertNotRegex(line, rb"[ \t]$")
