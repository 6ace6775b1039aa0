"""The type of a file: what its sender says, what its name tells, and what its first octets show.

A type is believed unless the octets show another; a pure table of signatures that are beyond doubt, and no more.
"""

from __future__ import annotations

import mimetypes
import re

UNKNOWN = "application/octet-stream"

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")

#: Types that files begin with these octets if and only if they are of it.
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_SIGNED = frozenset(type for _, type in _SIGNATURES)

#: Octets of a file that are enough to look at.
ENOUGH = 16


class WrongType(ValueError):
    """A file is not what it is said to be; the text says why."""


def type_of(name: str, said: str, begin: bytes) -> str:
    """The type of a file in lower case, without parameters.

    `said` is the Content-Type that came with it ("" or the unknown type: its name tells), `begin` its first octets.
    Fails with `WrongType` where the type said is malformed, is not for a file, or the octets show another.
    """
    type = said.partition(";")[0].strip().lower()
    if type and not _TYPE.fullmatch(type):
        raise WrongType(f"{said!r} is no content type")
    if type.startswith(("multipart/", "message/")):
        raise WrongType(f"{type} is not the type of a file")
    told = bool(type) and type != UNKNOWN
    if not told:
        type = mimetypes.guess_type(name, strict=True)[0] or UNKNOWN
    shown = next((each for signature, each in _SIGNATURES if begin.startswith(signature)), "")
    if told and shown != type and (shown or type in _SIGNED):
        raise WrongType(f"it is said to be {type} and begins as {shown or 'something else'}")
    return shown or (UNKNOWN if type in _SIGNED else type)
