"""Accepting: submissions become rows, and sends are reserved or captured, in one transaction (laws 1, 2, 5).

Each member of a batch is judged against the purse that the members before it left; one that cannot pay is refused and
writes nothing, the others are unharmed. With a lease the rows belong to this process from the start, so the fast path
never reads the queue back. A rejected recipient is put on record at its end and costs nothing. This module never
commits and never looks at the policy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ..mail.envelope import DAY, Delivery, Recipient, State, Submission, deliveries_of, personal_text
from ..mail.recurring import Recurring
from ..mail.reply import Refusal
from ..policy.rejection import within
from .bodies import stored
from .schema import daily, messages, recipients
from .work import MAKERS, Work, upsert

if TYPE_CHECKING:
    from .report import Reports

#: Larger sources lie in rows of this many octets, written before the accept.
CHUNK = 256 * 1024


def is_large(submission: Submission) -> bool:
    """Its source lies in chunks, all of them written before it is accepted."""
    return submission.spooled > 0 or len(submission.source) > CHUNK


_add_message = sa.insert(messages)
_add_recipient = sa.insert(recipients)
_sent_today = sa.select(daily.c.sent).where(
    daily.c.connection == sa.bindparam("connection"), daily.c.day == sa.bindparam("day")
)
_put_today = {
    on_sqlite: upsert(make, daily, lambda new: {"day": new.day, "sent": new.sent}) for on_sqlite, make in MAKERS
}


def clean(text: str) -> str:
    """Text that every engine takes: no NUL, no lone surrogate."""
    if "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def accept(
    work: Work, members: Sequence[tuple[Submission, bool]], reports: Reports | None = None
) -> list[Sequence[Delivery] | Refusal]:
    """For each (submission, lease) its deliveries, or why it was refused."""
    work.purses(submission.account for submission, _ in members)
    message_rows: list[Mapping[str, object]] = []
    recipient_rows: list[Mapping[str, object]] = []
    results: list[Sequence[Delivery] | Refusal] = []
    taken: list[Submission] = []
    for made, lease in members:
        submission = _incomplete(work, made) or _admit(work, made)
        if isinstance(submission, Refusal):
            results.append(submission)
            continue
        taken.append(submission)
        message_rows.append(_message_row(submission))
        recipient_rows.extend(_recipient_rows(submission, work.node if lease else ""))
        _count(work, submission)
        results.append(deliveries_of(submission) if lease else ())
    message_rows.sort(key=lambda row: str(row["id"]))
    recipient_rows.sort(key=lambda row: str(row["id"]))
    work.insert(_add_message, message_rows)
    work.insert(_add_recipient, recipient_rows)
    if reports is not None:
        for submission in taken:
            if submission.rejected_told:
                _tell(work, submission, reports)
    return results


def _tell(work: Work, submission: Submission, reports: Reports) -> None:
    """Report the recipients that are at their end from the start."""
    for recipient in submission.recipients:
        if recipient.rejected and (subject := reports.about(work, recipient.id)) is not None:
            reports.put(work, subject, State.SUPPRESSED, recipient.rejected, "", submission.received_at)


def join(work: Work, made: Submission, lease: bool, reports: Reports | None = None) -> Sequence[Delivery] | Refusal:
    """More recipients for a message that is there already under the submission's id."""
    submission = _admit(work, made)
    if isinstance(submission, Refusal):
        return submission
    work.insert(_add_recipient, _recipient_rows(submission, work.node if lease else ""))
    _count(work, submission)
    if reports is not None and submission.rejected_told:
        _tell(work, submission, reports)
    return deliveries_of(submission) if lease else ()


def put(work: Work, submission: Submission, lease: str) -> None:
    """Write one submission that needs no room in a purse; its source is small enough for its row."""
    work.insert(_add_message, (_message_row(submission),))
    work.insert(_add_recipient, _recipient_rows(submission, lease))
    _count(work, submission)


def _count(work: Work, submission: Submission) -> None:
    connection, tag, at = submission.connection, clean(submission.instructions.tag), submission.received_at
    at_once = submission.billing == "accept"
    for recipient in submission.recipients:
        domain = clean(recipient.destination)
        work.count(connection, tag, domain, at, "accepted")
        if connection:  # of mail of the system itself nobody is told
            work.tell("accepted", recipient.id, at)
        if recipient.rejected:
            work.count(connection, tag, domain, at, State.SUPPRESSED.value)
            work.tell("suppressed", recipient.id, at)
        elif at_once:
            work.count(connection, tag, domain, at, "billed")


def _incomplete(work: Work, submission: Submission) -> Refusal | None:
    if not is_large(submission) or (found := stored(work, submission.id)) == submission.size:
        return None
    return Refusal("temporary", rule="source_stored", facts={"stored": found, "size": submission.size})


def _admit(work: Work, submission: Submission) -> Submission | Refusal:
    """The submission within its connection's daily limit, and paid for. The account's purse is locked, and with it what
    its connections have sent today."""
    if not submission.daily_limit:
        return _pay(work, submission) or submission
    today = {"connection": submission.connection, "day": submission.received_at // DAY}
    sent = sum(found for (found,) in work.rows(_sent_today, today))
    try:
        submission = within(submission, sent)
    except Refusal as refusal:
        return refusal
    if (refused := _pay(work, submission)) is not None:
        return refused
    work.insert(_put_today[work.sqlite], ({**today, "sent": sent + len(submission.live)},))
    return submission


def _pay(work: Work, submission: Submission) -> Refusal | None:
    purse = work.purse(submission.account)
    live = submission.live
    number = len(live)
    if purse is None:
        return Refusal("temporary", rule="account_exists", facts={"account": submission.account})
    if submission.billing == "none":
        return None
    if purse.available < number:
        facts = {"available": purse.available, "needed": number}
        return Refusal("balance_short", rule="balance_covers", facts=facts)
    if submission.billing == "accept":
        purse.move(-number)
        for recipient in live:
            work.enter(recipient.id, "send", submission.account, -1, "", submission.received_at)
    else:
        purse.move(0, number)
    return None


def _message_row(submission: Submission) -> Mapping[str, object]:
    instructions = submission.instructions
    verdicts = submission.verdicts
    return {
        "id": submission.id,
        "account": submission.account,
        "connection": submission.connection,
        "dialect": submission.dialect,
        "peer": submission.peer,
        "sender": clean(submission.sender),
        "subject": clean(submission.subject),
        "tag": clean(instructions.tag),
        "client_ref": clean(instructions.client_ref),
        "route": clean(instructions.route),
        "billing": submission.billing,
        "size": submission.size,
        "received_at": submission.received_at,
        "expires_at": submission.expires_at,
        "verdicts": plain(verdicts) if verdicts else "[]",
        "source": None if is_large(submission) else submission.source,
        "template": clean(instructions.template),
        "metadata": _encode(instructions.metadata) if instructions.metadata else "",
        "personal": personal_text(submission.personal),
    }


def plain(verdicts: Sequence[Mapping[str, object]]) -> str:
    """Verdicts as JSON text; what JSON does not know becomes text."""
    texts = [each.text or _written(each) if type(each) is Recurring else _encode(each) for each in verdicts]
    return f"[{','.join(texts)}]"


def _written(recurring: Recurring) -> str:
    recurring.text = _encode(recurring)
    return recurring.text


def _known(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


# Some twenty verdicts are written for each message; they are plain values, in which nothing holds itself.
_encode = json.JSONEncoder(default=_known, separators=(",", ":"), check_circular=False).encode


def _recipient_rows(submission: Submission, lease: str) -> list[Mapping[str, object]]:
    shared = {
        "message": submission.id,
        "account": submission.account,
        "connection": submission.connection,
        "tag": clean(submission.instructions.tag),
        "route": clean(submission.instructions.route),
        "priority": submission.instructions.priority or 0,
        "state": "queued",
        "held": 0,
        "lease": lease,
        "attempts": 0,
        "reserved": int(submission.billing == "attempt"),
        "billed": int(submission.billing == "accept"),
        "accepted_at": submission.received_at,
        "due_at": submission.received_at,
        "expires_at": submission.expires_at,
        "last_reply": "",
        "last_host": "",
        "last_at": 0,
        "throttled": 0,
    }
    return [
        {
            **shared,
            "id": recipient.id,
            "address": clean(recipient.address),
            "key": clean(recipient.key),
            "destination": clean(recipient.destination),
            "name": clean(recipient.name),
            **(_rejected(recipient, submission.received_at) if recipient.rejected else _NOT_REJECTED),
        }
        for recipient in submission.recipients
    ]


_NOT_REJECTED: Mapping[str, object] = {}


def _rejected(recipient: Recipient, at: int) -> Mapping[str, object]:
    """What differs in the row of one that is at its end from the start."""
    return {
        "state": State.SUPPRESSED.value,
        "lease": "",
        "reserved": 0,
        "billed": 0,
        "last_reply": clean(recipient.rejected),
        "last_at": at,
    }
