"""What is kept for reports about TLS (RFC 8460): the sessions of each domain's day, and what became of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..mail.tls_report import Session

#: What a report can have come to: it is due at its time; every place took it; nobody asks for it; it is given up.
WAITING, SENT, UNWANTED, GIVEN_UP = "waiting", "sent", "unwanted", "given up"


@dataclass(frozen=True, slots=True)
class TlsReport:
    """A report about a domain's day (since 1970): `due_at` is the next try, `attempts` how many failed, `sent_to` the
    places that took it, at `sent_at` the last one, `error` what went wrong last. Instants are microseconds."""

    domain: str
    day: int
    status: str = WAITING
    due_at: int = 0
    attempts: int = 0
    sent_to: tuple[str, ...] = ()
    sent_at: int = 0
    error: str = ""


class ITlsReports(Interface):
    """Sessions and reports."""

    def add(counted: Mapping[Session, int], due: Mapping[tuple[str, int], int]) -> Deferred[None]:
        """Count sessions; `due` tells for each domain and day among them when its report leaves, if it is new."""

    def sessions(domain: str, day: int) -> Deferred[Mapping[Session, int]]:
        """The sessions of a domain's day."""

    def due(now: int, limit: int) -> Deferred[Sequence[TlsReport]]:
        """Reports that wait and whose time has come, the longest first."""

    def every(domain: str = "") -> Deferred[Sequence[TlsReport]]:
        """The reports about one domain or all, the newest day first."""

    def change(report: TlsReport, into: TlsReport) -> Deferred[bool]:
        """Put one in another's place; False, and nothing changed, unless it still is due when `report` says so."""

    def forget(before: int) -> Deferred[int]:
        """Forget days before that one; fires with how many reports."""
