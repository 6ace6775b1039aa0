"""A message as its own template: the texts in it that variables may stand in, and the message with others in place.

The texts are its Subject, the display names of From and Reply-To, and every text that is read in place, HTML and plain
ones apart. Addresses are no texts: who a message is from was judged before, and no variable changes it. `with_content`
makes a message's whole content anew of an HTML and a plain text, as a stored template wants it. Nothing is rendered
here, and a text that is given back as it was leaves the message byte-identical.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

from .address import AddressError
from .addresses import address_field, addresses
from .header import MAX_LINE, decode, encode
from .leaves import UTF8, Leaf, change_leaves
from .message import Message
from .mime import quoted_printable

SUBJECT = "subject"
#: Fields of one address whose display name is a text, by their names as they are written.
NAMED = ("From", "Reply-To")

_MIME = b"MIME-Version: 1.0\r\n"
_LINE_END = re.compile(r"\r\n|\r|\n")
_LONG_LINE = re.compile(rb"[^\r\n]{%d}" % (MAX_LINE + 1))


def texts(message: Message) -> Mapping[str, tuple[str, bool]]:
    """Each text by a name of ours, with whether it is HTML; lines end in LF."""
    found: dict[str, tuple[str, bool]] = {}
    if subject := message.text("Subject"):
        found[SUBJECT] = subject, False
    for field in NAMED:
        if (named := _named(message, field)) is not None and named[0]:
            found[field] = named[0], False

    def look(leaf: Leaf) -> Leaf:
        text = leaf.octets.decode(leaf.codec, "replace")
        found[str(len(found))] = _LINE_END.sub("\n", text), leaf.html
        return leaf

    change_leaves(message, look)
    return found


def with_texts(message: Message, changed: Mapping[str, str]) -> Message:
    """The message with these texts (by the names of `texts`) in the place of its own, any that is missing kept."""
    before = texts(message)
    names = iter([name for name in before if name.isdigit()])

    def change(leaf: Leaf) -> Leaf:
        name = next(names)
        text = changed.get(name, before[name][0])
        if text == before[name][0]:
            return leaf
        return _leaf(leaf, _LINE_END.sub("\r\n", text))

    before_leaves, message = message, change_leaves(message, change)
    if message is not before_leaves and message.get("Content-Type") and message.get("MIME-Version") is None:
        message = message.append(_MIME)
    for field in NAMED:
        if field in before and changed.get(field, before[field][0]) != before[field][0]:
            named = _named(message, field)
            assert named is not None, "it was a text"
            message = message.replace(address_field(field, changed[field], named[1]))
    if SUBJECT in before and changed.get(SUBJECT, before[SUBJECT][0]) != before[SUBJECT][0]:
        message = message.replace(encode("Subject", changed[SUBJECT]))
    return message


def with_content(message: Message, html: str, text: str) -> Message:
    """The message with an HTML text, a plain text, or both as alternatives, for its whole content.

    Every Content field goes with the old content. The boundary follows from the texts, so equal texts give equal
    octets.
    """
    fields = tuple(field for field in message.fields if not field[0].startswith("content-"))
    if message.get("MIME-Version") is None:
        fields = (*fields, ("mime-version", _MIME))
    if html and text:
        boundary = b"=_" + sha256(f"{text}\0{html}".encode(UTF8, "replace")).hexdigest()[:40].encode("ascii")
        kind = b'Content-Type: multipart/alternative;\r\n boundary="%s"\r\n' % boundary
        parts = [b"--%s\r\n%s\r\n%s\r\n" % (boundary, *_part(*each)) for each in ((text, "plain"), (html, "html"))]
        head, body = kind, b"".join([*parts, b"--", boundary, b"--\r\n"])
    else:
        head, body = _part(html or text, "html" if html else "plain")
        body += b"" if body.endswith(b"\r\n") else b"\r\n"
    source = b"".join([*[raw for _, raw in fields], head, b"\r\n"])
    return Message(Message.parse(source).fields, source + body, len(source))


def _part(text: str, subtype: str) -> tuple[bytes, bytes]:
    """The Content fields of a text and its octets, which fit any hop."""
    octets = _LINE_END.sub("\r\n", text).encode(UTF8, "replace")
    plain = octets.isascii() and _LONG_LINE.search(octets) is None
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
    head += f"Content-Transfer-Encoding: {'7bit' if plain else 'quoted-printable'}\r\n"
    return head.encode("ascii"), octets if plain else quoted_printable(octets)


def _leaf(leaf: Leaf, text: str) -> Leaf:
    try:
        return replace(leaf, octets=text.encode(leaf.codec))
    except UnicodeEncodeError:
        return replace(leaf, octets=text.encode(UTF8, "replace"), codec=UTF8)


def _named(message: Message, field: str) -> tuple[str, str] | None:
    """Name and address of a field that has exactly one."""
    found = message.get(field)
    try:
        listed = addresses(found) if found else ()
    except AddressError:
        return None
    if len(listed) != 1:
        return None
    ((name, mailbox),) = listed
    return decode(name.encode(UTF8)), mailbox.address
