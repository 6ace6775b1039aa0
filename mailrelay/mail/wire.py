"""The form in which a message leaves (law 6): CRLF ends only, no NUL, no line over 998 octets, CRLF at the end.

What need not change stays byte-identical. A header field with a line too long is folded at white space; a word that
is too long makes an unstructured field a row of encoded words, any other is cut. A MIME leaf with a line too long, a
NUL, or 8-bit octets for a hop that takes none, becomes quoted-printable, base64 where it is no text; its decoded
content stays what it was. What cannot be re-encoded (a multipart whose boundary never comes, nesting beyond
`MAX_DEPTH`, uuencode, the text between parts) has its lines cut at 998 octets, each piece after the first behind a
space, as a header is folded, and a NUL made a space; its 8-bit octets stay. So do those of an address that cannot be
said in ASCII.
"""

from __future__ import annotations

import binascii
import re

from .address import AddressError
from .addresses import addresses
from .header import MAX_LINE, decode, encode, encoded_words, fold
from .message import Message
from .mime import UUENCODE, Kind, base64, kind, parts, quoted_printable, rewrapped

MAX_DEPTH = 30  #: entities within entities that are opened

_TEXT = ("text", "plain")
_MESSAGE = ("message", "rfc822")
_MESSAGES = frozenset({"rfc822", "global", "news"})
_ENCODED = frozenset({"quoted-printable", "base64"})
_UNSTRUCTURED = frozenset({"subject", "comments", "content-description", "organization", "thread-topic"})
_ADDRESSES = frozenset({"from", "sender", "reply-to", "to", "cc", "bcc"})
_WIDE_SPACE = re.compile(rb"[ \t]{79,}")
_TO_ESCAPE = re.compile(r'(["\\])')


def wire(message: Message, *, eight_bit: bool, utf8: bool = True) -> bytes:
    """The whole message for a hop that takes 8-bit octets (8BITMIME), or does not; without `utf8` (SMTPUTF8, RFC 6532)
    its header is said in ASCII as far as it can be."""
    octets = _wire(message, eight_bit)
    if utf8 or octets.isascii():
        return octets
    head, end, body = octets.partition(b"\r\n\r\n")
    return octets if head.isascii() else _header(head + b"\r\n", False) + end[2:] + body


def _wire(message: Message, eight_bit: bool) -> bytes:
    source = message.encode()
    ended = source.endswith(b"\r\n")
    if ended and _fits(source, eight_bit):
        return source
    if not ended:
        message = Message(message.fields, message.source + b"\r\n", message.offset)
    result = _entity(message, eight_bit, MAX_DEPTH, _TEXT, whole=True)
    return result if result.endswith(b"\r\n") else result + b"\r\n"


def _fits(text: bytes, eight_bit: bool) -> bool:
    """Whether it may stand on the wire as it is. Looks at one line end in a thousand octets."""
    if not (eight_bit or text.isascii()) or b"\0" in text:
        return False
    position, end = 0, len(text)
    while end - position > MAX_LINE:
        # The line end may lie two octets beyond the longest line.
        position = text.rfind(b"\n", position, position + MAX_LINE + 2) + 1
        if not position:
            return False
    return True


def _entity(entity: Message, eight_bit: bool, depth: int, default: tuple[str, str], *, whole: bool) -> bytes:
    """A message (`whole`) or a part of one; `default` is what it is when it does not say."""
    body = entity.body
    if not _fits(body, eight_bit):
        what = kind(entity, default)
        inner = _composite(what, body, eight_bit, depth)
        if inner is None:
            entity, body = _leaf(entity, what, body, whole=whole)
        else:
            body = inner
            if not eight_bit and what.encoding in ("8bit", "binary"):
                entity = entity.replace(b"Content-Transfer-Encoding: 7bit\r\n")
    head = entity.head()
    return b"".join([head if _fits(head, eight_bit) else _header(head, eight_bit), b"\r\n", body])


def _composite(what: Kind, body: bytes, eight_bit: bool, depth: int) -> bytes | None:
    """The body of an entity that holds others, with each of them in wire form; None when it is a leaf."""
    if what.type == "message" and what.subtype in _MESSAGES and what.encoding not in _ENCODED and depth:
        return _entity(Message.parse(body), eight_bit, depth - 1, _TEXT, whole=True)
    if what.type != "multipart":
        return None
    spans = parts(body, what.boundary) if 0 < len(what.boundary) < MAX_LINE - 4 and depth else None
    default = _MESSAGE if what.subtype == "digest" else _TEXT
    pieces = []
    done = 0
    for begin, end in spans or ():
        part = body[begin:end]
        if not _fits(part, eight_bit):
            part = _entity(Message.parse(part), eight_bit, depth - 1, default, whole=False)
        pieces += [_cut(body[done:begin]), part]
        done = end
    return b"".join([*pieces, _cut(body[done:])])


def _leaf(entity: Message, what: Kind, body: bytes, *, whole: bool) -> tuple[Message, bytes]:
    """A leaf with its body re-encoded, and its header saying so."""
    if what.encoding == "quoted-printable":
        return entity, quoted_printable(binascii.a2b_qp(body))
    if what.encoding == "base64":
        return entity, rewrapped(body) + (b"\r\n" if body.endswith(b"\r\n") else b"")
    if what.encoding in UUENCODE or what.type == "message":
        return entity, _cut(body)
    text = what.type == "text"
    encoding = b"quoted-printable" if text else b"base64"
    if entity.get("content-type") is None and not body.isascii():
        entity = entity.append(b"Content-Type: text/plain; charset=" + _charset(body) + b"\r\n")
    entity = entity.replace(b"Content-Transfer-Encoding: " + encoding + b"\r\n")
    if whole and entity.get("mime-version") is None:
        entity = entity.append(b"MIME-Version: 1.0\r\n")
    return entity, quoted_printable(body) if text else base64(body)


def _charset(body: bytes) -> bytes:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return b"unknown-8bit"  # RFC 1428
    return b"utf-8"


def _header(head: bytes, eight_bit: bool) -> bytes:
    """All fields of a header, those changed that do not fit."""
    if b"\0" in head:
        head = head.replace(b"\0", b" ")
    fields = Message.parse(head).fields
    return b"".join([raw if _fits(raw, eight_bit) else _field(name, raw, eight_bit) for name, raw in fields])


def _field(name: str, raw: bytes, eight_bit: bool) -> bytes:
    """One field whose lines are too long, or that has 8-bit octets which the hop does not take."""
    label, _, rest = raw.partition(b":")
    if name in _UNSTRUCTURED or name.startswith("x-"):
        if eight_bit or raw.isascii():
            lines = _folded(label, rest)
            if max(map(len, lines)) <= MAX_LINE:
                return b"\r\n".join(lines) + b"\r\n"
        return encode(label.decode("ascii"), decode(rest))
    if name in _ADDRESSES and not eight_bit and not raw.isascii():
        rest = _ascii_addresses(rest)
    elif _fits(raw, True):
        return raw
    return _cut(b"\r\n".join(_folded(label, rest)) + b"\r\n")


def _folded(label: bytes, rest: bytes) -> list[bytes]:
    return fold(label + b":", _WIDE_SPACE.sub(b" ", rest.replace(b"\r\n", b"")))


def _ascii_addresses(rest: bytes) -> bytes:
    """An address list whose names are encoded words; unchanged when there is no saying it in ASCII."""
    try:
        found = addresses(rest)
    except AddressError:
        return rest
    if not found or not all(mailbox.address.isascii() for _, mailbox in found):
        return rest
    items = []
    for name, mailbox in found:
        address = mailbox.address.encode("ascii")
        if not name:
            items.append(address)
        elif name.isascii() and "=?" not in name:
            items.append(b'"%s" <%s>' % (_TO_ESCAPE.sub(r"\\\1", name).encode("ascii"), address))
        else:
            items.append(b"%s <%s>" % (b" ".join(encoded_words(name, 0)), address))
    return b" " + b", ".join(items)


def _cut(text: bytes) -> bytes:
    """Opaque lines, each cut where it is too long; a piece stands behind a space, so that it is no line of its own."""
    text = text.replace(b"\0", b" ")
    if _fits(text, True):
        return text
    lines = []
    for line in text.split(b"\r\n"):
        line = line.rstrip(b" \t") if len(line) > MAX_LINE else line
        start, room = 0, MAX_LINE
        while len(line) - start > room:
            end = start + room
            # Not within a character of UTF-8, which has at most three octets behind its first.
            while line[end] & 0xC0 == 0x80 and end > start + room - 4:
                end -= 1
            lines.append(b" " * (start > 0) + line[start:end])
            start, room = end, MAX_LINE - 1
        lines.append(b" " * (start > 0) + line[start:])
    return b"\r\n".join(lines)
