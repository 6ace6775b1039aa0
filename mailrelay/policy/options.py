"""The switches of a connection: what its owner may set, what the dialect sets where nobody did, and the two merged.

`vocabulary.OPTIONS` is the closed set. A dialect states a default for each; a connection stores only what was set for
it. `merged` is the one place where both meet, and whoever consumes an option sees the merged value only. Nothing here
looks anything up.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..mail.address import AddressError, parse_mailbox
from . import vocabulary
from .reading import Reading
from .verdict import JSON
from .vocabulary import Option

if TYPE_CHECKING:
    from .dialect import Dialect

#: Longest text that an option may be, in characters.
MAX_TEXT = 254

#: Largest number that an option may be.
MAX_NUMBER = 1_000_000_000

_SWITCH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def merged(dialect: Dialect, own: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """Every option of a connection: its own where it has one that still makes sense, else the dialect's."""
    if not own:
        return dialect.options
    kept = {name: value for name, value in own.items() if name in vocabulary.OPTIONS and _fits(name, value, dialect)}
    return MappingProxyType({**dialect.options, **kept})


def _fits(name: str, value: JSON, dialect: Dialect) -> bool:
    """A value kept long ago may be of no option any more, or name a form of replies that the file has lost."""
    return not fault(vocabulary.OPTIONS[name], value, dialect.variants)


def read_options(reading: Reading, value: object, variants: Collection[str]) -> Mapping[str, JSON]:
    """The ``[options]`` table of a dialect file, complete; every fault is noted with its key."""
    table = reading.table("options", value, vocabulary.OPTIONS)
    if table is None:
        return {}
    found: dict[str, JSON] = {}
    for name, option in vocabulary.OPTIONS.items():
        key, given = f"options.{name}", table.get(name)
        if option.kind == "switch":
            found[name] = reading.switch(key, given)
        elif option.kind == "word":
            found[name] = reading.choice(key, given, option.words)
        elif option.kind == "number":
            found[name] = reading.count(key, given, 0, MAX_NUMBER)
        elif option.kind == "forms":
            found[name] = _read_forms(reading, key, given, variants)
        elif given == "":
            found[name] = ""
        else:
            found[name] = reading.text(key, given)
            if found[name] and (reason := fault(option, found[name], variants)):
                reading.fault(key, reason)
    return MappingProxyType(found)


def _read_forms(reading: Reading, key: str, value: object, variants: Collection[str]) -> tuple[str, ...]:
    words = reading.texts(key, value)
    for number, word in enumerate(words):
        if word not in variants:
            reading.fault(f"{key}[{number}]", f"must be one of the forms under [variants], not {word!r}")
    return tuple(word for word in words if word in variants)


def parse(name: str, text: str, variants: Collection[str]) -> JSON:
    """An option's value as a person writes it (``name=text``); `ValueError` with the reason."""
    option = vocabulary.OPTIONS.get(name)
    if option is None:
        raise ValueError(f"unknown option, must be one of {', '.join(vocabulary.OPTIONS)}")
    value: JSON = text.strip()
    if option.kind == "switch":
        value = _SWITCH.get(text.strip().lower(), text)
    elif option.kind == "number":
        value = int(text) if re.fullmatch(r"\s*[0-9]{1,12}\s*", text) else text
    elif option.kind == "forms":
        value = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if reason := fault(option, value, variants):
        raise ValueError(reason)
    return value


def fault(option: Option, value: JSON, variants: Collection[str]) -> str:
    """Why a value is none of an option's; "" when it is."""
    if option.kind == "switch":
        return "" if isinstance(value, bool) else "must be true or false"
    if option.kind == "number":
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER
        return "" if fits else f"must be a whole number from 0 to {MAX_NUMBER}"
    if option.kind == "forms":
        if not isinstance(value, (list, tuple)):
            return "must be a list"
        unknown = [word for word in value if word not in variants]
        known = f"must be of {', '.join(variants)}" if variants else "the dialect has one form only"
        return f"{known}, not {unknown[0]!r}" if unknown else ""
    if not isinstance(value, str):
        return "must be a text"
    if option.kind == "word":
        return "" if value in option.words else f"must be one of {', '.join(option.words)}, not {value!r}"
    if len(value) > MAX_TEXT or not value.isprintable():
        return f"must be at most {MAX_TEXT} printable characters"
    if option.kind == "address" and value:
        try:
            parse_mailbox(value)
        except AddressError as error:
            return f"{value!r} is not an address: {error}"
    return ""
