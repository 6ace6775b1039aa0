"""What comes back by mail: reads delivery status notifications (RFC 3464) and complaints (RFC 5965) out of any octets.

A pure reading in linear time that follows no reference and decodes no body; whatever is malformed gives an empty
report, never an error. Anybody can send such mail, so nothing that is read here is true in itself: whose message it is
about is told by the signed address that it came to, and by nothing in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from .address import VERP
from .message import Message, canonical
from .mime import kind, parts

MAX_GROUPS = 1000  #: recipients in one notification beyond which nobody reads it
MAX_DEPTH = 3  #: a report within a forwarded report, and no further

MAX_SIGNED = 20  #: texts in one complaint that are tried for signed addresses

_SIGNED = re.compile(rf"(?<![A-Za-z0-9.+_-]){VERP}(?=@)", re.I | re.ASCII)
_GROUP = re.compile(rb"(?:[^\r\n][^\r\n]*\r\n)+")
_TYPED = re.compile(r"\s*(?:[A-Za-z0-9.-]+\s*;\s*)?(.*)", re.S)


class About(StrEnum):
    """What a message reports."""

    DELIVERY = "delivery"
    COMPLAINT = "complaint"
    NOTHING = ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What a notification says of one recipient: `action` is "failed", "delayed", "delivered", "relayed" or "expanded";
    `status` that of RFC 3463; `diagnostic` the words of `host`. "" where it does not say."""

    recipient: str
    action: str
    status: str
    diagnostic: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """A report: its `fates` where it is about delivery, the `fields` of the complaint (names in lower case, among them
    "feedback-type") where it is one, and the header of the message that it is about, empty where it shows none."""

    about: About = About.NOTHING
    fates: tuple[Fate, ...] = ()
    fields: Mapping[str, str] | None = None
    original: bytes = b""


def read(source: bytes) -> Feedback:
    """Read a message for what it reports; nothing where it is no report."""
    fates: tuple[Fate, ...] = ()
    fields: Mapping[str, str] | None = None
    original = b""
    for type, part in _parts(Message.parse(source), MAX_DEPTH):
        if type == "message/delivery-status" and not fates:
            fates = _fates(part)
        elif type == "message/feedback-report" and fields is None:
            fields = {name: _text(value) for name, value in _named(canonical(part.body))}
        elif type in ("message/rfc822", "message/rfc822-headers", "text/rfc822-headers", "message/global-headers"):
            original = original or Message.parse(part.body).head()
    about = About.COMPLAINT if fields is not None else About.DELIVERY if fates else About.NOTHING
    return Feedback(about, fates, fields, original)


def signed_addresses(report: Feedback) -> tuple[str, ...]:
    """The texts in a complaint that look like local parts of our signed reverse paths (`mail.address.verp`), the first
    few: in its own fields, and in the header of the message that it shows. Nothing is verified here."""
    texts = [value for name, value in (report.fields or {}).items() if name.startswith("original-")]
    shown = "\n".join([*texts, report.original.decode("latin-1")])
    return tuple(dict.fromkeys(islice((found[0].lower() for found in _SIGNED.finditer(shown)), MAX_SIGNED)))


def _parts(entity: Message, depth: int) -> Iterator[tuple[str, Message]]:
    """The parts of a multipart and of those within, each with its type."""
    found = kind(entity)
    if found.type != "multipart" or not found.boundary or not depth:
        yield f"{found.type}/{found.subtype}", entity
        return
    for begin, end in parts(entity.body, found.boundary) or ():
        yield from _parts(Message.parse(entity.body[begin:end]), depth - 1)


def _fates(part: Message) -> tuple[Fate, ...]:
    """The groups of a delivery-status that speak of a recipient; the first group, of the message, does not."""
    fates = []
    for found in _GROUP.finditer(canonical(part.body) + b"\r\n"):
        fields = dict(reversed(list(_named(found[0]))))  # of two fields of a name the first counts
        recipient = fields.get("final-recipient") or fields.get("original-recipient")
        if recipient is None:
            continue
        fates.append(
            Fate(
                recipient=_untyped(recipient),
                action=_text(fields.get("action", b"")).partition(" ")[0].lower(),
                status=_text(fields.get("status", b"")).partition(" ")[0],
                diagnostic=_untyped(fields.get("diagnostic-code", b"")),
                host=_untyped(fields.get("remote-mta", b"")),
            )
        )
        if len(fates) == MAX_GROUPS:
            break
    return tuple(fates)


def _named(block: bytes) -> Iterator[tuple[str, bytes]]:
    fields = Message.parse(block)
    return ((name, fields.all(name)[0]) for name in dict.fromkeys(name for name, _ in fields.fields))


def _text(value: bytes) -> str:
    """A value on one line of printable text."""
    text = value.decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[:1000]


def _untyped(value: bytes) -> str:
    """A value without the type before its semicolon (RFC 3464 2.1.2), an address without its brackets."""
    found = _TYPED.fullmatch(_text(value))
    assert found is not None, "every part of it is optional"
    return found[1].strip().removeprefix("<").removesuffix(">")
