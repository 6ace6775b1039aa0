"""The texts of a message, as they are read: each text leaf that is shown in place, decoded, to be changed and put back.

Only what a change touches is written anew: a changed leaf in the transfer encoding that it came in, everything else
octet by octet as it stood. Leaves in a charset that does not contain ASCII, or that `header.CHARSETS` does not know,
attachments, messages within the message, and what is signed or encrypted as a whole are never opened.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from .header import CHARSETS
from .message import Message
from .mime import Kind, base64, kind, part, parts, quoted_printable

MAX_DEPTH = 20  #: multiparts within multiparts that are opened

UTF8 = "utf-8"
_TEXT = ("text", "plain")
_SEALED = frozenset({"signed", "encrypted"})
#: Codecs whose octets below 128 are ASCII wherever they stand.
_BYTEWISE = re.compile(r"utf-8|iso-8859-\d+|windows-\d+|koi8-[ru]|tis-620|gb2312|euc-jp|euc-kr")
#: The charsets of which these are said to be, though they have letters that those lack.
_WIDER = {"gbk": "gb18030", "shift_jis": "cp932"}
_CHARSET = re.compile(rb"""(;[ \t\r\n]*charset[ \t]*=[ \t]*)("[^"\r\n]*"|[^;" \t\r\n]*)""", re.I)
_NAMED = re.compile(rb""";[ \t\r\n]*(?:file)?name\*?(?:0\*?)?[ \t]*=""", re.I)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One text: whether it is HTML, its octets, and the codec they are in, which contains ASCII."""

    html: bool
    octets: bytes
    codec: str

    def followed_by(self, text: str) -> Leaf:
        """With a text behind it, all in UTF-8 when its codec does not have the letters."""
        try:
            return replace(self, octets=self.octets + text.encode(self.codec))
        except UnicodeEncodeError:
            whole = self.octets.decode(self.codec, "replace") + text
            return replace(self, octets=whole.encode(UTF8), codec=UTF8)


#: What becomes of a leaf; the same object when nothing does.
Change = Callable[[Leaf], Leaf]


def change_leaves(message: Message, change: Change) -> Message:
    """The message with every text leaf, in order, as `change` gives it; the same object when none was changed."""
    changed = _entity(message, change, _TEXT, MAX_DEPTH, ())
    return message if changed is None else changed


def leaves(message: Message) -> list[Leaf]:
    """Every text leaf, in order."""
    found: list[Leaf] = []

    def look(leaf: Leaf) -> Leaf:
        found.append(leaf)
        return leaf

    change_leaves(message, look)
    return found


def _entity(
    entity: Message, change: Change, default: tuple[str, str], depth: int, marks: tuple[bytes, ...]
) -> Message | None:
    """The entity changed, or None when nothing was; `marks` are the delimiters of the multiparts around it."""
    what = kind(entity, default)
    if what.type == "multipart":
        body = _multipart(entity.body, what, change, depth, marks) if depth and what.subtype not in _SEALED else None
        return None if body is None else Message(entity.fields, body, 0)
    said = _codec(entity, what)
    if said is None or _set_apart(entity, what):
        return None
    leaf = _decoded(entity.body, what, said)
    changed = change(leaf)
    return None if changed is leaf else _encoded(entity, what, changed, said, marks)


def _multipart(body: bytes, what: Kind, change: Change, depth: int, marks: tuple[bytes, ...]) -> bytes | None:
    pieces: list[bytes] = []
    done = 0
    marks = (*marks, b"--" + what.boundary)
    for begin, end in (parts(body, what.boundary) if what.boundary else None) or ():
        inner = part(body, begin, end)
        changed = None if inner is None else _entity(inner, change, _TEXT, depth - 1, marks)
        if changed is not None:
            pieces += [body[done:begin], changed.encode()]
            done = end
    return b"".join([*pieces, body[done:]]) if pieces else None


def _codec(entity: Message, what: Kind) -> str | None:
    """The codec that a leaf names, "" when it names none; None for a leaf that is not to be opened."""
    if what.type != "text" or what.subtype not in ("plain", "html"):
        return None
    if what.encoding not in ("", "7bit", "8bit", "binary", "quoted-printable", "base64"):
        return None
    found = _CHARSET.search(b";" + (entity.get("content-type") or b"").partition(b";")[2])
    name = found[2].strip(b'"').decode("ascii", "replace").lower() if found else ""
    return CHARSETS.get(name) if name else ""


def _set_apart(entity: Message, what: Kind) -> bool:
    """Is it an attachment rather than a text to be read in place?"""
    disposition = (entity.get("content-disposition") or b"").strip().lower()
    if disposition.startswith(b"attachment"):
        return True
    named = _NAMED.search(disposition) or _NAMED.search(entity.get("content-type") or b"")
    return what.subtype == "plain" and named is not None


def _decoded(body: bytes, what: Kind, codec: str) -> Leaf:
    if what.encoding == "quoted-printable":
        body = binascii.a2b_qp(body)
    elif what.encoding == "base64":
        body = _from_base64(body)
    if codec in ("", "ascii"):
        # what is said to be ASCII and is not is UTF-8 as a rule; if not that either, every octet stays what it is
        codec = UTF8 if _decodes(body, UTF8) else "iso-8859-1"
    elif _BYTEWISE.fullmatch(codec) is None:
        found = next((each for each in (codec, _WIDER.get(codec, codec)) if _decodes(body, each)), None)
        if found is None:
            codec = "iso-8859-1"  # damaged: every octet stays what it is
        else:
            body, codec = body.decode(found).encode(UTF8), UTF8
    return Leaf(what.subtype == "html", body, codec)


def _decodes(octets: bytes, codec: str) -> bool:
    if octets.isascii() and _BYTEWISE.fullmatch(codec):
        return True
    try:
        octets.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _from_base64(body: bytes) -> bytes:
    """What it decodes to; what stands behind damage is lost to every reader."""
    try:
        return binascii.a2b_base64(body)
    except binascii.Error:
        clean = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
        return binascii.a2b_base64(clean[: len(clean) // 4 * 4])


def _encoded(entity: Message, what: Kind, leaf: Leaf, said: str, marks: tuple[bytes, ...]) -> Message:
    """The entity with a leaf for its body, which ends no part around it; `said` is the codec that its header names."""
    octets = leaf.octets
    if leaf.codec == UTF8 != said and not octets.isascii():
        entity = entity.replace(_saying_utf8(entity))
    if what.encoding == "quoted-printable":
        octets = quoted_printable(octets)
    elif what.encoding == "base64":
        octets = base64(octets) + (b"\r\n" if entity.body.endswith(b"\r\n") else b"")
    elif any(octets.startswith(mark) or b"\n" + mark in octets for mark in marks):
        octets = quoted_printable(octets)
        entity = entity.replace(b"Content-Transfer-Encoding: quoted-printable\r\n")
    elif what.encoding != "8bit" and not octets.isascii():
        entity = entity.replace(b"Content-Transfer-Encoding: 8bit\r\n")
    return Message(entity.fields, octets, 0)


def _saying_utf8(entity: Message) -> bytes:
    """The Content-Type field with UTF-8 for its charset."""
    raw = next((raw for name, raw in entity.fields if name == "content-type"), b"Content-Type: text/plain\r\n")
    said, count = _CHARSET.subn(rb"\g<1>utf-8", raw, count=1)
    return said if count else raw[:-2] + b"; charset=utf-8\r\n"
