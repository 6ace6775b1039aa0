"""What the relay needs to read a stored message again."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface


class IBodies(Interface):
    """Message sources, as accepted."""

    def read(message: str) -> Deferred[bytes]:
        """The source of a message; fails with `KeyError` when there is none."""
