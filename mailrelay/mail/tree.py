"""A message as a tree of MIME parts, seen in place: nothing is copied, and nothing is decoded until it is asked for.

`tree` opens multiparts only; a message within a message is a leaf. It goes at most `MAX_DEPTH` deep and gives at most
`MAX_LEAVES` leaves, each with at most `MAX_FIELDS` header fields: what lies beyond stays closed, as one leaf that says
so, and the time taken is linear in the size of the message whatever it holds. A multipart in which no part is found is
a leaf as well.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field

from .header import CHARSETS
from .message import Message, read_fields
from .mime import UUENCODE, Kind, kind, parts
from .parameters import parameter, word

MAX_DEPTH = 30  #: multiparts within multiparts that are opened
MAX_LEAVES = 10_000  #: leaves of one message
MAX_FIELDS = 1_000  #: header fields of one part

_TEXT = ("text", "plain")
_MESSAGE = ("message", "rfc822")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))

#: A charset → those that many clients mean by its name, tried in turn: each has octets that the one before lacks.
_MEANT = {
    "ascii": ("utf-8",),
    "iso-8859-1": ("windows-1252", "iso-8859-1"),
    "gb2312": ("gb2312", "gb18030"),
    "gbk": ("gbk", "gb18030"),
    "shift_jis": ("shift_jis", "cp932"),
    "euc-kr": ("euc-kr", "cp949"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """An entity without parts of its own. Its header fields are those of `header`; its body is what stands in `source`
    from `body` to `end`, and all of it begins at `begin`.

    `within` are the multiparts around it, outermost first; none for a message that is a single part, whose header does
    not stand in `source`. A `closed` part is one that was not looked into, though there may be parts in it.
    """

    header: Message = field(repr=False)
    kind: Kind
    source: bytes = field(repr=False)
    begin: int
    body: int
    end: int
    within: tuple[Kind, ...]
    closed: bool = False

    @property
    def is_text(self) -> bool:
        """Whether it holds text to read, by its type."""
        return self.kind.type == "text" and not self.closed

    @property
    def media(self) -> str:
        """Type and subtype, such as ``text/html``."""
        return f"{self.kind.type}/{self.kind.subtype}"

    @property
    def charset(self) -> str:
        """The charset that it names, in lower case; "" when it names none."""
        return parameter(self.header.get("content-type") or b"", "charset").lower()

    @property
    def disposition(self) -> str:
        """``inline``, ``attachment`` or another word in lower case; "" when it says nothing."""
        return word(self.header.get("content-disposition") or b"")

    @property
    def filename(self) -> str:
        """The name that it gives to its content as a file, as one line of text; "" when it gives none."""
        named = parameter(self.header.get("content-disposition") or b"", "filename")
        return named or parameter(self.header.get("content-type") or b"", "name")

    @property
    def content(self) -> bytes:
        """Its body as it stands."""
        return self.source[self.body : self.end]

    def octets(self) -> bytes:
        """Its body with the transfer encoding undone; what is malformed in it is passed over."""
        if self.kind.encoding == "quoted-printable":
            return binascii.a2b_qp(self.content)
        if self.kind.encoding == "base64":
            return _from_base64(self.content)
        return self.content

    def text(self) -> str | None:
        """Its content as text, or None where that cannot be said without a doubt.

        That is so for a charset outside `mail.header.CHARSETS`, octets that are not of the charset, and uuencode. Where
        no charset is named, or US-ASCII is and octets above it are there, they are read as UTF-8; ISO-8859-1 is read as
        the web reads it, as windows-1252 where that has all the octets.
        """
        codec = CHARSETS.get(self.charset or "utf-8")
        if codec is None or self.kind.encoding in UUENCODE:
            return None
        octets = self.octets()
        for each in _MEANT.get(codec, (codec,)):
            try:
                return octets.decode(each)
            except ValueError:
                continue
        return None

    def text_as_can_be(self) -> str:
        """Its content as text, with what cannot be read replaced: an unknown charset is taken for UTF-8 or Latin-1."""
        text = self.text()
        if text is not None:
            return text
        octets = self.octets()
        codec = CHARSETS.get(self.charset, "ascii")
        if codec != "ascii":
            return octets.decode(codec, "replace")
        try:
            return octets.decode("utf-8")
        except ValueError:
            return octets.decode("iso-8859-1")


def tree(message: Message) -> tuple[Part, ...]:
    """The leaves of a message in order, one at least."""
    what = kind(message)
    whole = Part(
        Message(message.fields, b"", 0),
        what,
        message.source,
        message.offset,
        message.offset,
        len(message.source),
        (),
    )
    if what.type != "multipart":
        return (whole,)
    return tuple(_Walk(message.source).leaves(whole))


class _Walk:
    """One walk, which counts what it gave."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._given = 0

    def leaves(self, part: Part) -> Iterator[Part]:
        """The leaves within a part, or the part itself."""
        what = part.kind
        if what.type != "multipart" or part.closed:
            self._given += 1
            yield part
            return
        spans = parts(self._source, what.boundary, part.body, part.end) if what.boundary else None
        if spans is None or len(part.within) >= MAX_DEPTH or self._given + len(spans) > MAX_LEAVES:
            self._given += 1
            yield _closed(part)
            return
        default = _MESSAGE if what.subtype == "digest" else _TEXT
        for begin, end in spans:
            yield from self.leaves(self._part(begin, end, (*part.within, what), default))

    def _part(self, begin: int, end: int, within: tuple[Kind, ...], default: tuple[str, str]) -> Part:
        fields, body = read_fields(self._source, begin, end, MAX_FIELDS)
        header = Message(fields, b"", 0)
        too_many = len(fields) > MAX_FIELDS
        return Part(header, kind(header, default), self._source, begin, body, end, within, closed=too_many)


def _closed(part: Part) -> Part:
    return Part(part.header, part.kind, part.source, part.begin, part.body, part.end, part.within, closed=True)


def _from_base64(content: bytes) -> bytes:
    try:
        return binascii.a2b_base64(content)
    except binascii.Error:
        data = content.translate(None, _NOT_BASE64)
        data = data[: len(data) - (len(data) % 4 == 1)]
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
