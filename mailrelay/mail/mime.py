"""Just as much of MIME as re-encoding needs (RFC 2045, RFC 2046): the kind of an entity, its parts, its encodings.

Works on slices of bytes in linear time. It never decodes text, never follows a reference, and takes what is malformed
for a single opaque body.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .message import Message

MAX_PARTS = 10_000  #: parts in one multipart beyond which nobody reads it

UUENCODE = frozenset({"uuencode", "x-uuencode", "uue", "x-uue"})

_KIND = re.compile(rb"[ \t]*([!#-'*+.0-9A-Z^-~-]+)/([!#-'*+.0-9A-Z^-~-]+)[ \t]*(?=;|\(|\Z)")
_PARAMETER = re.compile(rb"""[ \t]*([^\s=;"]*)[ \t]*(?:=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^;]*)))?[^;]*;?""", re.S)
_ESCAPED = re.compile(rb"\\(.)", re.S)
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
    boundary = b""
    start = value.find(b";", found.end()) + 1
    for parameter in _PARAMETER.finditer(value, start or len(value)):
        if parameter[1].lower() == b"boundary":
            quoted = parameter[2]
            boundary = (_ESCAPED.sub(rb"\1", quoted) if quoted is not None else parameter[3] or b"").rstrip(b" \t")
            break
    return Kind(found[1].decode("ascii").lower(), found[2].decode("ascii").lower(), boundary, word)


def parts(body: bytes, boundary: bytes) -> list[tuple[int, int]] | None:
    """Where each part of a multipart's body begins and ends, delimiters left out (RFC 2046 5.1.1).

    A part that nothing closes reaches to the end. None when there is no part, or more than `MAX_PARTS`.
    """
    found: list[tuple[int, int]] = []
    start = -1
    for begin, end, closing in _delimiters(body, b"--" + boundary):
        if start >= 0:
            # The CRLF before a delimiter is the delimiter's; two delimiters in a row share one.
            found.append((start, max(start, begin - 2)))
        start = -1 if closing else end
        if closing or len(found) > MAX_PARTS:
            break
    if start >= 0:
        found.append((start, len(body)))
    return found if 0 < len(found) <= MAX_PARTS else None


def _delimiters(body: bytes, mark: bytes) -> Iterator[tuple[int, int, bool]]:
    """Each line that is a delimiter: where it begins, where the next line begins, whether it closes the multipart."""
    position = body.find(mark)
    while position >= 0:
        end = position + len(mark)
        if position == 0 or body[position - 1] == 10:
            found = _DELIMITER_END.match(body, end)
            if found is not None:
                end = found.end()
                yield position, end, found[1] is not None
        position = body.find(mark, end)


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
