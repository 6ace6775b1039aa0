"""What the relay needs of a content scanner: whether a message holds what nobody should be sent."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface


class IScanner(Interface):
    """Looks into messages."""

    def scan(octets: bytes) -> Deferred[str]:
        """The name of the virus that a message holds, "" for none. Fails with `Refusal` "temporary" when it cannot be
        told just now."""
