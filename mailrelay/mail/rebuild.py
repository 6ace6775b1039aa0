"""Messages put together anew: one text out of many parts, texts in UTF-8, files added behind what stands there.

Only what asks for it changes; fields that do not speak of the body stay octet by octet. Boundaries are made of the id
that is handed in, so the same message is rebuilt to the same octets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from . import mime
from .header import decode, encoded_words, fold, one_line
from .leaves import UTF8, Leaf, change_leaves, leaves
from .message import Message, value

#: Fields that speak of the body and so change with it (RFC 2045 3).
BODY_FIELDS = (
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
    "Content-ID",
    "Content-Description",
    "Content-Language",
    "Content-Location",
    "Content-MD5",
    "Content-Length",
    "Lines",
)

_C1 = bytes(range(0x80, 0xA0))
_UNFIT = frozenset('"\\')
_FOREIGN_WORD = re.compile(rb"=\?(?!utf-8[?*])[A-Za-z0-9_.:-]{1,40}(?:\*[A-Za-z0-9-]{0,40})?\?[bq]\?", re.I)
#: Encoded words in a row (RFC 2047 2).
_WORDS = re.compile(rb"=\?[!->@-~]+\?[bBqQ]\?[!->@-~]*\?=(?:[ \t]+=\?[!->@-~]+\?[bBqQ]\?[!->@-~]*\?=)*")


class NoText(ValueError):
    """A message has no text that can be read."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to be attached: its name, its type ("image/png") and its octets; with a `cid` HTML shows it in place."""

    name: str
    type: str
    octets: bytes
    cid: str = ""


def one_text(message: Message) -> Message:
    """The message with one text for its body: its first HTML, else its first plain text; fails with `NoText`.

    Everything else, attachments and images among it, is gone. A text is none that is not of its charset.
    """
    found = leaves(message)
    chosen = next((leaf for leaf in found if leaf.html), found[0] if found else None)
    if chosen is None:
        raise NoText("there is no text part")
    try:
        octets = chosen.octets.decode(_meant(chosen)).encode(UTF8)
    except UnicodeDecodeError:
        raise NoText(f"the text is not in {chosen.codec}, as it says") from None
    return with_texts(message, (replace(chosen, octets=octets, codec=UTF8),))


def in_utf8(message: Message) -> Message:
    """The message with its texts and its encoded words in UTF-8; the same object where they are."""
    message = change_leaves(message, utf8)
    fields = tuple(_field_in_utf8(name, raw) for name, raw in message.fields)
    return message if fields == message.fields else Message(fields, message.source, message.offset)


def utf8(leaf: Leaf) -> Leaf:
    """A text in UTF-8; the same object when it is. An octet that its charset does not have becomes U+FFFD."""
    octets = leaf.octets.decode(_meant(leaf), "replace").encode(UTF8)
    return leaf if leaf.codec == UTF8 and octets == leaf.octets else replace(leaf, octets=octets, codec=UTF8)


def _meant(leaf: Leaf) -> str:
    """The codec that a leaf is in, though its charset has another name: what is said to be ISO-8859-1 is windows-1252
    where octets are in it that are nothing but control characters there, as browsers have it."""
    if leaf.codec == "iso-8859-1" and leaf.octets.translate(None, _C1) != leaf.octets:
        try:
            leaf.octets.decode("windows-1252")
        except UnicodeDecodeError:
            return leaf.codec
        return "windows-1252"
    return {"gb2312": "gb18030", "euc-kr": "cp949"}.get(leaf.codec, leaf.codec)


def with_texts(message: Message, texts: Sequence[Leaf], id: str = "") -> Message:
    """The message with these texts in UTF-8 for its body: one, or alternatives of which the last is the best."""
    head = message.drop("MIME-Version", *BODY_FIELDS)
    if len(texts) == 1:
        fields, body = _text(texts[0])
    else:
        boundary = _boundary(id, [leaf.octets for leaf in texts])
        fields = [b'Content-Type: multipart/alternative; boundary="%s"\r\n' % boundary]
        body = _multipart(boundary, [b"".join([*each, b"\r\n", text]) for each, text in map(_text, texts)])
    return _with_body(head.append(b"MIME-Version: 1.0\r\n", *fields), body)


def attach(message: Message, files: Sequence[File], id: str) -> Message:
    """The message with files behind what it holds, which stays octet by octet."""
    return _behind(message, files, id, b"multipart/mixed")


def embed(message: Message, files: Sequence[File], id: str) -> Message:
    """The message with files that its HTML shows (RFC 2387), each by its `cid`."""
    root = b"multipart/alternative" if mime.kind(message).type == "multipart" else b"text/html"
    return _behind(message, files, id, b'multipart/related; type="%s"' % root)


def _behind(message: Message, files: Sequence[File], id: str, kind: bytes) -> Message:
    if not files:
        return message
    body_fields = {name.lower() for name in BODY_FIELDS}
    inner = b"".join(raw for name, raw in message.fields if name in body_fields)
    pieces = [
        b"".join([inner, b"\r\n", message.body]),
        *[b"".join([*_file_fields(file), b"\r\n", mime.base64(file.octets)]) for file in files],
    ]
    boundary = _boundary(id, pieces)
    head = message.drop("MIME-Version", *BODY_FIELDS).append(
        b"MIME-Version: 1.0\r\n", b'Content-Type: %s;\r\n boundary="%s"\r\n' % (kind, boundary)
    )
    return _with_body(head, _multipart(boundary, pieces))


def _with_body(message: Message, body: bytes) -> Message:
    return Message(message.fields, body, 0)


def _text(leaf: Leaf) -> tuple[list[bytes], bytes]:
    kind = b"html" if leaf.html else b"plain"
    octets = leaf.octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    encoding, octets = (b"7bit", octets) if _plain(octets) else (b"quoted-printable", mime.quoted_printable(octets))
    return [
        b"Content-Type: text/%s; charset=utf-8\r\n" % kind,
        b"Content-Transfer-Encoding: %s\r\n" % encoding,
    ], octets


def _plain(octets: bytes) -> bool:
    """Can a text stand as it is: ASCII in lines that fit?"""
    return octets.isascii() and max(map(len, octets.split(b"\r\n"))) <= 998


def _multipart(boundary: bytes, pieces: Iterable[bytes]) -> bytes:
    return b"".join([*[b"--%s\r\n%s\r\n" % (boundary, piece) for piece in pieces], b"--%s--\r\n" % boundary])


def _boundary(id: str, pieces: Sequence[bytes]) -> bytes:
    boundary = b"=_" + id.encode("ascii")
    while any(boundary in piece for piece in pieces):
        boundary += b"_"
    return boundary


def _file_fields(file: File) -> list[bytes]:
    name = one_line(file.name).strip()
    plain = name.isascii() and not _UNFIT.intersection(name) and len(name) <= 60
    if plain:
        called = b'name="%s"' % name.encode("ascii")
        disposed = b'filename="%s"' % name.encode("ascii")
    else:
        # by RFC 2231, and as encoded words in the other field for readers that do not know it
        called = b'name="' + b"\r\n ".join(encoded_words(name, 30)) + b'"'
        disposed = b";\r\n ".join(_extended("filename", name))
    return [
        b"Content-Type: %s;\r\n %s\r\n" % (file.type.encode("ascii"), called),
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Disposition: %s;\r\n %s\r\n" % (b"inline" if file.cid else b"attachment", disposed),
        *([b"Content-ID: <%s>\r\n" % file.cid.encode("ascii")] if file.cid else []),
    ]


def _extended(name: str, value: str) -> list[bytes]:
    """A parameter by RFC 2231, in pieces that fit a line."""
    octets = value.encode("utf-8")
    quoted = [bytes((octet,)) if chr(octet).isalnum() and octet < 128 else b"%%%02X" % octet for octet in octets]
    pieces = [b"".join(quoted[at : at + 18]) for at in range(0, len(quoted), 18)] or [b""]
    label = name.encode("ascii")
    if len(pieces) == 1:
        return [b"%s*=utf-8''%s" % (label, pieces[0])]
    return [b"%s*%d*=%s%s" % (label, n, b"" if n else b"utf-8''", piece) for n, piece in enumerate(pieces)]


def _field_in_utf8(name: str, raw: bytes) -> tuple[str, bytes]:
    """A field whose encoded words are all in UTF-8."""
    if _FOREIGN_WORD.search(raw) is None:
        return name, raw
    label = raw[: raw.index(b":") + 1]
    text = _WORDS.sub(lambda found: b" ".join(encoded_words(decode(found[0]), len(label) + 1)), value(raw))
    return name, b"\r\n".join(fold(label, b" " + text)) + b"\r\n"
