"""Reports about TLS (RFC 8460) as operators see them: which there are, what stands in one, and sending one now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, timedelta

from ..interfaces.tls_reports import WAITING, TlsReport
from ..mail.address import Mailbox
from ..mail.envelope import DAY
from ..mail.tls_report import Reporting, Session, begin, document
from .audited import audited
from .errors import Invalid, Unknown
from .installation import Installation, use_case
from .plain import Plain, instant
from .rights import administrators_only

_FIRST = date(1970, 1, 1)
#: Who is named in a report that is only shown.
_NOBODY = Reporting("", "", Mailbox("nobody", "localhost"))


@use_case
@administrators_only
async def every(installation: Installation, domain: str = "") -> Sequence[TlsReport]:
    """The reports about one domain or all, the newest day first; those of today are not over yet."""
    return await installation.tls_reports.every(domain.lower())


@use_case
@administrators_only
async def show(installation: Installation, domain: str, day: str) -> Mapping[str, object]:
    """A report with what stands in it."""
    found = await _find(installation, domain, day)
    counted = await installation.tls_reports.sessions(found.domain, found.day)
    return {**plain(found), "policies": policies(counted, found)}


@audited("tls-report.send")
@administrators_only
async def send(installation: Installation, domain: str, day: str) -> TlsReport:
    """Have the daemon send a report at its next look, and not where it was taken already."""
    found = await _find(installation, domain, day)
    now = installation.now()
    if found.day >= now // DAY:
        raise Invalid("day", "the day is not over, in UTC")
    changed = replace(found, status=WAITING, due_at=now, attempts=0)
    if not await installation.tls_reports.change(found, changed):
        raise Invalid("day", "the report is being sent just now")
    return changed


async def _find(installation: Installation, domain: str, day: str) -> TlsReport:
    number = number_of(day)
    for found in await installation.tls_reports.every(domain.lower()):
        if found.day == number:
            return found
    raise Unknown("TLS report", f"{domain} {day}")


def number_of(day: str) -> int:
    """A date as ISO 8601 writes it, in days since 1970."""
    try:
        return (date.fromisoformat(day) - _FIRST) // timedelta(days=1)
    except ValueError:
        raise Invalid("day", f"{day!r} is no date such as 2026-11-25") from None


def policies(counted: Mapping[Session, int], report: TlsReport) -> object:
    """What a report says of each policy of its domain."""
    return document(counted, report.domain, report.day, "", _NOBODY)["policies"]


def plain(report: TlsReport) -> Plain:
    return {
        "domain": report.domain,
        "day": f"{begin(report.day).astimezone(UTC):%Y-%m-%d}",
        "status": report.status,
        "due_at": instant(report.due_at) if report.status == WAITING else "",
        "attempts": report.attempts,
        "sent_to": list(report.sent_to),
        "sent_at": instant(report.sent_at),
        "error": report.error,
    }
