"""What a message carries: each leaf with its type, its file name and whether it is a text to be read in place.

A walk over bytes in linear time that decodes no body, follows no reference and opens nothing within a leaf, so a
message within the message is one leaf. Bounded in depth and number: what lies deeper, or behind the last leaf that is
looked at, is told as one leaf that nobody can read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .message import Message
from .mime import kind, part, parts
from .parameters import parameter

MAX_DEPTH = 20  #: multiparts within multiparts that are opened
MAX_LEAVES = 10_000  #: leaves that are looked at
MAX_NAME = 255  #: characters of a file name that are kept

#: A file whose name ends in dots or spaces is stored without them by some systems, and so is what its name says then.
_EXTENSION = re.compile(r"\.([^.\s]{1,32})[.\s]*\Z")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf: its type ("text/html"), "attachment", "inline" or "" as its disposition, and its file name or "".

    `alias` is the other name that it gives itself, where it gives two: readers differ on which they take."""

    type: str
    disposition: str = ""
    name: str = ""
    alias: str = ""

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
        return self._extension(self.name)

    @property
    def extensions(self) -> frozenset[str]:
        """The extension of each of its names."""
        return frozenset(self._extension(name) for name in (self.name, self.alias or self.name))

    def _extension(self, name: str) -> str:
        found = _EXTENSION.search(name)
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
        body = entity.body
        for begin, end in places:
            inner = part(body, begin, end)
            if inner is None:
                yield Leaf("multipart/mixed")
            else:
                yield from _leaves(inner, below, depth - 1)
        return
    yield Leaf(f"{what.type}/{what.subtype}", *_disposed(entity))


def _disposed(entity: Message) -> tuple[str, str, str]:
    """The disposition and the file name of a leaf (RFC 2183; the name of Content-Type serves where there is none), and
    the name of Content-Type where it is another."""
    said = entity.get("content-disposition") or b""
    word = said.partition(b";")[0].strip().lower()
    disposition = {b"": "", b"inline": "inline"}.get(word, "attachment")
    alias = parameter(entity.get("content-type") or b"", "name")[:MAX_NAME].strip()
    name = parameter(said, "filename")[:MAX_NAME].strip() or alias
    return disposition, name, "" if alias == name else alias
