"""What a message asks for by control headers: read into neutral `Instructions`, and cut out of the message.

The dialect says which headers control, and how their values are written (`control_header`); the value is unfolded
first, then its encoded words are read, then its codec reads it, since clients break a long value at any place. What
cannot be read is a `Refusal` under the reply key of what it would have set, with the header's name and the reason. The
header that authenticates is cut like any other, and its value handed out by itself: it is part of no instructions, no
verdict and no reply.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from typing import Any

from ..mail.address import AddressError
from ..mail.addresses import addresses
from ..mail.envelope import Instructions
from ..mail.frozen import frozen
from ..mail.header import decode
from ..mail.message import Message, value
from ..mail.reply import Refusal
from . import codecs
from .codecs import Unreadable
from .control_header import ControlHeader, ControlHeaders
from .urgency import meaning
from .vocabulary import HEADER_REPLIES

#: What is asked for where nothing is.
NOTHING = Instructions()


@frozen
class Asked:
    """What a message asks for, the message without its control headers, and the secret of the one that authenticates.

    `headers` are the names of the control headers that were there, as they were written.
    """

    instructions: Instructions
    message: Message
    secret: str = field(default="", repr=False)
    headers: tuple[str, ...] = ()


def read(message: Message, control: ControlHeaders) -> Asked:
    """Read and cut the control headers of a message; fails with `Refusal`."""
    found = [(header, raw) for name, raw in message.fields if (header := control.find(name)) is not None]
    if not found and not control.defaults:
        return Asked(NOTHING, message)
    said = _Said()
    seen: dict[str, int] = {}
    for header, raw in found:
        name = raw[: raw.index(b":")].decode("ascii")
        try:
            _take(said, header, name, decode(value(raw)).strip(), seen)
        except Unreadable as fault:
            raise _refusal(header, name, str(fault)) from None
    for header in control.defaults:
        for sets, default in meaning(header.sets, header.default).items():
            said.values.setdefault(sets, default)
    cut = message.drop(*(name for name, _ in message.fields if control.find(name) is not None)) if found else message
    secret = str(said.values.pop("api_key", ""))
    return Asked(Instructions(**said.values), cut, secret, tuple(raw.split(b":", 1)[0].decode() for _, raw in found))


def names(message: Message, keys: Collection[str]) -> Mapping[str, str]:
    """The display names that the To field gives to these recipients (canonical keys); none where it cannot be read.

    The address must be the recipient's own; but where there is one in the field and one recipient, the name is theirs.
    """
    try:
        known = [each for to in message.all("To") for each in addresses(to)]
    except AddressError:
        return {}
    if len(known) == len(keys) == 1:
        return dict.fromkeys(keys, known[0][0])
    given: dict[str, str] = {}
    for name, mailbox in known:
        if mailbox.key in keys:
            given.setdefault(mailbox.key, name)
    return given


class _Said:
    """What was read so far, by field of `Instructions` (and "api_key")."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def say(self, sets: str, said: Any, *, anew: bool = False) -> None:
        """Set a field; what stands there already is kept, and a contradiction is a fault unless it is said `anew`."""
        if sets == "nothing":
            return
        if sets == "metadata":
            kept = {} if anew else self.values.get(sets, {})
            for name, each in said.items():
                if kept.setdefault(name, each) != each:
                    raise Unreadable(f"says {name[:40]!r} twice")
            self.values[sets] = kept
        elif sets == "files":
            self.values[sets] = said if anew else self.values.get(sets, ()) + said
        elif anew or self.values.setdefault(sets, said) == said:
            self.values[sets] = said
        else:
            raise Unreadable("contradicts another header")


def _take(said: _Said, header: ControlHeader, name: str, text: str, seen: dict[str, int]) -> None:
    """One header of the message; one that is empty, or the null of JSON, says nothing."""
    place = name.lower()
    number = seen[place] = seen.get(place, 0) + 1
    if number > 1 and header.repeated == "refuse":
        raise Unreadable("stands more than once")
    if header.codec == "json" and text == "null":
        text = ""
    if not text or (number > 1 and header.repeated == "first"):
        return
    anew = number > 1 and header.repeated == "last"
    if header.codec == "prefix":
        key = codecs.text(name[len(header.name) :], header.limits)
        given = codecs.text(text, header.limits)
        said.say("metadata", {key: given}, anew=False)
    elif header.members:
        _take_members(said, header, text, anew)
    elif header.sets in _SAID_IN_WORDS:
        _say_text(said, header.sets, codecs.text(text, header.limits), anew)
    else:
        said.say(header.sets, _READ[header.codec](text, header), anew=anew)
    if header.sets in ("metadata", "files") and len(said.values[header.sets]) > header.limits.most:
        raise Unreadable(f"more than {header.limits.most} items")


#: What a text says in words, or of more than one field.
_SAID_IN_WORDS = frozenset(("priority", "valid_until"))


def _say_text(said: _Said, sets: str, text: str, anew: bool) -> None:
    for field_, meant in meaning(sets, text).items():
        said.say(field_, meant, anew=anew)


def _take_members(said: _Said, header: ControlHeader, text: str, anew: bool) -> None:
    """Members of an object, also of objects in it (``a.b``); or words of a list, each of which is there or not."""
    if header.codec == "list":
        words = {word.casefold() for word in codecs.items(text, header.limits)}
        for word, sets in header.members.items():
            said.say(sets, word.casefold() in words, anew=anew)
        return
    found = (codecs.json_object if header.codec == "json" else codecs.base64_json)(text, header.limits)
    for path, sets in header.members.items():
        member: Any = found
        for step in path.split("."):
            member = member.get(step) if isinstance(member, dict) else None
        if member is not None:
            try:
                if sets in _SAID_IN_WORDS:
                    _say_text(said, sets, _of_json(sets, member, header), anew)
                else:
                    said.say(sets, _of_json(sets, member, header), anew=anew)
            except Unreadable as fault:
                raise Unreadable(f"member {path!r}: {fault}") from None


def _of_json(sets: str, member: Any, header: ControlHeader) -> Any:
    """A member of JSON as the field that it sets has it."""
    if sets in ("track_opens", "track_clicks", "preflight"):
        if isinstance(member, bool):
            return member
        return codecs.flag(str(member), header.limits)
    if sets in ("metadata", "variables"):
        if not isinstance(member, dict):
            raise Unreadable("must be an object")
        if sets == "variables":
            return json.dumps(member, ensure_ascii=False)
        return codecs.strings(member, header.limits)
    if isinstance(member, (str, int, float)) and not isinstance(member, bool):
        return codecs.text(str(member), header.limits)
    raise Unreadable("must be a text")


def _text(text: str, header: ControlHeader) -> Any:
    return codecs.text(text, header.limits)


def _flag(text: str, header: ControlHeader) -> Any:
    return codecs.flag(text, header.limits)


def _list(text: str, header: ControlHeader) -> Any:
    found = codecs.items(text, header.limits)
    if header.sets == "files":
        return tuple((key, "") for key in found)
    return found[0] if found else ""


def _pairs(text: str, header: ControlHeader) -> Any:
    return codecs.pairs(text, header.limits)


def _json(text: str, header: ControlHeader) -> Any:
    found = codecs.json_object(text, header.limits)
    return text if header.sets == "variables" else codecs.strings(found, header.limits)


def _base64_json(text: str, header: ControlHeader) -> Any:
    return _json(codecs.base64_text(text, header.limits), header)


def _keys(text: str, header: ControlHeader) -> Any:
    return codecs.keys(text, header.limits)


_READ: Mapping[str, Callable[[str, ControlHeader], Any]] = {
    "text": _text,
    "flag": _flag,
    "list": _list,
    "pairs": _pairs,
    "json": _json,
    "base64json": _base64_json,
    "keys": _keys,
}


def _refusal(header: ControlHeader, name: str, reason: str) -> Refusal:
    sets = header.sets or next(iter(header.members.values()))
    told = {"header": name, "reason": reason}
    return Refusal(HEADER_REPLIES[sets], told, rule="control_headers", facts=told)
