"""Random messages for the tests of MIME: any nesting, any encoding, any charset, boundaries that look alike."""

from __future__ import annotations

import base64
import quopri

from hypothesis import strategies as st

TEXTS = ("", "plain words\r\n", "--b\r\n--\r\n", "Grüße =E9 €\r\n", "строка\r\n\r\n..\r\n", "x" * 1100, "a\r\n" * 40)
CHARSETS = ("utf-8", "us-ascii", "windows-1251", "koi8-r", "iso-8859-15", "iso-2022-jp", "")
ENCODINGS = ("7bit", "8bit", "base64", "quoted-printable", "")


def encoded(octets: bytes, encoding: str) -> bytes:
    """Octets in a transfer encoding, by the standard library."""
    if encoding == "base64":
        return base64.encodebytes(octets).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
    if encoding == "quoted-printable":
        return quopri.encodestring(octets).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return octets


@st.composite
def text_leaf(draw: st.DrawFn) -> bytes:
    """A text part with its header."""
    charset, encoding = draw(st.sampled_from(CHARSETS)), draw(st.sampled_from(ENCODINGS))
    octets = draw(st.sampled_from(TEXTS)).encode(charset or "utf-8", "replace")
    if not octets.isascii() and encoding in ("7bit", ""):
        encoding = "8bit"
    subtype = draw(st.sampled_from(("plain", "html", "x-any")))
    fields = b"Content-Type: text/%s%s\r\n" % (
        subtype.encode(),
        draw(st.sampled_from((b'; charset="%s"', b"; format=flowed; charset=%s"))) % charset.encode()
        if charset
        else b"",
    )
    if encoding:
        fields += b"Content-Transfer-Encoding: %s\r\n" % encoding.encode()
    return fields + b"\r\n" + encoded(octets, encoding)


@st.composite
def other_leaf(draw: st.DrawFn) -> bytes:
    """A part that is no text."""
    media = draw(st.sampled_from((b"application/pdf", b"image/png", b"message/rfc822", b"application/octet-stream")))
    if media == b"message/rfc822":
        return b"Content-Type: message/rfc822\r\n\r\nSubject: within\r\n\r\n--b\r\nbody\r\n"
    name = draw(st.sampled_from((b"a.PDF", b"=?utf-8?q?=C3=A9.png?=", b"two words.tar.gz")))
    fields = b'Content-Type: %s; name="%s"\r\nContent-Transfer-Encoding: base64\r\n' % (media, name)
    return fields + b"\r\n" + encoded(draw(st.binary(max_size=200)), "base64")


BOUNDARIES = ("b", "bb", "b-1", "=_b", "a b c", "0" * 70, "b'()+_,-./:=?")


@st.composite
def multipart(draw: st.DrawFn, children: st.SearchStrategy[bytes]) -> bytes:
    """A multipart of parts in which its boundary does not stand, with text before and behind them at times."""
    parts = draw(st.lists(children, min_size=1, max_size=4))
    subtype = draw(st.sampled_from((b"mixed", b"alternative", b"related")))
    boundary = draw(st.sampled_from(BOUNDARIES)).encode()
    while any(b"--" + boundary in part for part in parts):
        boundary += b"x"
    mark = b"--" + boundary
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--"
    before, behind = (
        draw(st.sampled_from((b"", b"preamble\r\n"))),
        draw(st.sampled_from((b"", b"\r\n", b"\r\nepilogue"))),
    )
    return b'Content-Type: multipart/%s; boundary="%s"\r\n\r\n' % (subtype, boundary) + before + body + behind


entities = st.recursive(st.one_of(text_leaf(), other_leaf()), multipart, max_leaves=12)

#: Whole messages with their line ends in place.
messages = entities.map(lambda entity: b"From: a@b.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n" + entity + b"\r\n")
