"""A dialect's replies as they stand on the wire, and the order in which they leave.

`Voice` turns reply keys into octets and remembers those without fields. `Replies` is the FIFO of law 7: each command has one
`Slot`, and nothing leaves before everything asked earlier is answered. Neither decides which reply is due.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

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
    """What a dialect says; one serves all its sessions."""

    __slots__ = ("_known", "dialect")

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
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


class Slot:
    """The place of one reply among the others; `command` is the verb that it answers."""

    __slots__ = ("command", "spoken")

    def __init__(self, command: str) -> None:
        self.command = command
        self.spoken: Spoken | None = None


class Replies:
    """Replies in the order of their commands."""

    __slots__ = ("_octets", "_slots", "ended")

    def __init__(self) -> None:
        self._slots: deque[Slot] = deque()
        self._octets: list[bytes] = []
        #: a closing reply is among those that may leave
        self.ended = False

    @property
    def waiting(self) -> int:
        """How many commands wait for the answer of an earlier one, or for their own."""
        return len(self._slots)

    def open(self, command: str) -> Slot:
        """A place behind everything asked so far."""
        slot = Slot(command)
        self._slots.append(slot)
        return slot

    def put(self, spoken: Spoken) -> None:
        """Answer a command at once, behind everything asked so far."""
        if self._slots:
            self.open("").spoken = spoken
        else:
            self._release(spoken)

    def fill(self, slot: Slot, spoken: Spoken) -> None:
        """Answer an earlier command; whatever now may leave does."""
        slot.spoken = spoken
        slots = self._slots
        while slots and slots[0].spoken is not None and not self.ended:
            first = slots.popleft()
            assert first.spoken is not None
            self._release(first.spoken)

    def _release(self, spoken: Spoken) -> None:
        if not self.ended:
            self._octets.append(spoken.octets)
            self.ended = spoken.closes

    def drop(self) -> None:
        """Forget every command that waits."""
        self._slots.clear()

    def take(self) -> bytes:
        """What may leave now."""
        if not self._octets:
            return b""
        octets = b"".join(self._octets)
        self._octets.clear()
        return octets
