"""The order in which replies leave: law 7, one reply for each command, in their order.

`Answers` is a FIFO of `Slot`s: nothing leaves before everything asked earlier is answered, and nothing leaves behind
a reply that closes. It never decides which reply is due.
"""

from __future__ import annotations

from collections import deque

from .voice import Spoken


class Slot:
    """The place of one reply among the others; `command` is the verb that it answers."""

    __slots__ = ("command", "spoken")

    def __init__(self, command: str) -> None:
        self.command = command
        self.spoken: Spoken | None = None


class Answers:
    """Replies in the order of their commands.

    `closing`: a reply that closes was given, perhaps behind others that are still owed; `ended`: everything that may
    ever leave has left, or is about to.
    """

    __slots__ = ("_octets", "_slots", "closing", "ended")

    def __init__(self) -> None:
        self._slots: deque[Slot] = deque()
        self._octets: list[bytes] = []
        self.closing = False
        self.ended = False

    @property
    def owed(self) -> bool:
        """A command waits for its answer."""
        return bool(self._slots)

    def open(self, command: str) -> Slot:
        """A place behind everything asked so far."""
        slot = Slot(command)
        self._slots.append(slot)
        return slot

    def put(self, spoken: Spoken) -> None:
        """Answer a command at once, behind everything asked so far."""
        self.closing = self.closing or spoken.closes
        if self._slots:
            self.open("").spoken = spoken
        else:
            self._release(spoken)

    def fill(self, slot: Slot, spoken: Spoken) -> None:
        """Answer an earlier command; whatever now may leave does."""
        self.closing = self.closing or spoken.closes
        slot.spoken = spoken
        slots = self._slots
        while slots and (first := slots[0].spoken) is not None and not self.ended:
            slots.popleft()
            self._release(first)
        if self.closing and not slots:
            self.ended = True

    def close(self) -> None:
        """Nothing more will be asked: the end comes when what is owed is answered."""
        self.closing = True
        self.ended = self.ended or not self._slots

    def hang_up(self) -> None:
        """Forget what is owed."""
        self._slots.clear()
        self.closing = self.ended = True

    def take(self) -> bytes:
        """What may leave now."""
        if not self._octets:
            return b""
        octets = b"".join(self._octets)
        self._octets.clear()
        return octets

    def _release(self, spoken: Spoken) -> None:
        if not self.ended:
            self._octets.append(spoken.octets)
            self.ended = spoken.closes
