"""How urgent a message is, and until when it is of any use, as its sender says: words and instants become numbers.

Nothing here reads a clock: whoever accepts a message says when.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from ..mail.envelope import PRIORITIES, SECOND, Instructions
from ..mail.reply import Refusal
from .codecs import Unreadable
from .control_header import ControlHeaders
from .vocabulary import HEADER_REPLIES

#: The longest time, in seconds, for which a message may be said to be of use.
LONGEST = 30 * 86_400

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")


def meaning(sets: str, text: str) -> Mapping[str, object]:
    """What a text says of `Instructions`, by field; most say what they are. Fails with `Unreadable`."""
    if sets == "priority":
        return {"priority": priority(text)}
    if sets == "valid_until":
        return _valid_until(text)
    return {sets: text}


def priority(word: str) -> int:
    """One of `PRIORITIES`, by its word."""
    found = PRIORITIES.get(word.lower())
    if found is None:
        raise Unreadable(f"must be one of {', '.join(PRIORITIES)}")
    return found


def _valid_until(text: str) -> Mapping[str, object]:
    if text.isascii() and text.isdigit():
        if not (len(text) <= 8 and 1 <= int(text) <= LONGEST):
            raise Unreadable(f"must be from 1 to {LONGEST} seconds, or an instant")
        return {"valid_for": int(text)}
    if not _INSTANT.fullmatch(text):
        raise Unreadable("must be an instant such as 2030-01-31T09:30:00Z, or a number of seconds")
    try:
        instant = datetime.fromisoformat(text.upper()).timestamp()
    except (ValueError, OverflowError):
        raise Unreadable("is no instant of the calendar") from None
    # one before 1970 is as past as the first second after
    return {"valid_until": max(1, int(instant * SECOND))}


def deadline(instructions: Instructions, control: ControlHeaders, now: int, lifetime: int) -> int:
    """The instant until which a message that is accepted `now` is tried: after `lifetime` seconds, or when it is of no
    use any more if that is earlier. Fails with `Refusal` when that is over already."""
    latest = now + lifetime * SECOND
    if instructions.valid_for:
        return min(latest, now + instructions.valid_for * SECOND)
    if not instructions.valid_until:
        return latest
    if instructions.valid_until <= now:
        told = {"header": _header_of(control), "reason": "is in the past"}
        raise Refusal(HEADER_REPLIES["valid_until"], told, rule="control_headers", facts=told)
    return min(latest, instructions.valid_until)


def _header_of(control: ControlHeaders) -> str:
    return next((each.name for each in control if "valid_until" in (each.sets, *each.members.values())), "")
