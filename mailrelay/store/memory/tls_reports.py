"""The twin of the reports about TLS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ...interfaces.tls_reports import WAITING, ITlsReports, TlsReport
from ...mail.tls_report import Session


@implementer(ITlsReports)
class MemoryTlsReports:
    """The memory twin."""

    def __init__(self) -> None:
        self.counted: dict[Session, int] = {}
        self.reports: dict[tuple[str, int], TlsReport] = {}

    def add(self, counted: Mapping[Session, int], due: Mapping[tuple[str, int], int]) -> Deferred[None]:
        for session, count in counted.items():
            self.counted[session] = self.counted.get(session, 0) + count
        for (domain, day), at in due.items():
            self.reports.setdefault((domain, day), TlsReport(domain, day, due_at=at))
        return succeed(None)

    def sessions(self, domain: str, day: int) -> Deferred[Mapping[Session, int]]:
        found = {each: count for each, count in self.counted.items() if (each.domain, each.day) == (domain, day)}
        return succeed(found)

    def due(self, now: int, limit: int) -> Deferred[Sequence[TlsReport]]:
        waiting = [each for each in self.reports.values() if each.status == WAITING and each.due_at <= now]
        return succeed(sorted(waiting, key=lambda each: each.due_at)[:limit])

    def every(self, domain: str = "") -> Deferred[Sequence[TlsReport]]:
        found = [each for each in self.reports.values() if domain in ("", each.domain)]
        return succeed(sorted(found, key=lambda each: (-each.day, each.domain)))

    def change(self, report: TlsReport, into: TlsReport) -> Deferred[bool]:
        place = report.domain, report.day
        kept = self.reports.get(place)
        if kept is None or (kept.due_at, kept.status) != (report.due_at, report.status):
            return succeed(False)
        self.reports[place] = into
        return succeed(True)

    def forget(self, before: int) -> Deferred[int]:
        old = [place for place, each in self.reports.items() if each.day < before]
        for place in old:
            del self.reports[place]
        self.counted = {each: count for each, count in self.counted.items() if each.day >= before}
        return succeed(len(old))
