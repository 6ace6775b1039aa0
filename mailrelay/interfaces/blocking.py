"""What the rule that blocks connections needs to count, and how it has one blocked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..policy.blocking import Block, Figures
from ..policy.verdict import JSON


@dataclass(frozen=True, slots=True)
class Candidate:
    """An active connection, with its merged options and the instant since which it is active (0: from the first)."""

    connection: str
    account: str
    name: str
    options: Mapping[str, JSON]
    active_since: int


class IBlocking(Interface):
    """Connections that may have to be blocked."""

    def candidates() -> Deferred[Sequence[Candidate]]:
        """Every connection that is active."""

    def figures(connection: str, since: int) -> Deferred[Figures]:
        """What came of the recipients of a connection that were accepted since an instant, rounded up to an hour."""

    def block(candidate: Candidate, block: Block, now: int) -> Deferred[bool]:
        """Block a connection and tell the event in one commit; False when it is not active any more."""
