"""What the relay needs from the outbound wire: one message for one recipient to one hop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..mail.envelope import Capabilities, Hop, Outcome


class ITransmitter(Interface):
    """Delivers over pooled connections."""

    def transmit(
        hop: Hop, sender: str, recipients: Sequence[str], compose: Callable[[Capabilities], Deferred[bytes]]
    ) -> Deferred[Sequence[Outcome]]:
        """Send a message; fires with one outcome for each recipient, in their order, and never fails.

        `compose` is called after the hop's EHLO with what it can take, and gives the message in wire form (law 6)
        without dot-stuffing or end mark; a `Refusal` from it bounces every recipient with its reply.
        """

    def close() -> Deferred[None]:
        """Let deliveries under way end, say QUIT, and close every connection."""
