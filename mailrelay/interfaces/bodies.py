"""What the relay needs of message sources: to put away a large one while it comes in, and to read any again."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface


class IBodies(Interface):
    """Message sources, as accepted."""

    def read(message: str) -> Deferred[bytes]:
        """The source of a message; fails with `KeyError` when there is none."""


class ISpool(Interface):
    """What is put away of a source before its message is accepted.

    Without the message it is nothing, and swept some day. The ledger numbers the source of the submission itself 0.
    """

    def put(message: str, number: int, octets: bytes) -> Deferred[None]:
        """Commit the piece of that number, from 1 on; fails with `Refusal` when it was not."""

    def read(message: str) -> Deferred[bytes]:
        """All pieces put so far, in the order of their numbers."""

    def drop(message: str) -> Deferred[None]:
        """Forget all pieces, unless the message was accepted."""
