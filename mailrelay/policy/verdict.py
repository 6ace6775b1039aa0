"""What a rule says, and why: the rule's name, yes or no, and the facts that it saw (law 11).

A verdict is kept with its message; a refusing one also names the reply key and the fields of its text. It holds plain
data only and never a text of a dialect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from ..mail.reply import Refusal

JSON: TypeAlias = str | int | float | bool | Sequence["JSON"] | Mapping[str, "JSON"] | None


_NO_FIELDS: Mapping[str, JSON] = MappingProxyType({})


class Verdict(NamedTuple):
    """One decision: `key` and `fields` name the reply of a refusal, and are empty where the rule allowed.

    A tuple, since some twenty are made for each message.
    """

    rule: str
    allowed: bool
    facts: Mapping[str, JSON]
    key: str = ""
    fields: Mapping[str, JSON] = _NO_FIELDS

    def refusal(self) -> Refusal:
        """The exception that carries a refusing verdict outwards; `ValueError` where the rule allowed."""
        if self.allowed:
            raise ValueError(f"rule {self.rule} refused nothing")
        return Refusal(self.key, self.fields, rule=self.rule, facts=self.facts)

    def plain(self) -> dict[str, JSON]:
        """The decision as it is kept: rule, allowed, facts, and the reply's key where it refused."""
        if self.allowed:
            return {"rule": self.rule, "allowed": True, "facts": self.facts}
        return {"rule": self.rule, "allowed": False, "facts": self.facts, "reply": self.key}
