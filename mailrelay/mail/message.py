"""A message over bytes: its header fields to read, keep, drop, replace and add, and its body untouched (RFC 5322).

`parse` reads any bytes in one pass, and gives the reading that a verifier of the result has (no second From hides in
it): lines end in CRLF only; the header ends where the first line stands that is no field, and is parted from the body
by an empty line from then on. A `Message` never changes; editing gives another one that shares the body. Nothing here
decodes a body or judges a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .frozen import frozen
from .header import FIELD_NAME, decode, unfold

_FIELD = re.compile(rb"(%s)([ \t]*):[^\r\n]*((?:\r\n[ \t][^\r\n]*)*)(\r\n|\Z)" % FIELD_NAME.encode("ascii"))
#: The same on one line, or on lines none of which is blank: as our own mostly stand.
_PLAIN = re.compile(rb"(%s):[^\r\n]*\r\n(?:[ \t]+[^ \t\r\n][^\r\n]*\r\n)*" % FIELD_NAME.encode("ascii"))
_MBOX = re.compile(rb"(?:>?From (?![ \t]*:)[^\r\n]*\r\n)*")
_BLANK_FOLD = re.compile(rb"\r\n[ \t]+(?=\r\n|\Z)")
_BARE = re.compile(rb"\r\n|\r|\n")


def canonical(source: bytes) -> bytes:
    """The source with CRLF as its only line end: a bare CR and a bare LF become one each (RFC 5321 2.3.8)."""
    return _BARE.sub(b"\r\n", source) if has_bare_end(source) else source


def has_bare_end(source: bytes) -> bool:
    """Whether a CR or an LF stands in it that is no part of a CRLF."""
    # a third of the time that counting each of them takes
    rest = source.replace(b"\r\n", b"")
    return b"\n" in rest or b"\r" in rest


class Canonical:
    """The same for a source that comes piece by piece: all that `feed` and `end` give is `canonical` of all pieces."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = False

    def feed(self, piece: bytes) -> bytes:
        """What is sure by now; a CR at the end of a piece is, when it is known whether an LF follows."""
        if self._held:
            piece = b"\r" + piece
        self._held = piece.endswith(b"\r")
        return canonical(piece[:-1] if self._held else piece)

    def end(self) -> bytes:
        """What was held back."""
        held, self._held = self._held, False
        return b"\r\n" if held else b""


def has_nul(source: bytes) -> bool:
    """Whether a NUL stands in it, which no message may hold (RFC 5322 4.1)."""
    return b"\0" in source


@frozen
class Message:
    """Header `fields` in order, each as (name in lower case, octets with folding and CRLF), and the body.

    The body is what stands in `source` from `offset` on. Made by `parse` only; the raw octets of every field are
    ``Name: value CRLF`` with canonical line ends.
    """

    fields: tuple[tuple[str, bytes], ...]
    source: bytes
    offset: int

    @classmethod
    def parse(cls, source: bytes) -> Message:
        """Read any bytes, first made `canonical`.

        A leading mbox line ("From " and no colon) is dropped, white space before a field's colon and lines of nothing
        but white space within a field are taken out: readers disagree on these.
        """
        source = canonical(source)
        fields, position = read_fields(source, 0, len(source))
        return cls(fields, source, position)

    @property
    def body(self) -> bytes:
        """The octets behind the empty line."""
        return self.source[self.offset :]

    def head(self) -> bytes:
        """All fields, without the empty line."""
        return b"".join([raw for _, raw in self.fields])

    def encode(self) -> bytes:
        """The whole message: fields, empty line, body."""
        return b"".join([*[raw for _, raw in self.fields], b"\r\n", self.source[self.offset :]])

    def all(self, name: str) -> tuple[bytes, ...]:
        """The unfolded values of every field of that name (any case), in order."""
        name = name.lower()
        return tuple(value(raw) for each, raw in self.fields if each == name)

    def get(self, name: str) -> bytes | None:
        """The unfolded value of the first field of that name (any case), or None."""
        name = name.lower()
        for each, raw in self.fields:
            if each == name:
                return value(raw)
        return None

    def text(self, name: str) -> str:
        """The first field of that name as one line of text, encoded words read; "" when there is none."""
        found = self.get(name)
        return decode(found) if found else ""

    def drop(self, *names: str) -> Message:
        """Without any field of these names."""
        gone = {name.lower() for name in names}
        return self._with(field for field in self.fields if field[0] not in gone)

    def keep(self, *names: str) -> Message:
        """Without any field but those of these names."""
        kept = {name.lower() for name in names}
        return self._with(field for field in self.fields if field[0] in kept)

    def replace(self, raw: bytes) -> Message:
        """With this complete field in the place of the first of its name, others of that name gone; else appended."""
        (new,) = _complete(raw)
        fields: list[tuple[str, bytes]] = []
        done = False
        for field in self.fields:
            if field[0] != new[0]:
                fields.append(field)
            elif not done:
                fields.append(new)
                done = True
        if not done:
            fields.append(new)
        return self._with(fields)

    def prepend(self, *raws: bytes) -> Message:
        """With these complete fields before all others; `ValueError` when one is not ``Name: value CRLF``."""
        return self._with([*(field for raw in raws for field in _complete(raw)), *self.fields])

    def append(self, *raws: bytes) -> Message:
        """With these complete fields behind all others; `ValueError` when one is not ``Name: value CRLF``."""
        return self._with([*self.fields, *(field for raw in raws for field in _complete(raw))])

    def _with(self, fields: Iterable[tuple[str, bytes]]) -> Message:
        return Message(tuple(fields), self.source, self.offset)


def read_fields(
    source: bytes, begin: int, end: int, most: int | None = None
) -> tuple[tuple[tuple[str, bytes], ...], int]:
    """The fields of the entity that stands from `begin` to `end` of a canonical source, and where its body begins.

    Of more than `most` fields that many and one are read, and the rest is taken for the body.
    """
    mbox = _MBOX.match(source, begin, end)
    fields, position = _fields(source, mbox.end() if mbox else begin, end, most)
    if source.startswith(b"\r\n", position, end):
        position += 2
    return tuple(fields), position


def value(raw: bytes) -> bytes:
    """The unfolded value of a complete field."""
    return unfold(raw[raw.index(b":") + 1 :])


def _fields(source: bytes, position: int, stop: int, most: int | None = None) -> tuple[list[tuple[str, bytes]], int]:
    """The fields that stand from `position` on and before `stop`, and where they end."""
    fields: list[tuple[str, bytes]] = []
    match = _FIELD.match
    while found := match(source, position, stop):
        name, gap, folds, end = found.groups()
        raw = found[0]
        position = found.end()
        if not end:
            raw += b"\r\n"
        if gap:
            raw = name + raw[len(name) + len(gap) :]
        if folds:
            raw = _BLANK_FOLD.sub(b"", raw[:-2]) + b"\r\n"
        fields.append((name.decode("ascii").lower(), raw))
        if len(fields) - 1 == most:
            break
    return fields, position


def _complete(raw: bytes) -> list[tuple[str, bytes]]:
    """A field that we make ourselves: exactly one, and complete, so that nothing can be smuggled in with it."""
    plain = _PLAIN.fullmatch(raw)
    if plain is not None:
        return [(plain[1].decode("ascii").lower(), raw)]
    fields, end = _fields(raw, 0, len(raw))
    if len(fields) != 1 or end != len(raw) or not raw.endswith(b"\r\n"):
        raise ValueError("not one complete header field")
    return fields
