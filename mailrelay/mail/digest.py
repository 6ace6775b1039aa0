"""What a message says, as a digest: the same whenever the same thing is said again.

A program that repeats a message often builds it anew, and then its date, its id and the boundaries of its parts are
others. They are left out; everything else counts, and so does what was asked for beside the message. The digest tells
equal from different, nothing more; it protects no secret.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from hashlib import sha256

from .envelope import Instructions
from .message import Message

#: Fields that differ from one building of a message to the next.
VOLATILE = ("date", "message-id", "received", "return-path", "mime-version", "x-mailer", "user-agent")

_BOUNDARY = re.compile(rb"boundary[ \t]*=(?:[ \t]|\r\n[ \t])*(?:\"([^\"\r\n]{1,70})\"|([^\s;\"]{1,70}))", re.IGNORECASE)

#: Boundaries that are left out; those of more parts count as text.
BOUNDARIES = 32


def digest(message: Message, instructions: Instructions) -> str:
    """The digest of a message without its control headers, and of what they asked for, in hex."""
    fields = [raw for name, raw in message.fields if name not in VOLATILE]
    said = b"".join([*fields, b"\r\n", message.body])
    beside = asdict(instructions)
    del beside["preflight"]  # is never taken in
    asked = json.dumps(beside, sort_keys=True).encode("ascii")
    return sha256(sha256(asked).digest() + _without_boundaries(said)).hexdigest()


def _without_boundaries(source: bytes) -> bytes:
    """The octets with each boundary replaced by its number, in the order in which they are announced."""
    found = dict.fromkeys(found[1] or found[2] for found in _BOUNDARY.finditer(source))
    numbered = list(enumerate(found))[:BOUNDARIES]
    # a boundary may begin like another one, which must not be cut out of it
    for number, boundary in sorted(numbered, key=lambda each: -len(each[1])):
        source = source.replace(boundary, b"\0%d\0" % number)
    return source
