"""One row of a reply table: how it is read from a dialect file, and how its fields are filled in.

A row stands in the file as it does on the wire: code, enhanced status if any, text. Reading checks it against the
shape of its key and notes every fault. A value that is filled in can never begin another line.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass

from ..mail.reply import Reply
from .reading import Reading
from .vocabulary import Shape

MAX_TEXT = 400  #: characters of a text in a file

_LINE = re.compile(r"(\d{3})(?: (\d\.\d{1,3}\.\d{1,3})(?= |$))?(?: (.*))?", re.DOTALL | re.ASCII)


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a reply whose text may show ``{fields}``."""

    reply: Reply
    fields: frozenset[str] = frozenset()

    def fill(self, values: Mapping[str, object]) -> Reply:
        """The reply with its fields put in; `KeyError` when one is not given."""
        if not self.fields:
            return self.reply
        plain = {field: _printable(values[field]) for field in self.fields}
        return Reply(self.reply.code, self.reply.status, self.reply.text.format_map(plain))


def _printable(value: object) -> str:
    """A value as it may stand within one line: it can never begin another one."""
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def read_fields(reading: Reading, key: str, text: str, allowed: frozenset[str]) -> frozenset[str]:
    """The fields of a template; each must be a bare name among `allowed`."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        reading.fault(key, "has a brace without its partner")
        return frozenset()
    names = []
    for _, name, form, conversion in parts:
        if name is None:
            continue
        names.append(name)
        if form or conversion:
            reading.fault(key, f"field {{{name}}} must stand without conversion or format")
        elif name not in allowed:
            may = f"may show {', '.join(sorted(allowed))}" if allowed else "has no fields"
            reading.fault(key, f"unknown field {{{name}}}; it {may}")
    return frozenset(names)


_NOTHING = Line(Reply(451, None, ""))


def read_line(reading: Reading, key: str, value: object, shape: Shape) -> Line:
    """One reply as it stands on the wire: code, enhanced status if any, text."""
    line = reading.text(key, value)
    if not line:
        return _NOTHING
    found = _LINE.fullmatch(line)
    if not found:
        reading.fault(key, "must begin with a code of three digits and a space")
        return _NOTHING
    code, status, text = int(found.group(1)), found.group(2), found.group(3) or ""
    if not shape.lowest <= code <= shape.highest:
        reading.fault(key, f"must have code {shape.codes}, not {code}")
    if status and (code // 100 == 3 or status[0] != line[0]):
        reading.fault(key, f"status {status} does not fit code {code}")
    if not text and code != 334:
        reading.fault(key, "must have a text")
    if len(text) > MAX_TEXT:
        reading.fault(key, f"must have at most {MAX_TEXT} characters, not {len(text)}")
    if not (text.isascii() and text.isprintable()):
        reading.fault(key, "must be one line of printable ASCII")
    fields = read_fields(reading, key, text, shape.fields)
    if not fields:
        # never filled in, so doubled braces are undoubled here
        text = text.replace("{{", "{").replace("}}", "}")
    return Line(Reply(code, status, text), fields)
