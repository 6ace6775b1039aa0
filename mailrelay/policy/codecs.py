"""How the value of one control header becomes what it says: eight codecs, a closed set.

A codec takes the value as one line of text (unfolded, its encoded words read, never empty) and the limits that the
dialect sets, and gives a text, a flag, pairs or the members of a JSON object. Whatever a value holds, it is read or
`Unreadable` says what is wrong with it, in words that a client can act on. Nothing here knows a header's name.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


class Unreadable(ValueError):
    """A value does not hold; the message is the reason, to stand behind the header's name."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value may be: `longest` in characters, for each text in it, or for a JSON text as a whole; at `most` so
    many items; every text must match `pattern` whole, and is made `lower` case before; `words` are flags beside the
    usual ones."""

    longest: int = 998
    most: int = 100
    pattern: str = ""
    lower: bool = False
    words: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))


_USUAL = MappingProxyType(
    {
        **dict.fromkeys(("true", "yes", "on", "1"), True),
        **dict.fromkeys(("false", "no", "off", "0"), False),
    }
)
_BLANK = re.compile(r"\s+")


def text(value: str, limits: Limits) -> str:
    """One text."""
    if limits.lower:
        value = value.lower()
    if len(value) > limits.longest:
        raise Unreadable(f"longer than {limits.longest} characters")
    if limits.pattern and not re.fullmatch(limits.pattern, value):
        raise Unreadable("has characters that are not allowed")
    return value


def flag(value: str, limits: Limits) -> bool:
    """Yes or no: true, yes, on, 1 and their opposites in any case, and the words of the dialect."""
    word = value.casefold()
    for known in (limits.words, _USUAL):
        if word in known:
            return known[word]
    raise Unreadable(f"must be one of {', '.join(sorted({**_USUAL, **limits.words}))}")


def items(value: str, limits: Limits) -> tuple[str, ...]:
    """``a, b``: texts between commas; empty ones count for nothing."""
    found = tuple(text(item, limits) for item in (part.strip() for part in value.split(",")) if item)
    _count(found, limits)
    return found


def pairs(value: str, limits: Limits) -> Mapping[str, str]:
    """``a=b, c=d``: names with their values; a name stands once."""
    found: dict[str, str] = {}
    for item in (part.strip() for part in value.split(",")):
        if not item:
            continue
        name, sign, said = (part.strip() for part in item.partition("="))
        if not name or not sign:
            raise Unreadable("must be name=value pairs between commas")
        _add(found, text(name, limits), text(said, limits))
    _count(found, limits)
    return found


def keys(value: str, limits: Limits) -> tuple[tuple[str, str], ...]:
    """``key, key:name``: keys with the name that each is given, or ""."""
    found = []
    for item in (part.strip() for part in value.split(",")):
        key, _, name = (part.strip() for part in item.partition(":"))
        if key:
            found.append((text(key, limits), _named(name, limits)))
        elif name:
            raise Unreadable("has a name without a key")
    _count(found, limits)
    return tuple(found)


def _named(name: str, limits: Limits) -> str:
    if len(name) > limits.longest:
        raise Unreadable(f"longer than {limits.longest} characters")
    return name


def json_object(value: str, limits: Limits) -> Mapping[str, Any]:
    """One JSON object."""
    if len(value) > limits.longest:
        raise Unreadable(f"longer than {limits.longest} characters")
    try:
        found = json.loads(value, parse_constant=_no_constant)
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Unreadable("is not JSON: half of a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"is not JSON: {error.msg.lower()} at character {error.pos + 1}") from None
    except RecursionError:
        raise Unreadable("is not JSON: nested too deep") from None
    except ValueError as error:  # a number with too many digits, or one that JSON does not know
        raise Unreadable(f"is not JSON: {str(error).partition(';')[0].lower()}") from None
    if not isinstance(found, dict):
        raise Unreadable("must be a JSON object")
    return found


def base64_json(value: str, limits: Limits) -> Mapping[str, Any]:
    """One JSON object in base64 of its UTF-8, as it stands or with the letters of URLs (RFC 4648 5)."""
    return json_object(base64_text(value, limits), limits)


def base64_text(value: str, limits: Limits) -> str:
    """The text that base64 says."""
    packed = _BLANK.sub("", value).rstrip("=").replace("-", "+").replace("_", "/")
    if len(packed) > limits.longest * 4:
        raise Unreadable(f"longer than {limits.longest} characters")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode("utf-8")
    except ValueError:  # so is every fault of base64 and of UTF-8
        raise Unreadable("is not base64 of UTF-8") from None


def strings(found: Mapping[str, Any], limits: Limits) -> Mapping[str, str]:
    """The members of an object as texts: numbers and truth values as JSON writes them, nothing nested."""
    _count(found, limits)
    plain = {}
    for name, value in found.items():
        if isinstance(value, (dict, list)) or value is None:
            raise Unreadable(f"member {name[:40]!r} must be a text or a number")
        plain[text(name, limits)] = text(value if isinstance(value, str) else json.dumps(value), limits)
    return plain


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _add(found: dict[str, str], name: str, value: str) -> None:
    if found.setdefault(name, value) != value:
        raise Unreadable(f"says {name[:40]!r} twice")


def _count(found: Any, limits: Limits) -> None:
    if len(found) > limits.most:
        raise Unreadable(f"more than {limits.most} items")
