"""Changes to the parts of a message: everything that is not changed stays byte for byte as it was (RFC 2045, RFC 2046).

A text that is put in place of another becomes UTF-8, in the transfer encoding that the part had if that can carry it.
Boundaries are made of an id that is handed in, never at random, and of nothing that stands in what they part. What is
changed is written in lines that fit; what was too long before is the business of `mail.wire`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .header import MAX_LINE, fold
from .message import Message, canonical
from .mime import base64, quoted_printable
from .parameters import with_parameter
from .tree import Part

_IDENTITY = ("", "7bit", "8bit", "binary")


@dataclass(frozen=True, slots=True)
class Change:
    """A part's new header fields and its new body, for a part of `mail.tree.tree`."""

    part: Part
    header: Message = field(repr=False)
    body: bytes = field(repr=False)


def changed(message: Message, changes: Iterable[Change]) -> Message:
    """A message with some of its parts changed; each part comes from the `tree` of this very message, and once."""
    ordered = sorted(changes, key=lambda change: change.part.begin)
    if len(ordered) == 1 and not ordered[0].part.within:
        return Message(ordered[0].header.fields, ordered[0].body, 0)
    pieces: list[bytes] = []
    done = message.offset
    for change in ordered:
        part = change.part
        pieces += [message.source[done : part.begin], change.header.head(), b"\r\n", change.body]
        done = part.end
    pieces.append(message.source[done:])
    return Message(message.fields, b"".join(pieces), 0)


def with_texts(message: Message, texts: Iterable[tuple[Part, str]]) -> Message:
    """A message with new text in some of its text parts, as UTF-8."""
    return changed(message, [_retold(part, text) for part, text in texts])


def _retold(part: Part, text: str) -> Change:
    octets = text.encode("utf-8", "replace")
    encoding, body = _encoded(part, octets)
    header = part.header
    if encoding != part.kind.encoding:
        header = header.replace(b"Content-Transfer-Encoding: " + encoding.encode("ascii") + b"\r\n")
    if part.charset != "utf-8" and not (octets.isascii() and part.charset in ("", "us-ascii")):
        header = header.replace(_content_type(part))
    if not part.within and header is not part.header and header.get("mime-version") is None:
        header = header.append(b"MIME-Version: 1.0\r\n")
    return Change(part, header, body)


def _encoded(part: Part, octets: bytes) -> tuple[str, bytes]:
    """The transfer encoding for new octets of a text part, the one that it has if that will do, and the body in it."""
    had = part.kind.encoding
    if had == "base64":
        return had, _ended(part, base64(octets))
    if had in _IDENTITY and (octets.isascii() or had in ("8bit", "binary")):
        plain = canonical(octets)
        if _stands(part, plain):
            return had, plain
    quoted = quoted_printable(canonical(octets))
    if had == "quoted-printable" or len(quoted) * 3 < len(octets) * 4:
        return "quoted-printable", quoted
    return "base64", _ended(part, base64(octets))


def _ended(part: Part, body: bytes) -> bytes:
    """A message ends its last line, a part leaves that to the delimiter behind it."""
    return body if part.within else body + b"\r\n"


def _stands(part: Part, body: bytes) -> bool:
    """Whether octets can stand in a part as they are: short lines, no NUL, no line that could be a delimiter."""
    lines = body.split(b"\r\n")
    if max(map(len, lines)) > MAX_LINE or b"\0" in body:
        return False
    marks = tuple(b"--" + kind.boundary for kind in part.within)
    return not (marks and any(line.startswith(marks) for line in lines))


def _content_type(part: Part) -> bytes:
    """The part's Content-Type field with UTF-8 for its charset."""
    value = part.header.get("content-type")
    if value is None or not value.partition(b";")[0].strip().lower().startswith(b"text/"):
        value = b"text/plain"
    return b"\r\n".join(fold(b"Content-Type:", b" " + with_parameter(value, "charset", "utf-8"))) + b"\r\n"
