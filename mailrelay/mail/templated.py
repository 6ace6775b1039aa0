"""A message as its own template: the texts in it that variables may stand in, and the message with others in place.

The texts are its Subject, the display names of From and Reply-To, and every text that is read in place, HTML and plain
ones apart. Addresses are no texts: who a message is from was judged before, and no variable changes it. Nothing is
rendered here, and a text that is given back as it was leaves the message byte-identical.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .address import AddressError, parse_mailbox
from .addresses import address_field, addresses
from .header import decode, encode
from .leaves import UTF8, Leaf, change_leaves
from .message import Message

SUBJECT = "subject"
#: Fields of one address whose display name is a text, by their names as they are written.
NAMED = ("From", "Reply-To")

_MIME = b"MIME-Version: 1.0\r\n"


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
        found[str(len(found))] = _lf(text), leaf.html
        return leaf

    change_leaves(message, look)
    return found


def filled(message: Message, changed: Mapping[str, str]) -> Message:
    """The message with these texts (by the names of `texts`) in the place of its own, any that is missing kept."""
    before = texts(message)
    names = iter([name for name in before if name.isdigit()])

    def change(leaf: Leaf) -> Leaf:
        name = next(names)
        text = changed.get(name, before[name][0])
        if text == before[name][0]:
            return leaf
        return _leaf(leaf, _lf(text).replace("\n", "\r\n"))

    before_leaves, message = message, change_leaves(message, change)
    if message is not before_leaves and message.get("Content-Type") and message.get("MIME-Version") is None:
        message = message.append(_MIME)
    for field in NAMED:
        if field in before and changed.get(field, before[field][0]) != before[field][0]:
            named = _named(message, field)
            assert named is not None, "it was a text"
            message = message.replace(address_field(field, changed[field], named[1]))
    if changed.get(SUBJECT, message.text("Subject")) != message.text("Subject"):
        message = message.replace(encode("Subject", changed[SUBJECT]))
    return message


def from_somebody_else(message: Message, field: str, name: str | None, address: str) -> Message:
    """The message with another display name (None: its own), or address ("": its own), in a field of one address.

    Fails with `AddressError` when that is no address, or the field has not one of its own.
    """
    own = _named(message, field)
    if own is None and not address:
        raise AddressError(f"{field} has not exactly one address")
    known = own or ("", "")
    return message.replace(address_field(field, known[0] if name is None else name, parsed(address or known[1])))


def parsed(address: str) -> str:
    """An address in the form that goes into a field; fails with `AddressError`."""
    return parse_mailbox(address.strip()).address


def _lf(text: str) -> str:
    """Text whose lines end in LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


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
