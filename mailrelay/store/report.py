"""Reports of what could not be delivered: a DSN joins the queue in the transaction that ends its recipient.

So there is one for each end and none without. It is mail of the system: from the null sender, of no connection, billed
to nobody, counted under no connection either; but it waits in the lanes of the account whose mail it is about, so that
whoever causes many reports waits for them alone. Mail from the null sender, thus a report too, never gets one. An end
is never held up by a report that cannot be made. This module never commits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from twisted.logger import Logger

from ..mail.address import AddressError, Mailbox, parse_mailbox
from ..mail.dsn import SUBJECT, Undelivered, report, report_id
from ..mail.envelope import Recipient, State, Submission
from ..policy.simulation import SIMULATOR
from .accept import put
from .schema import chunks, messages, recipients
from .work import Work

_log = Logger()

_waiting = (
    sa.select(
        messages.c.id,
        messages.c.account,
        messages.c.dialect,
        messages.c.sender,
        messages.c.received_at,
        messages.c.expires_at,
        messages.c.source,
        recipients.c.address,
        recipients.c.last_reply,
        recipients.c.last_host,
        recipients.c.last_at,
    )
    .select_from(recipients.join(messages, messages.c.id == recipients.c.message))
    # of what the simulator played no mail is sent
    .where(recipients.c.id == sa.bindparam("recipient"), messages.c.sender != "", recipients.c.route != SIMULATOR)
)
_begin = (
    sa.select(chunks.c.octets).where(chunks.c.message == sa.bindparam("message")).order_by(chunks.c.number).limit(1)
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a report is about: a recipient that comes to its end, with the last that was heard of it."""

    recipient: str
    message: str
    account: str
    dialect: str
    sender: Mailbox
    received_at: int
    expires_at: int
    source: bytes
    address: str
    reply: str
    host: str
    attempted_at: int


class Reports:
    """Queues reports as the mail system of `hostname`; `wanted` tells by a dialect's name whether it sends any."""

    def __init__(self, hostname: str, wanted: Callable[[str], bool]) -> None:
        self._hostname = hostname
        self._wanted = wanted

    def about(self, work: Work, recipient: str) -> Subject | None:
        """What a report about a recipient would say as things stand, None when there is none to make."""
        found = work.rows(_waiting, {"recipient": recipient})
        if not found:
            return None
        message, account, dialect, sender, received_at, expires_at, source, address, reply, host, at = found[0]
        if not self._wanted(dialect):
            return None
        try:
            mailbox = parse_mailbox(sender)
        except AddressError as error:
            _log.error("no report about {recipient}: its return path: {error}", recipient=recipient, error=error)
            return None
        if source is None:
            source = next((octets for (octets,) in work.rows(_begin, {"message": message})), b"")
        return Subject(
            recipient,
            message,
            account,
            dialect,
            mailbox,
            received_at,
            expires_at,
            bytes(source),
            address,
            reply,
            host,
            at,
        )

    def put(self, work: Work, subject: Subject, state: State, reply: str, host: str, now: int) -> None:
        """Queue the report: the recipient came to this state at `now`, by this answer of a host or ("") of our own."""
        try:
            source = report(
                Undelivered(
                    message=subject.message,
                    recipient=subject.recipient,
                    sender=subject.sender,
                    address=subject.address,
                    state=state,
                    reply=reply,
                    host=host,
                    arrived_at=subject.received_at,
                    ended_at=now,
                    attempted_at=subject.attempted_at,
                    source=subject.source,
                ),
                self._hostname,
            )
            id = report_id(subject.recipient, now)
        except (ValueError, OverflowError):
            _log.failure("no report about {recipient}", recipient=subject.recipient)
            return
        facts = {"message": subject.message, "recipient": subject.recipient, "state": state.value}
        sender = subject.sender
        submission = Submission(
            id=id,
            account=subject.account,
            connection="",
            dialect=subject.dialect,
            peer="",
            sender="",
            recipients=(Recipient(id, sender.address, sender.key, sender.domain),),
            source=source,
            subject=SUBJECT,
            received_at=now,
            expires_at=now + subject.expires_at - subject.received_at,
            billing="none",
            verdicts=({"rule": "dsn", "allowed": True, "facts": facts},),
        )
        put(work, submission, "")
