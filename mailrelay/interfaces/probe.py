"""What trying a way out needs of the outbound wire: one conversation with a hop that never carries a message."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..mail.envelope import Hop


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of it: `serves` where the hop would take mail (and the recipient that was asked about), with the last
    `reply` that says so or why not; `tls` is how the session was encrypted, or "" with the `fault` that kept it from
    that; `offers` the keywords that count of the reply to EHLO; `seconds` in all, and the `transcript` with the second
    of each step, without secrets."""

    hop: Hop
    serves: bool
    reply: str
    tls: str
    fault: str
    offers: tuple[str, ...]
    seconds: float
    transcript: str


class IProber(Interface):
    """Tries hops."""

    def probe(hop: Hop, sender: str = "", recipient: str = "") -> Deferred[Probe]:
        """Connect, EHLO, TLS and login as mail would, then QUIT; with a `recipient`, MAIL, RCPT and RSET before it.
        Never fails."""
