"""Just as much of MIME as re-encoding needs (RFC 2045, RFC 2046): the kind of an entity, its parts, its encodings.

Works on slices of bytes in linear time. It never decodes text, never follows a reference, and takes what is malformed
for a single opaque body.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .message import Message, read_fields
from .parameters import parameters

MAX_PARTS = 10_000  #: parts in one multipart beyond which nobody reads it
MAX_FIELDS = 1_000  #: header fields of a part beyond which nobody reads it
MAX_HEADER = 131_072  #: octets of a part's header, likewise

UUENCODE = frozenset({"uuencode", "x-uuencode", "uue", "x-uue"})

_KIND = re.compile(rb"[ \t]*([!#-'*+.0-9A-Z^-~-]+)/([!#-'*+.0-9A-Z^-~-]+)[ \t]*(?=;|\(|\Z)")
_DELIMITER_END = re.compile(rb"(--)?[ \t]*(?:\r\n|\Z)")
_DASHES = re.compile(rb"^--", re.M)
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))


@dataclass(frozen=True, slots=True)
class Kind:
    """What an entity says it is: type and subtype in lower case, boundary or b"", transfer encoding in lower case."""

    type: str
    subtype: str
    boundary: bytes
    encoding: str


def kind(entity: Message, default: tuple[str, str] = ("text", "plain")) -> Kind:
    """Read Content-Type and Content-Transfer-Encoding; what is missing or malformed counts as `default`."""
    encoding = (entity.get("content-transfer-encoding") or b"").partition(b"(")[0]
    word = encoding.strip().decode("ascii", "replace").lower()
    value = entity.get("content-type") or b""
    found = _KIND.match(value)
    if found is None:
        return Kind(*default, b"", word)
    boundary = next((octets for name, octets, _ in parameters(value) if name == b"boundary"), b"").rstrip(b" \t")
    return Kind(found[1].decode("ascii").lower(), found[2].decode("ascii").lower(), boundary, word)


def parts(body: bytes, boundary: bytes, start: int = 0, stop: int | None = None) -> list[tuple[int, int]] | None:
    """Where each part of a multipart's body begins and ends, delimiters left out (RFC 2046 5.1.1).

    The body may be what stands from `start` to `stop` of something larger. A part that nothing closes reaches to the
    end. None when there is no part, or more than `MAX_PARTS` lines that could part them.
    """
    stop = len(body) if stop is None else stop
    found: list[tuple[int, int]] = []
    open_at = -1
    for number, (begin, end, closing) in enumerate(_delimiters(body, b"--" + boundary, start, stop)):
        if number > MAX_PARTS:
            return None
        if end < 0:
            continue
        if open_at >= 0:
            # The CRLF before a delimiter is the delimiter's; two delimiters in a row share one.
            found.append((open_at, max(open_at, begin - 2)))
        open_at = -1 if closing else end
        if closing:
            break
    if open_at >= 0:
        found.append((open_at, stop))
    return found if 0 < len(found) <= MAX_PARTS else None


def part(body: bytes, begin: int, end: int) -> Message | None:
    """What stands between two delimiters of a canonical body; None where its header goes on beyond all bounds."""
    read = min(end, begin + MAX_HEADER)
    fields, position = read_fields(body, begin, read, MAX_FIELDS)
    if len(fields) > MAX_FIELDS or (position > read - 2 and read < end):
        return None
    return Message(fields, body[begin:end], position - begin)


def _delimiters(body: bytes, mark: bytes, start: int, stop: int) -> Iterator[tuple[int, int, bool]]:
    """Each line that begins as a delimiter does: where it begins, where the next line begins, or -1 when it is none
    after all, and whether it closes the multipart."""
    line = b"\n" + mark
    position = start if body.startswith(mark, start, stop) else body.find(line, start, stop) + 1 or -1
    while position >= 0:
        end = position + len(mark)
        found = _DELIMITER_END.match(body, end, stop)
        if found is None:
            yield position, -1, False
        else:
            end = found.end()
            yield position, end, found[1] is not None
        # The line end of a delimiter may be the beginning of the next.
        position = body.find(line, end - 1, stop) + 1 or -1


def quoted_printable(content: bytes) -> bytes:
    """Content in quoted-printable: lines end at CRLF only, every octet is kept, no line could be a delimiter."""
    lines = [binascii.b2a_qp(line, istext=False).replace(b"=\n", b"=\r\n") for line in content.split(b"\r\n")]
    return _DASHES.sub(b"=2D-", b"\r\n".join(lines))


def base64(content: bytes) -> bytes:
    """Content in base64, on lines of 76 octets."""
    return rewrapped(binascii.b2a_base64(content, newline=False))


def rewrapped(encoded: bytes) -> bytes:
    """Base64 on lines of 76 octets, whatever else stood in between gone (RFC 2045 6.8)."""
    encoded = encoded.translate(None, _NOT_BASE64)
    return b"\r\n".join([encoded[i : i + 76] for i in range(0, len(encoded), 76)])
