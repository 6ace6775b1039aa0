"""Messages in memory while recipients of theirs are in hand, so that what was just accepted is not read back.

No more octets are kept than there is room for: what does not fit is read from the store again when it is sent.
"""

from __future__ import annotations

from ..mail.message import Message


class KeptMessages:
    """Messages by id, each with the number of its recipients in hand; `room` is in octets."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._messages: dict[str, Message] = {}
        self._users: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, id: str, message: Message) -> None:
        """Keep a message, if there is room, until its last recipient is gone."""
        if len(message.source) <= self._room:
            self._room -= len(message.source)
            self._messages[id] = message

    def get(self, id: str) -> Message | None:
        """The message, if it is kept."""
        return self._messages.get(id)

    def join(self, id: str) -> None:
        """A recipient of the message is in hand."""
        self._users[id] = self._users.get(id, 0) + 1

    def leave(self, id: str) -> None:
        """One is no longer."""
        left = self._users.pop(id) - 1
        if left:
            self._users[id] = left
        elif message := self._messages.pop(id, None):
            self._room += len(message.source)
