"""What a rule says, and why: the rule's name, yes or no, and the facts that it saw (law 11).

A verdict is kept with its message; a refusing one also names the reply key and the fields of its text. It holds plain
data only and never a text of a dialect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ..mail.reply import Refusal

JSON: TypeAlias = str | int | float | bool | Sequence["JSON"] | Mapping[str, "JSON"] | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision: `key` and `fields` name the reply of a refusal, and are empty where the rule allowed."""

    rule: str
    allowed: bool
    facts: Mapping[str, JSON]
    key: str = ""
    fields: Mapping[str, JSON] = field(default_factory=dict)

    def refusal(self) -> Refusal:
        """The exception that carries a refusing verdict outwards; `ValueError` where the rule allowed."""
        if self.allowed:
            raise ValueError(f"rule {self.rule} refused nothing")
        return Refusal(self.key, self.fields, rule=self.rule, facts=self.facts)

    def plain(self) -> dict[str, JSON]:
        """The decision as it is kept: rule, allowed, facts, and the reply's key where it refused."""
        kept: dict[str, JSON] = {"rule": self.rule, "allowed": self.allowed, "facts": self.facts}
        return kept if self.allowed else kept | {"reply": self.key}
