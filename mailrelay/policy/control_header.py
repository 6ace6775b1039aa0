"""Control headers of a dialect: which header sets what, how its value is written, and within which limits.

The `[headers]` table of a dialect file becomes one `ControlHeaders`, which finds the control headers among the fields
of a message in one pass. A name that ends in ``*`` stands for a family: what stands in place of the star is the key.
This module reads a file's table and decides nothing about a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ..mail.header import FIELD_NAME
from . import vocabulary
from .codecs import Limits
from .reading import Reading

_NAME = re.compile(FIELD_NAME + r"\Z")
_SETTINGS = ("sets", "codec", "repeated", "longest", "most", "pattern", "lower", "default", "words", "members")

MAX_LENGTH = 131_072
MAX_ITEMS = 10_000


@dataclass(frozen=True, slots=True)
class ControlHeader:
    """One control header, or (`family`) all whose names begin alike: `name` is written as the service writes it.

    `sets` is a word of `vocabulary.INSTRUCTIONS`, "" where `members` say for each member of a JSON object, or word of
    a list, what it sets. `repeated` is what becomes of a second header of the name. `default` is the value where the
    header is absent or empty, "" for none.
    """

    name: str
    family: bool
    sets: str
    codec: str
    repeated: str = "refuse"
    default: str = ""
    limits: Limits = field(default_factory=Limits)
    members: Mapping[str, str] = field(default_factory=dict)


class ControlHeaders:
    """The control headers of a dialect; iterates over them in the order of the file."""

    __slots__ = ("_all", "_exact", "_families", "defaults", "repeatable")

    def __init__(self, headers: tuple[ControlHeader, ...] = ()) -> None:
        self._all = headers
        self._exact = {header.name.lower(): header for header in headers if not header.family}
        self._families = tuple((header.name.lower(), header) for header in headers if header.family)
        #: those that say something even where they are absent
        self.defaults = tuple(header for header in headers if header.default)
        #: whether one of them makes a message a repetition of another
        self.repeatable = any("idempotency_key" in (each.sets, *each.members.values()) for each in headers)

    def __iter__(self) -> Iterator[ControlHeader]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def find(self, name: str) -> ControlHeader | None:
        """The control header that a field of this name (in lower case) is."""
        found = self._exact.get(name)
        if found is None:
            for prefix, header in self._families:
                if name.startswith(prefix) and len(name) > len(prefix):
                    return header
        return found


def read_headers(reading: Reading, value: object) -> ControlHeaders:
    """The table of a file; every fault is noted with its key."""
    if not isinstance(value, dict):
        reading.table("headers", value, ())
        return ControlHeaders()
    found: dict[str, ControlHeader] = {}
    for name, table in value.items():
        header = _read_header(reading, name, table)
        if header is not None and found.setdefault(name.lower(), header) is not header:
            reading.fault(f"headers.{name}", "stands here twice, in another case")
    return ControlHeaders(tuple(found.values()))


def _read_header(reading: Reading, name: str, value: object) -> ControlHeader | None:
    key = f"headers.{name}"
    family = name.endswith("*")
    if not _NAME.fullmatch(name.removesuffix("*")):
        reading.fault(key, "is no name of a header")
        return None
    table = reading.table(key, value, _SETTINGS)
    if table is None:
        return None
    codec = reading.choice(f"{key}.codec", table.get("codec"), tuple(vocabulary.CODECS))
    members = _read_members(reading, f"{key}.members", table, codec)
    sets = "" if members else reading.choice(f"{key}.sets", table.get("sets"), vocabulary.CODECS.get(codec, ()))
    if members and "sets" in table:
        reading.fault(f"{key}.sets", "must be absent where members are given")
    if "default" in table and codec not in ("", "text"):
        reading.fault(f"{key}.default", f"is not known to the codec {codec}")
    if codec and family is not (codec == "prefix"):
        reading.fault(f"{key}.codec", "is prefix for a name that ends in *, and for no other")
    return ControlHeader(
        name=name.removesuffix("*"),
        family=family,
        sets=sets,
        codec=codec,
        repeated=reading.choice(f"{key}.repeated", table.get("repeated", "refuse"), vocabulary.REPEATED),
        default=reading.text(f"{key}.default", table["default"]) if "default" in table else "",
        limits=Limits(
            longest=reading.count(f"{key}.longest", table.get("longest", 998), 1, MAX_LENGTH),
            most=reading.count(f"{key}.most", table.get("most", 100), 1, MAX_ITEMS),
            pattern=_read_pattern(reading, f"{key}.pattern", table),
            lower=reading.switch(f"{key}.lower", table.get("lower", False)),
            words=_read_words(reading, f"{key}.words", table),
        ),
        members=members,
    )


def _read_members(reading: Reading, key: str, table: Mapping[str, object], codec: str) -> Mapping[str, str]:
    if "members" not in table:
        return {}
    given = table["members"]
    if not isinstance(given, dict) or not given:
        reading.fault(key, "must be a table that is not empty")
        return {}
    allowed = vocabulary.MEMBERS.get(codec, ())
    if codec and not allowed:
        reading.fault(key, f"are not known to the codec {codec}")
    return MappingProxyType({each: reading.choice(f"{key}.{each}", sets, allowed) for each, sets in given.items()})


def _read_words(reading: Reading, key: str, table: Mapping[str, object]) -> Mapping[str, bool]:
    given = table.get("words", {})
    if not isinstance(given, dict):
        reading.table(key, given, ())
        return {}
    return MappingProxyType({word.casefold(): reading.switch(f"{key}.{word}", value) for word, value in given.items()})


def _read_pattern(reading: Reading, key: str, table: Mapping[str, object]) -> str:
    if "pattern" not in table:
        return ""
    pattern = reading.text(key, table["pattern"])
    try:
        re.compile(pattern)
    except re.error as error:
        reading.fault(key, f"is no regular expression: {error}")
    return pattern
