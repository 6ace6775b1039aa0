"""Answers counted as they are given, for whoever watches."""

from __future__ import annotations

from collections import Counter


class Tally:
    """What was answered in one dialect since the process began: messages `accepted`, and what was `refused`, by the
    reply key and the first digit of its code."""

    __slots__ = ("accepted", "refused")

    def __init__(self) -> None:
        self.accepted = 0
        self.refused: Counter[tuple[str, int]] = Counter()
