"""What a message carries: each leaf with its type, its file name and whether it is a text to be read in place.

A walk over bytes in linear time that decodes no body, follows no reference and opens nothing within a leaf, so a
message within the message is one leaf. Bounded in depth and number: what lies deeper, or behind the last leaf that is
looked at, is told as one leaf that nobody can read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .header import CHARSETS, decode
from .message import Message
from .mime import kind, parts

MAX_DEPTH = 20  #: multiparts within multiparts that are opened
MAX_LEAVES = 10_000  #: leaves that are looked at
MAX_NAME = 255  #: characters of a file name that are kept

_PARAMETER = re.compile(
    rb"""[ \t]*([!#-'*+.0-9A-Z^-~-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^;]*))[^;]*(?:;|\Z)""", re.S
)
_ESCAPED = re.compile(rb"\\(.)", re.S)
_CONTINUED = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_EXTENSION = re.compile(r"\.([^.\s]{1,32})\s*\Z")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf: its type ("text/html"), "attachment", "inline" or "" as its disposition, and its file name or ""."""

    type: str
    disposition: str = ""
    name: str = ""

    @property
    def text(self) -> bool:
        """Is it a text that is read in place?"""
        return self.type in ("text/plain", "text/html") and not self.attached

    @property
    def attached(self) -> bool:
        """Is it a file: by its disposition, its name, or since it is no text?"""
        return self.disposition == "attachment" or bool(self.name) or not self.type.startswith("text/")

    @property
    def extension(self) -> str:
        """The extension of its name in lower case without a dot; the subtype where the name has none."""
        found = _EXTENSION.search(self.name)
        return found[1].lower() if found else self.type.partition("/")[2]


def content(message: Message) -> tuple[Leaf, ...]:
    """The leaves of a message in their order."""
    found: list[Leaf] = []
    for leaf in _leaves(message, ("text", "plain"), MAX_DEPTH):
        if len(found) == MAX_LEAVES:
            found.append(Leaf("multipart/mixed"))
            break
        found.append(leaf)
    return tuple(found)


def _leaves(entity: Message, default: tuple[str, str], depth: int) -> Iterator[Leaf]:
    what = kind(entity, default)
    if what.type == "multipart":
        places = parts(entity.body, what.boundary) if depth and what.boundary else None
        if places is None:
            yield Leaf("multipart/" + what.subtype)
            return
        below = ("message", "rfc822") if what.subtype == "digest" else ("text", "plain")
        for begin, end in places:
            yield from _leaves(Message.parse(entity.body[begin:end]), below, depth - 1)
        return
    yield Leaf(f"{what.type}/{what.subtype}", *_disposed(entity))


def _disposed(entity: Message) -> tuple[str, str]:
    """The disposition and the file name of a leaf (RFC 2183; the name of Content-Type serves where there is none)."""
    said = entity.get("content-disposition") or b""
    word = said.partition(b";")[0].strip().lower()
    disposition = {b"": "", b"inline": "inline"}.get(word, "attachment")
    name = parameters(said).get("filename") or parameters(entity.get("content-type") or b"").get("name", "")
    return disposition, name[:MAX_NAME].strip()


def parameters(value: bytes) -> dict[str, str]:
    """The parameters of a field such as Content-Type, names in lower case.

    Continuations and charsets of RFC 2231 are put together; encoded words, which have no place here but are often met,
    are read. What is malformed is passed over; of two parameters of a name the first counts.
    """
    whole: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bytes, bool]]] = {}
    for found in _PARAMETER.finditer(value, value.find(b";") + 1 or len(value)):
        octets = _ESCAPED.sub(rb"\1", found[2]) if found[2] is not None else found[3].strip()
        split = _CONTINUED.fullmatch(found[1].decode("ascii").lower())
        if split is None:
            continue
        name, number, extended = split.groups()
        if number is None and not extended:
            whole.setdefault(name, decode(octets))
        else:
            pieces.setdefault(name, {}).setdefault(int(number or 0), (octets, bool(extended)))
    return whole | {name: _joined(each) for name, each in pieces.items() if 0 in each}


def _joined(pieces: dict[int, tuple[bytes, bool]]) -> str:
    """The value that pieces make, as far as none is missing."""
    out: list[bytes] = []
    charset = ""
    for number in range(len(pieces)):
        if number not in pieces:
            break
        octets, extended = pieces[number]
        if extended and not number and octets.count(b"'") >= 2:
            said, _, octets = octets.split(b"'", 2)
            charset = CHARSETS.get(said.decode("ascii", "replace").lower(), "")
        out.append(_PERCENT.sub(lambda found: bytes.fromhex(found[1].decode("ascii")), octets) if extended else octets)
    joined = b"".join(out)
    return decode(joined.decode(charset, "replace").encode("utf-8", "replace")) if charset else decode(joined)
