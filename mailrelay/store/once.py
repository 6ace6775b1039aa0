"""Idempotency: a submission under a key that was used before is the same submission, and only what is new of it counts.

For a day a key of a connection stands for one message, told by its digest. Whoever comes again with it gets the id of
the first; recipients that the first did not have are taken, and charged, under that id. That the first was told again
is noted with it (`answered`): an accept whose own client got no reply, because nobody knew whether it was committed, is
taken back afterwards, but not from under somebody who was told that it is there. Twins meet at the account's purse,
which both lock, so that one of them always sees the other. This module never commits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ..interfaces.ledger import KEY_LIFETIME, Once
from ..mail.envelope import Submission
from ..mail.reply import Refusal
from .accept import accept, clean, join
from .schema import keyed
from .work import BULK, Work

if TYPE_CHECKING:
    from .report import Reports

_k = keyed.c
_of_key = (_k.connection == sa.bindparam("owner"), _k.key == sa.bindparam("word"))

_look_up = sa.select(_k.message, _k.digest, _k.at, _k.recipient).where(*_of_key, _k.at > sa.bindparam("after"))
_forget = sa.delete(keyed).where(*_of_key, _k.at <= sa.bindparam("after")).returning(_k.id)
_answer = (
    sa.update(keyed)
    .where(*_of_key, _k.recipient == sa.bindparam("whom"))
    .values(answered=sa.literal_column("1"))
    .returning(_k.id)
)
_add = sa.insert(keyed)
_answered = sa.select(_k.id).where(_k.id == sa.bindparam("entry"), _k.answered == 1)
_old = sa.select(_k.id).where(_k.at <= sa.bindparam("before")).order_by(_k.at).limit(BULK)
_drop = sa.delete(keyed).where(_k.id == sa.bindparam("entry")).returning(_k.id)


def accept_once(
    work: Work, members: Sequence[tuple[Submission, bool]], reports: Reports | None = None
) -> list[Once | Refusal]:
    """For each (submission, lease) under what id it stands and what is new of it, or why it was refused."""
    work.purses(submission.account for submission, _ in members)
    return [_accept(work, submission, lease, reports) for submission, lease in members]


def _accept(work: Work, submission: Submission, lease: bool, reports: Reports | None) -> Once | Refusal:
    key = clean(submission.instructions.idempotency_key)
    values = {"owner": submission.connection, "word": key, "after": submission.received_at - KEY_LIFETIME}
    found = work.rows(_look_up, values)
    if not found:
        work.each(_forget, (values,))
        (taken,) = accept(work, ((submission, lease),), reports)
        if isinstance(taken, Refusal):
            return taken
        work.insert(_add, _rows(submission, key, submission.received_at))
        return Once(submission.id, taken)
    message, digest, at, _ = found[0]
    if digest != submission.digest:
        return Refusal("idempotency_conflict", rule="idempotency", facts={"message": message})
    known = {recipient for *_, recipient in found}
    fresh = tuple(recipient for recipient in submission.recipients if clean(recipient.key) not in known)
    joined = replace(submission, id=message, recipients=fresh)
    more = join(work, joined, lease, reports) if fresh else ()
    if isinstance(more, Refusal):
        return more
    repeated = sorted({clean(recipient.key) for recipient in submission.recipients} & known)
    work.each(_answer, [{"owner": submission.connection, "word": key, "whom": each} for each in repeated])
    work.insert(_add, _rows(joined, key, at))
    return Once(message, more)


def _rows(submission: Submission, key: str, at: int) -> list[dict[str, object]]:
    shared = {
        "connection": submission.connection,
        "key": key,
        "message": submission.id,
        "digest": submission.digest,
        "answered": 0,
        "at": at,
    }
    rows = [{**shared, "recipient": clean(each.key), "id": each.id} for each in submission.recipients]
    return sorted(rows, key=lambda row: str(row["recipient"]))


def told_again(work: Work, recipients: Collection[str]) -> set[str]:
    """Which of these (ids) were told to another client since, as part of what its key stands for."""
    found = (work.rows(_answered, {"entry": id}) for id in sorted(recipients))
    return {row[0] for rows in found for row in rows}


def take_back(work: Work, recipients: Collection[str]) -> None:
    """Their keys stand for nothing any more."""
    work.each(_drop, [{"entry": id} for id in sorted(recipients)])


def sweep_keys(work: Work, now: int) -> int:
    """Forget keys whose day has passed, at most `BULK` recipients of them; gives how many."""
    old = work.rows(_old, {"before": now - KEY_LIFETIME})
    work.each(_drop, [{"entry": id} for (id,) in old])
    return len(old)
