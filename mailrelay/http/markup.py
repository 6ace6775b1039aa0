"""HTML made of elements, so that a text can never become one: whatever is not `Markup` is escaped where it is put in.

Control characters that HTML cannot hold are made visible as U+FFFD. This is all the templating that the pages need.
"""

from __future__ import annotations

import html
import re

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_EMPTY = frozenset({"base", "br", "hr", "img", "input", "link", "meta"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """A text as HTML that shows it, inside an element or a quoted attribute."""
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(_FORBIDDEN.sub("\ufffd", text)))


def join(*children: str) -> Markup:
    """Elements and texts one behind the other."""
    return Markup("".join(map(escape, children)))


def tag(name: str, /, *children: str, **attributes: str | bool) -> Markup:
    """An element. In an attribute's name a trailing ``_`` goes and every other becomes a dash; the value True shows
    the name alone, False nothing."""
    shown = "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    if name in _EMPTY:
        return Markup(f"<{name}{shown}>")
    return Markup(f"<{name}{shown}>{join(*children)}</{name}>")


def _attribute(name: str, value: str | bool) -> str:
    if value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(value)}"'
