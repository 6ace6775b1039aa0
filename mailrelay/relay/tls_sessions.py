"""Counts sessions with TLS for the reports of RFC 8460: gathered in memory, and written down now and then.

A crash loses what was gathered since it was last written down; nothing waits for it. Sessions beyond `KINDS` different
ones between two writes are not counted.
"""

from __future__ import annotations

from collections.abc import Callable

from ..interfaces.tls_reports import ITlsReports
from ..mail.encryption import TlsPolicy
from ..mail.envelope import DAY, Hop
from ..mail.tls_report import Session
from ..policy.tls_report import due_at

KINDS = 20_000
#: Kinds that one transaction writes: nobody who accepts mail waits for more of them.
TOGETHER = 500


class TlsSessions:
    """What came of TLS, from hop to hop; `now` gives microseconds since 1970."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._counted: dict[Session, int] = {}

    def told(self, hop: Hop, fault: str, reason: str) -> None:
        """A session was encrypted, or a fault kept it from that; a fault of the policy itself counts as one, too."""
        promise = hop.promise
        if promise is not None:
            session = _session(hop, promise, fault or promise.fault, self._now() // DAY)
            if session in self._counted or len(self._counted) < KINDS:
                self._counted[session] = self._counted.get(session, 0) + 1

    async def write(self, reports: ITlsReports) -> None:
        """Write down what was counted; it is kept for the next time where that fails."""
        counted, self._counted = list(self._counted.items()), {}
        while counted:
            part = dict(counted[:TOGETHER])
            days = {(each.domain, each.day): due_at(each.domain, each.day) for each in part}
            try:
                await reports.add(part, days)
            except Exception:
                for session, count in counted:
                    self._counted[session] = self._counted.get(session, 0) + count
                raise
            del counted[:TOGETHER]


def _session(hop: Hop, promise: TlsPolicy, result: str, day: int) -> Session:
    common = promise.domain, day, promise.kind, promise.strings, promise.mx
    return Session(*common, result, hop.host, hop.address, hop.source) if result else Session(*common)
