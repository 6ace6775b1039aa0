"""What the relay needs from DNS: the answer to one question."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..mail.answer import Answer, Kind


class ResolverFailure(Exception):
    """No server gave an answer that could be used; the text says why in one line. Asking again later may help."""


class IResolver(Interface):
    """Asks name servers."""

    def resolve(name: str, kind: Kind) -> Deferred[Answer]:
        """The records of a kind under a name in A-labels, aliases (CNAME) followed.

        That there is no such name, or that a server refuses, is an answer too: see its `rcode`. Fails with
        `ResolverFailure` only.
        """
