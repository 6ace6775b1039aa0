"""Sessions with TLS and reports about them over a database: `ITlsReports`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.tls_reports import WAITING, ITlsReports, TlsReport
from ..mail.tls_report import Session
from .accept import clean
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import tls_reports, tls_sessions
from .work import MAKERS, Work, upsert
from .writer import Writer

_sessions, _reports = tls_sessions.c, tls_reports.c
_add = {
    on_sqlite: upsert(make, tls_sessions, lambda new: {"count": _sessions.count + new.count})
    for on_sqlite, make in MAKERS
}
_plan = {
    on_sqlite: make(tls_reports).on_conflict_do_nothing(index_elements=list(tls_reports.primary_key))
    for on_sqlite, make in MAKERS
}
_newest = sa.select(tls_reports).order_by(_reports.day.desc(), _reports.domain)


@implementer(ITlsReports)
class TlsReports:
    """Sessions and reports in a database."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    def add(self, counted: Mapping[Session, int], due: Mapping[tuple[str, int], int]) -> Deferred[None]:
        # in the order of their keys, so that processes which add at the same time do not wait for each other in a ring
        rows = sorted((_session_row(*each) for each in counted.items()), key=lambda row: (row["day"], row["id"]))
        planned = [_report_row(TlsReport(domain, day, due_at=at)) for (domain, day), at in sorted(due.items())]

        def add(work: Work) -> None:
            work.insert(_add[work.sqlite], rows)
            work.insert(_plan[work.sqlite], planned)

        return self._writer.ask(CALL, add)

    def sessions(self, domain: str, day: int) -> Deferred[Mapping[Session, int]]:
        statement = sa.select(tls_sessions).where(_sessions.day == day, _sessions.domain == clean(domain))
        return self._reader.ask(LOOK_UP, lambda work: dict(_session(row._mapping) for row in work.execute(statement)))

    def due(self, now: int, limit: int) -> Deferred[Sequence[TlsReport]]:
        waiting = sa.select(tls_reports).where(_reports.status == WAITING, _reports.due_at <= now)
        return self._read(waiting.order_by(_reports.due_at).limit(limit))

    def every(self, domain: str = "") -> Deferred[Sequence[TlsReport]]:
        return self._read(_newest.where(_reports.domain == clean(domain)) if domain else _newest)

    def _read(self, statement: sa.Select[Any]) -> Deferred[Sequence[TlsReport]]:
        return self._reader.ask(LOOK_UP, lambda work: [_report(row._mapping) for row in work.execute(statement)])

    def change(self, report: TlsReport, into: TlsReport) -> Deferred[bool]:
        statement = (
            sa.update(tls_reports)
            .where(_reports.day == report.day, _reports.domain == clean(report.domain))
            .where(_reports.due_at == report.due_at, _reports.status == report.status)
        )
        row = _report_row(into)
        return self._writer.ask(CALL, lambda work: bool(work.execute(statement, row).rowcount))

    def forget(self, before: int) -> Deferred[int]:
        def forget(work: Work) -> int:
            work.execute(sa.delete(tls_sessions).where(_sessions.day < before))
            return int(work.execute(sa.delete(tls_reports).where(_reports.day < before)).rowcount)

        return self._writer.ask(CALL, forget)


def _session_row(session: Session, count: int) -> dict[str, Any]:
    row = {
        "day": session.day,
        "domain": clean(session.domain),
        "kind": session.kind,
        "strings": json.dumps(session.strings),
        "mx": json.dumps(session.mx),
        "result": session.result,
        "host": clean(session.host),
        "address": clean(session.address),
        "source": clean(session.source),
    }
    digest = sha256(json.dumps(list(row.values())).encode("ascii")).hexdigest()
    return {**row, "id": digest, "count": count}


def _session(row: Mapping[Any, Any]) -> tuple[Session, int]:
    fields = {name: row[name] for name in ("domain", "day", "kind", "result", "host", "address", "source")}
    session = Session(**fields, strings=tuple(json.loads(row["strings"])), mx=tuple(json.loads(row["mx"])))
    return session, row["count"]


def _report_row(report: TlsReport) -> dict[str, Any]:
    return {
        "day": report.day,
        "domain": clean(report.domain),
        "status": report.status,
        "due_at": report.due_at,
        "attempts": report.attempts,
        "sent_to": json.dumps(report.sent_to),
        "sent_at": report.sent_at,
        "error": clean(report.error),
    }


def _report(row: Mapping[Any, Any]) -> TlsReport:
    return TlsReport(**{**row, "sent_to": tuple(json.loads(row["sent_to"]))})
