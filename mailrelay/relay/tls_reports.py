"""Sends reports about TLS (RFC 8460): once for each domain's day that is over, to where the domain wants them.

By mail a report joins our own queue, from the null sender, so that nobody hears of its failure, by the route `ROUTE`,
which no TLS keeps it from, and signed as mail of the account whose domain it comes from. By HTTPS it is handed in at
once. A report that could not be handed in everywhere is tried again for a day, and only where it was not taken. Of
several processes on one store one sends each. Nothing is sent while the address is of no domain that can sign.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256

from twisted.logger import Logger

from ..interfaces.https import HttpsFailure, IHttps
from ..interfaces.ledger import ILedger
from ..interfaces.resolver import IResolver, ResolverFailure
from ..interfaces.tls_reports import GIVEN_UP, SENT, UNWANTED, ITlsReports, TlsReport
from ..mail.address import Mailbox
from ..mail.envelope import DAY, SECOND, Instructions, Recipient, Submission, ulid
from ..mail.reply import Refusal
from ..mail.tls_report import COMPRESSED, ROUTE, Reporting, document, letter, packed, subject
from ..policy.reach import PUBLIC, Reach
from ..policy.tls_report import places, wait
from .tls_sessions import TlsSessions

AT_ONCE = 50  #: reports of one look
LEASE = 900 * SECOND  #: for how long a report that is being sent belongs to this process
KEPT = 14  #: days until sessions and reports are forgotten
DIALECT = "standard"

log = Logger()


class NotTaken(Exception):
    """A report that was not handed in everywhere; the text says why."""


def report_id(domain: str, day: int) -> str:
    """The id of the report about a domain's day, the same for every try."""
    return ulid((day + 1) * DAY, sha256(b"tlsrpt " + domain.encode()).digest()[:10])


class TlsReporter:
    """Sends what is due; `owner` tells the account of a domain that can
    sign, or ""; `who` is None where none are sent."""

    def __init__(
        self,
        reports: ITlsReports,
        sessions: TlsSessions,
        resolver: IResolver,
        https: IHttps,
        ledger: ILedger,
        who: Reporting | None,
        owner: Callable[[str], Awaitable[str]],
        now: Callable[[], int],
        new_id: Callable[[], str],
        reach: Reach = PUBLIC,
    ) -> None:
        self._reports = reports
        self._sessions = sessions
        self._resolver = resolver
        self._https = https
        self._ledger = ledger
        self._who = who
        self._owner = owner
        self._now = now
        self._new_id = new_id
        self._reach = reach

    async def warn(self) -> None:
        """Say so at the start when nobody could sign a report by mail."""
        who = self._who
        if who is not None and not await self._owner(who.submitter):
            log.warn("reports about TLS wait by mail: {domain} is no verified domain", domain=who.submitter)

    async def write(self) -> None:
        """A chore: write down what was counted."""
        if self._who is not None:
            await self._sessions.write(self._reports)

    async def forget(self) -> None:
        """A chore: forget what is old."""
        await self._reports.forget(self._now() // DAY - KEPT)

    async def look(self) -> None:
        """A chore: send what is due."""
        if self._who is None:
            return
        now = self._now()
        for report in await self._reports.due(now, AT_ONCE):
            mine = replace(report, due_at=now + LEASE)
            if await self._reports.change(report, mine):
                await self._reports.change(mine, await self._tried(mine, self._who))

    async def _tried(self, report: TlsReport, who: Reporting) -> TlsReport:
        """What the report is after a try."""
        taken = list(report.sent_to)
        try:
            wanted = await self._send(report, who, taken)
        except NotTaken as error:
            pause = wait(report.attempts + 1)
            log.info("the TLS report for {domain} was not taken: {reason}", domain=report.domain, reason=str(error))
            changes = replace(report, attempts=report.attempts + 1, sent_to=tuple(taken), error=str(error))
            if pause is None:
                return replace(changes, status=GIVEN_UP)
            return replace(changes, due_at=self._now() + pause)
        sent = replace(report, status=SENT if wanted else UNWANTED, sent_to=tuple(taken), error="")
        return replace(sent, sent_at=self._now()) if wanted else sent

    async def _send(self, report: TlsReport, who: Reporting, taken: list[str]) -> bool:
        """Hand a report in wherever it was not taken yet; False where nobody wants it."""
        try:
            answer = await self._resolver.resolve(f"_smtp._tls.{report.domain}", "TXT")
        except ResolverFailure as failure:
            raise NotTaken(str(failure)) from failure
        if not answer.known:
            raise NotTaken(f"_smtp._tls.{report.domain}: {answer.rcode}")
        wanted = places(answer.records, self._reach)
        sessions = await self._reports.sessions(report.domain, report.day)
        if not wanted.names or not sessions:
            return False
        id = report_id(report.domain, report.day)
        octets = packed(document(sessions, report.domain, report.day, id, who))
        faults: list[str] = []
        for name, mailbox in [*zip(wanted.names, wanted.mail, strict=False), *((url, None) for url in wanted.https)]:
            if name not in taken:
                fault = await self._hand_in(name, mailbox, octets, report, id, who)
                if fault:
                    faults.append(f"{name}: {fault}")
                else:
                    taken.append(name)
        if faults:
            raise NotTaken("; ".join(faults))
        return True

    async def _hand_in(
        self, name: str, to: Mailbox | None, octets: bytes, report: TlsReport, id: str, who: Reporting
    ) -> str:
        """Hand it in at one place; gives why it was not taken, or ""."""
        try:
            if to is None:
                await self._https.post(name, octets, COMPRESSED)
            else:
                await self._post(octets, report, id, who, to)
        except (HttpsFailure, NotTaken) as failure:
            return str(failure)
        except Refusal as refusal:
            return f"not queued: {refusal}"
        return ""

    async def _post(self, octets: bytes, report: TlsReport, id: str, who: Reporting, to: Mailbox) -> None:
        owner = await self._owner(who.submitter)
        if not owner:
            raise NotTaken(f"{who.submitter} is no verified domain of any account, and reports must be signed by it")
        now = self._now()
        submission = Submission(
            id=self._new_id(),
            account=owner,
            connection="",
            dialect=DIALECT,
            peer="",
            sender="",
            recipients=(Recipient(self._new_id(), to.address, to.key, to.domain),),
            source=letter(octets, report.domain, report.day, id, who, to, now),
            subject=subject(report.domain, id, who),
            received_at=now,
            expires_at=now + DAY,
            billing="none",
            instructions=Instructions(route=ROUTE),
            verdicts=({"rule": "tls_report", "allowed": True, "facts": {"domain": report.domain, "day": report.day}},),
        )
        await self._ledger.accept(submission, False)
