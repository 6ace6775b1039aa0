"""When a connection is blocked by itself: too many of its recipients are nobody's, or refused by their hosts.

A pure rule over counts; who counts, and when, is no matter of this file. The figures that led to it are kept as the
reason (law 11).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .verdict import JSON

#: Hours in which recipients are counted by their acceptance.
WINDOW_HOURS = 24


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the recipients that were accepted within the window: how many came to an end, and how many of these were
    refused for good by a host, or had none."""

    finished: int
    refused: int


@dataclass(frozen=True, slots=True)
class Block:
    """That a connection is to be blocked: the reason in words, and the facts that it was judged by."""

    reason: str
    facts: Mapping[str, JSON]


def judged_at_all(options: Mapping[str, JSON]) -> bool:
    """Does a connection with these options fall under the rule?"""
    return bool(options.get("block_minimum"))


def judge(figures: Figures, options: Mapping[str, JSON]) -> Block | None:
    """The block that figures lead to; None where they do not, or the option `block_minimum` is 0."""
    minimum, percent = _number(options, "block_minimum"), _number(options, "block_percent")
    finished, refused = figures.finished, figures.refused
    if not minimum or finished < minimum or refused * 100 <= finished * percent:
        return None
    return Block(
        f"{refused} of {finished} recipients in {WINDOW_HOURS} hours were refused, more than {percent} %",
        {
            "rule": "auto_block",
            "hours": WINDOW_HOURS,
            "finished": finished,
            "refused": refused,
            "minimum": minimum,
            "percent": percent,
        },
    )


def _number(options: Mapping[str, JSON], name: str) -> int:
    value = options.get(name)
    return value if isinstance(value, int) else 0
