"""A dialect's replies as they stand on the wire.

`Voice` turns reply keys into octets and remembers those that have no fields; it never decides which reply is due.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..interfaces.tally import Tally
from ..mail.reply import Reply
from ..policy.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Spoken:
    """One reply in octets; after one that `closes` nothing more is said."""

    octets: bytes
    closes: bool

    @classmethod
    def of(cls, reply: Reply) -> Spoken:
        return cls(reply.encode(), reply.closes)


class Voice:
    """What a dialect says; one serves all its sessions. `tally` outlives it where the dialect is read again."""

    __slots__ = ("_known", "dialect", "tally")

    def __init__(self, dialect: Dialect, tally: Tally | None = None) -> None:
        self.dialect = dialect
        self.tally = tally or Tally()
        self._known: dict[str, Spoken] = {}

    def say(self, key: str, fields: Mapping[str, object] | None = None) -> Spoken:
        """The reply under a key; `KeyError` for an unknown key or a field that is not given."""
        if fields:
            return Spoken.of(self.dialect.reply(key, **fields))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = Spoken.of(self.dialect.reply(key))
        return known

    def hello(self, key: str, host: str, keywords: list[str]) -> Spoken:
        """The reply to EHLO or HELO: never with an enhanced status (RFC 2034 4), each keyword on a line of its own."""
        reply = self.dialect.reply(key, host=host)
        return Spoken.of(Reply(reply.code, None, "\n".join([reply.text, *keywords])))
