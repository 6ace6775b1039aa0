"""Parameters behind the first word of a structured field, over bytes (RFC 2045 5.1, RFC 2231, RFC 2047).

`parameters` reads them as they stand, in one pass; `parameter` gives one as text, whatever way it was written:
quoted, with a charset and percent signs, cut into numbered pieces, or in encoded words as many clients write them.
Values are unfolded ones. What is malformed is passed over; nothing here raises.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from itertools import islice

from .header import CHARSETS, decode, one_line

MAX_PARAMETERS = 1000  #: parameters in one field beyond which nobody reads

_PARAMETER = re.compile(rb"""[ \t]*([^\s=;"]*)[ \t]*(?:=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^;]*)))?[^;]*;?""", re.S)
_ESCAPED = re.compile(rb"\\(.)", re.S)
_COMMENT = re.compile(rb"[ \t]*\([^()]*\)[ \t]*\Z")
_PIECE = re.compile(rb"([^*]*)(?:\*(0|[1-9][0-9]{0,2}))?(\*)?")


def parameters(value: bytes) -> Iterator[tuple[bytes, bytes, tuple[int, int]]]:
    """Each parameter of a field: its name in lower case, its value without quotes, and where it stands in the field.

    The place begins at the name and ends before the next semicolon.
    """
    start = value.find(b";") + 1
    for found in islice(_PARAMETER.finditer(value, start or len(value)), MAX_PARAMETERS):
        quoted = found[2]
        if quoted is not None:
            octets = _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted
        else:
            octets = (found[3] or b"").rstrip(b" \t")
        yield found[1].lower(), octets, (found.start(1), found.end() - found[0].endswith(b";"))


def word(value: bytes) -> str:
    """What stands before the first parameter, in lower case and without a comment behind it."""
    return _COMMENT.sub(b"", value.partition(b";")[0]).strip(b" \t").decode("ascii", "replace").lower()


def parameter(value: bytes, name: str) -> str:
    """A parameter as one line of text; "" when there is none.

    What was said by RFC 2231 wins over what was said plainly, as clients write both for the sake of old readers. Of
    numbered pieces those count that follow on each other from 0.
    """
    wanted = name.encode("ascii")
    plain: bytes | None = None
    pieces: dict[int, tuple[bytes, bool]] = {}
    for key, octets, _ in parameters(value):
        if not key.startswith(wanted):
            continue
        found = _PIECE.fullmatch(key)
        if found is None or found[1] != wanted:
            continue
        if found[2] is None and not found[3]:
            plain = octets if plain is None else plain
        elif found[2] is None:
            pieces = {0: (octets, True)}
            break
        else:
            pieces.setdefault(int(found[2]), (octets, bool(found[3])))
    if 0 not in pieces:
        return decode(plain or b"").strip()
    return _extended(pieces)


def _extended(pieces: dict[int, tuple[bytes, bool]]) -> str:
    """The text that pieces give, each with whether it is percent-encoded; the first then names the charset."""
    charset = ""
    whole: list[bytes] = []
    for number in range(len(pieces)):
        if number not in pieces:
            break
        octets, encoded = pieces[number]
        if encoded and number == 0 and octets.count(b"'") >= 2:
            named, _, octets = octets.split(b"'", 2)
            charset = CHARSETS.get(named.decode("ascii", "replace").lower(), "")
        whole.append(_unquoted(octets) if encoded else octets)
    joined = b"".join(whole)
    if charset:
        return one_line(joined.decode(charset, "replace")).strip()
    return decode(joined).strip()


def _unquoted(octets: bytes) -> bytes:
    """Octets with their percent signs read, by way of quoted-printable, which is read at the speed of C."""
    return binascii.a2b_qp(octets.replace(b"=", b"=3D").replace(b"%", b"="))


def with_parameter(value: bytes, name: str, text: str) -> bytes:
    """A field's value with one parameter set, a word in ASCII; all the others stand as they stood."""
    wanted = name.encode("ascii")
    said = wanted + b"=" + text.encode("ascii")
    pieces: list[bytes] = []
    done = 0
    for key, _, (begin, end) in parameters(value):
        if key.partition(b"*")[0] != wanted:
            continue
        pieces += [value[done:begin], said]
        done, said = end, b""
    if not pieces:
        return value.rstrip(b" \t;") + b"; " + said
    return b"".join([*pieces, value[done:]])
