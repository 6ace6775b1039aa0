"""Plain data that many messages share, such as the verdicts over one sender's many MAILs: written as text only once."""

from __future__ import annotations

from collections.abc import Mapping


class Recurring(dict[str, object]):
    """What stays as it is from message to message; `text` is for whoever writes it, "" until then."""

    __slots__ = ("text",)

    def __init__(self, facts: Mapping[str, object]) -> None:
        super().__init__(facts)
        self.text = ""
