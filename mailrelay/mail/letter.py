"""A message written from its parts, as a program gives them: addresses, subject, texts, files, fields of its own.

Nothing that stands in one part can become another field, another line or another part (S25): names and texts are
encoded, fields that the relay writes itself cannot be given, and a value with a control character is no value. What
cannot be written is `Unwritable` with the part's name and the reason. The same letter and id give the same octets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from .addresses import address_list
from .header import FIELD_NAME, encode
from .leaves import UTF8, Leaf
from .message import Message
from .rebuild import File, attach, embed, with_texts

#: Fields that are written from other parts, or only by who takes or hands on a message.
RESERVED = frozenset(
    {
        "from", "sender", "to", "cc", "bcc", "reply-to", "subject", "mime-version", "received", "return-path",
        "dkim-signature", "authentication-results", "delivered-to",
    }
)  # fmt: skip
#: Beginnings of fields that are likewise no program's own.
RESERVED_BEGINNINGS = ("content-", "resent-", "arc-")
MOST_FIELDS = 100
LONGEST_VALUE = 8192  #: characters of a field's value

_NAME = re.compile(FIELD_NAME)
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_CID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Unwritable(ValueError):
    """A part cannot be written: `part` names it, `reason` says why."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(part, reason)
        self.part = part
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Named:
    """An address with the name that is shown for it, or ""; the address is in the form of `parse_mailbox`."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a message is written from; texts that are "" are not there. `headers` are names and values."""

    sender: Named
    to: tuple[Named, ...] = ()
    cc: tuple[Named, ...] = ()
    reply_to: tuple[Named, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    files: tuple[File, ...] = field(default=())


def write(letter: Letter, id: str) -> bytes:
    """The message in its octets; boundaries are made of `id`. Fails with `Unwritable`."""
    check(letter)
    fields = [_addressed("From", (letter.sender,))]
    for label, listed in (("Reply-To", letter.reply_to), ("To", letter.to), ("Cc", letter.cc)):
        if listed:
            fields.append(_addressed(label, listed))
    if letter.subject:
        fields.append(encode("Subject", letter.subject))
    fields += [encode(name, value) for name, value in letter.headers]
    texts = [Leaf(False, letter.text.encode(UTF8), UTF8)] if letter.text or not letter.html else []
    if letter.html:
        texts.append(Leaf(True, letter.html.encode(UTF8), UTF8))
    message = with_texts(Message.parse(b"".join([*fields, b"\r\n"])), texts, f"{id}-a")
    message = embed(message, [file for file in letter.files if file.cid], f"{id}-r")
    return attach(message, [file for file in letter.files if not file.cid], f"{id}-m").encode()


def check(letter: Letter) -> None:
    """Fails with `Unwritable` where a part cannot be written."""
    named = {"from": (letter.sender,), "to": letter.to, "cc": letter.cc, "reply_to": letter.reply_to}
    for part, listed in named.items():
        for each in listed:
            _line(part, each.name)
    _line("subject", letter.subject)
    for part, text in (("text", letter.text), ("html", letter.html)):
        if "\0" in text or not _encodable(text):
            raise Unwritable(part, "holds a NUL, or half a character")
    if len(letter.headers) > MOST_FIELDS:
        raise Unwritable("headers", f"are more than {MOST_FIELDS}")
    for name, value in letter.headers:
        _field(name, value)
    _files(letter)


def _field(name: str, value: str) -> None:
    part = f"headers.{name[:40]}"
    if not _NAME.fullmatch(name):
        raise Unwritable(part, "is not the name of a header field")
    if name.lower() in RESERVED or name.lower().startswith(RESERVED_BEGINNINGS):
        raise Unwritable(part, "is written by the relay, or has a member of its own")
    if len(value) > LONGEST_VALUE:
        raise Unwritable(part, f"is longer than {LONGEST_VALUE} characters")
    _line(part, value)


def _files(letter: Letter) -> None:
    cids: set[str] = set()
    for number, file in enumerate(letter.files):
        part = f"attachments[{number}]"
        _line(f"{part}.name", file.name)
        if not file.name.strip() or len(file.name) > 255:
            raise Unwritable(f"{part}.name", "must have from 1 to 255 characters")
        if not _TYPE.fullmatch(file.type) or file.type.lower().startswith(("multipart/", "message/")):
            raise Unwritable(f"{part}.type", "must be a media type such as image/png, and no multipart or message")
        if file.cid:
            if not _CID.fullmatch(file.cid):
                raise Unwritable(f"{part}.cid", "must be of letters, digits and dots, such as logo@shop")
            if not letter.html:
                raise Unwritable(f"{part}.cid", "there is no HTML that could show it")
            if file.cid in cids:
                raise Unwritable(f"{part}.cid", "is that of another attachment")
            cids.add(file.cid)


def _line(part: str, text: str) -> None:
    if _CONTROL.search(text):
        raise Unwritable(part, "holds a line break or another control character")


def _encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text) if not text.isascii() else True


def _addressed(label: str, listed: Iterable[Named]) -> bytes:
    return address_list(label, [(each.name, each.address) for each in listed])
