"""Lists of suppressed addresses as plain values, the same for the command line and the API."""

from __future__ import annotations

from collections.abc import Mapping

from ..interfaces.registry import Imported
from .imports import Progress
from .plain import Plain, instant


def brought(value: Progress) -> Plain:
    """What came of a list; `lines` are the first of those that were refused."""
    return {
        "origin": value.origin,
        "rows": value.rows,
        "added": value.added,
        "known": value.known,
        "refused": value.refused,
        "lines": [{"line": number, "words": words} for number, words in value.lines],
    }


def imported(value: Imported, owners: Mapping[str, str]) -> Plain:
    """A list that came in, and how much of it is left."""
    return {
        "origin": value.origin,
        "account": owners.get(value.account, value.account),
        "count": value.count,
        "at": instant(value.at),
    }
