"""What the roof needs to know about processes that share a store: who is alive."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface


class INodes(Interface):
    """One incarnation of a process, and its siblings."""

    id = Attribute("ULID of this incarnation, written into every lease")

    def join() -> Deferred[None]:
        """Become alive."""

    def bury() -> Deferred[int]:
        """Release all leases of incarnations that are dead; fires with how many leases."""

    def leave() -> Deferred[None]:
        """Say goodbye: no lease is ours any more."""
