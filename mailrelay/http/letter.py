"""Reads a received message so that a person can look at it: header, text, HTML, attachments.

It reads what anybody may have sent, so everything is bounded: only the first `MAX_SOURCE` octets, `MAX_PARTS` parts,
`MAX_DEPTH` levels; what is beyond or malformed is shown as it stands or left out, and the time is linear. Nothing here
is escaped yet, and nothing is a promise about the message: whoever wants the truth takes the octets.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..mail.header import CHARSETS, decode
from ..mail.message import Message, value

MAX_SOURCE = 2 * 1024 * 1024  #: octets
MAX_PARTS = 200
MAX_DEPTH = 10
MAX_VALUE = 8192  #: characters of a structured field that are read for its parameters

_PARAMETER = re.compile(r';[ \t]*([A-Za-z0-9*_-]{1,40})[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"?|[^;" \t]*)')
_QUOTED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is not shown in place: its file name or "", its media type, its size in octets."""

    name: str
    type: str
    size: int


@dataclass(slots=True)
class Letter:
    """One message as it is shown: `fields` as (name, decoded value) in order; `text` and `html` are "" when missing."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    html: str = ""
    attachments: list[Attachment] = field(default_factory=list)
    cut: bool = False

    def get(self, name: str) -> str:
        """The first field of that name, in any case."""
        return next((text for each, text in self.fields if each.lower() == name), "")


def read(source: bytes) -> Letter:
    """Read a message; never raises."""
    letter = Letter(cut=len(source) > MAX_SOURCE)
    message = Message.parse(source[:MAX_SOURCE])
    letter.fields = [
        (raw.partition(b":")[0].decode("ascii", "replace"), decode(value(raw))) for _, raw in message.fields
    ]
    for number, leaf in enumerate(_leaves(message, 0)):
        if number == MAX_PARTS:
            letter.cut = True
            break
        _place(letter, leaf)
    return letter


def _place(letter: Letter, leaf: Message) -> None:
    """Put a leaf where it is shown: the first text, the first HTML, and all others as attachments."""
    kind, parameters = _typed(leaf.text("Content-Type") or "text/plain")
    disposition, more = _typed(leaf.text("Content-Disposition"))
    name = more.get("filename") or parameters.get("name") or ""
    if disposition != "attachment" and kind == "text/html" and not letter.html:
        letter.html = _decoded(leaf, parameters)
    elif disposition != "attachment" and kind == "text/plain" and not letter.text and not name:
        letter.text = _decoded(leaf, parameters)
    else:
        letter.attachments.append(Attachment(name, kind, len(_octets(leaf))))


def _leaves(message: Message, depth: int) -> Iterator[Message]:
    """The parts that hold no others, in order."""
    kind, parameters = _typed(message.text("Content-Type"))
    boundary = parameters.get("boundary", "")
    if not kind.startswith("multipart/") or not boundary or depth == MAX_DEPTH:
        yield message
        return
    for part in _parts(message.body, boundary.encode("utf-8", "replace")):
        yield from _leaves(Message.parse(part), depth + 1)


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """What stands between the boundary lines of a multipart (RFC 2046 5.1.1), its last part even if it was cut off."""
    line = re.compile(rb"(?:\A|(?<=\r\n))--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r\n|\Z)")
    parts: list[bytes] = []
    begin = -1
    for found in line.finditer(body):
        if begin >= 0:
            # the CRLF before a boundary line belongs to it
            parts.append(body[begin : max(begin, found.start() - 2)])
        begin = found.end()
        if found[1] or len(parts) > MAX_PARTS:
            return parts
    return [*parts, body[begin:]] if begin >= 0 else [body]


def _typed(text: str) -> tuple[str, dict[str, str]]:
    """The word and the parameters of a structured field, such as a media type (RFC 2045 5.1)."""
    text = text[:MAX_VALUE]
    word, _, _ = text.partition(";")
    parameters: dict[str, str] = {}
    for found in _PARAMETER.finditer(text, len(word)):
        name, raw = found[1].lower(), found[2]
        if raw.startswith('"'):
            raw = _QUOTED.sub(r"\1", raw.strip('"'))
        if name.endswith("*"):
            name, raw = name.rstrip("*"), _extended(raw)
        parameters.setdefault(name, raw)
    return word.strip().lower(), parameters


def _extended(raw: str) -> str:
    """A value with charset and percent signs (RFC 2231 4)."""
    charset, _, rest = raw.partition("'")
    _, _, text = rest.partition("'")
    octets = re.sub(r"%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), text).encode("latin-1", "replace")
    return octets.decode(CHARSETS.get(charset.lower(), "utf-8"), "replace")


def _octets(leaf: Message) -> bytes:
    """The content of a leaf without its transfer encoding; what is malformed stays as it stands."""
    encoding = leaf.text("Content-Transfer-Encoding").strip().lower()
    if encoding == "quoted-printable":
        return binascii.a2b_qp(leaf.body)
    if encoding == "base64":
        try:
            return binascii.a2b_base64(leaf.body)
        except binascii.Error:
            return leaf.body
    return leaf.body


def _decoded(leaf: Message, parameters: dict[str, str]) -> str:
    """The content of a leaf as text; an unknown charset is read as UTF-8, or else Latin-1."""
    octets = _octets(leaf)
    codec = CHARSETS.get(parameters.get("charset", "").lower(), "")
    if codec:
        return octets.decode(codec, "replace")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")
