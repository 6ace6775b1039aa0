"""What recipients do, over a database: `IEngagement`.

The acts of one recipient in one batch are added up and written once, while its row in `recipients` is locked, so that
two processes never take the same act for the first. Counters move in the same commit, in the
quarter hour of the message's acceptance. This module judges nobody: who is a machine is decided before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.engagement import KEPT, Engaged, Engagement, IEngagement
from ..mail.envelope import Delivery, personal_of
from ..mail.event import Event
from .accept import clean
from .engine import Row
from .erasure import PREFIX
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import accounts, engaged, engagements, holding, messages, recipients, suppressions
from .settle import suppress
from .work import Work
from .writer import Writer

#: Counters of what recipients do, each with the column of `engaged` that it adds up.
COUNTED: Mapping[str, str] = {
    "opened": "opened_at",
    "opens": "opens",
    "opened_machine": "machine_opens",
    "clicked": "clicked_at",
    "clicks": "clicks",
    "clicked_machine": "machine_clicks",
    "unsubscribed": "unsubscribed_at",
    "complained": "complained_at",
}
#: Columns that hold an instant, of which each recipient counts once.
FIRSTS = frozenset({"opened_at", "clicked_at", "unsubscribed_at", "complained_at"})

_COLUMNS = tuple(each.name for each in fields(Engaged))
_ONCE = {Event.UNSUBSCRIBED: "unsubscribed_at", Event.COMPLAINED: "complained_at"}
_UNSUBSCRIBED = frozenset({"unsubscribe", "complaint"})

_known = sa.select(
    recipients.c.connection,
    recipients.c.tag,
    recipients.c.destination,
    recipients.c.accepted_at,
    recipients.c.address,
    recipients.c.key,
).where(recipients.c.id == sa.bindparam("of"))
_known_locked = _known.with_for_update()
_subject = sa.select(recipients).where(recipients.c.id == sa.bindparam("of"))
_complained = sa.select(engaged.c.complained_at).where(engaged.c.recipient == sa.bindparam("of"))
_engaged = sa.select(*(engaged.c[name] for name in _COLUMNS)).where(engaged.c.recipient == sa.bindparam("of"))
_kept = sa.select(engagements).where(engagements.c.recipient == sa.bindparam("of")).order_by(engagements.c.id)
_reason = sa.select(suppressions.c.reason).where(
    suppressions.c.account == sa.bindparam("owner"),
    suppressions.c.key == sa.bindparam("mailbox"),
    holding(sa.bindparam("now", type_=sa.BigInteger)),
)


_keep = {
    True: sqlite.insert(engagements).on_conflict_do_nothing(),
    False: postgresql.insert(engagements).on_conflict_do_nothing(),
}


@implementer(IEngagement)
class Engagements:
    """Opens, clicks, unsubscribes."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    def record(self, given: Sequence[Engagement]) -> Deferred[None]:
        return self._writer.ask(record, tuple(given))

    def unsubscribe(self, account: str, mailbox: str, engagement: Engagement) -> Deferred[bool]:
        return self._writer.ask(CALL, lambda work: unsubscribe(work, account, mailbox, engagement))

    def complain(self, engagement: Engagement) -> Deferred[bool]:
        return self._writer.ask(CALL, lambda work: complain(work, engagement))

    def delivery(self, recipient: str) -> Deferred[Delivery]:
        return self._reader.ask(LOOK_UP, lambda work: _delivery(work, recipient))


def record(work: Work, members: Sequence[Sequence[Engagement]]) -> list[None]:
    """Keep what several members tell, all acts of one recipient together."""
    acts: dict[str, list[Engagement]] = {}
    for member in members:
        for engagement in member:
            acts.setdefault(engagement.recipient, []).append(engagement)
    for recipient, done in sorted(acts.items()):
        known = work.rows(_known if work.sqlite else _known_locked, {"of": recipient})
        if known and not _is_erased(known[0]):
            _record(work, recipient, done, known[0])
    return [None] * len(members)


def unsubscribe(work: Work, account: str, mailbox: str, engagement: Engagement) -> bool:
    """Suppress a mailbox, and keep who asked for it; one that was erased as what stands in its place."""
    if not work.execute(sa.select(accounts.c.id).where(accounts.c.id == account)).first():
        raise KeyError(account)
    known = work.rows(_known if work.sqlite else _known_locked, {"of": engagement.recipient})
    erased = bool(known) and _is_erased(known[0])
    if erased:
        mailbox = known[0][5]
    reason = work.execute(_reason, {"owner": account, "mailbox": mailbox, "now": engagement.at}).scalar()
    if known and not erased:
        _record(work, engagement.recipient, [engagement], known[0])
    if reason in _UNSUBSCRIBED:
        return False
    address = known[0][4] if known else mailbox
    suppress(work, account, clean(mailbox), address, "unsubscribe", engagement.recipient, engagement.at)
    return True


def complain(work: Work, engagement: Engagement) -> bool:
    """Suppress the address of a recipient that complained, and keep the complaint; the first one counts."""
    recipient = engagement.recipient
    locked = _subject if work.sqlite else _subject.with_for_update()
    found = work.execute(locked, {"of": recipient}).first()
    if found is None or found.key.startswith(PREFIX) or work.execute(_complained, {"of": recipient}).scalar():
        return False
    _record(
        work,
        recipient,
        [engagement],
        (found.connection, found.tag, found.destination, found.accepted_at, found.address, found.key),
    )
    suppress(work, found.account, found.key, found.address, "complaint", recipient, engagement.at)
    return True


def _is_erased(known: Row) -> bool:
    """The person was forgotten, and nothing is kept of it any more."""
    return bool(known[5].startswith(PREFIX))


def _record(work: Work, recipient: str, done: Sequence[Engagement], known: Row) -> None:
    connection, tag, domain, accepted_at, *_ = known
    found = work.rows(_engaged, {"of": recipient})
    before = dict(zip(_COLUMNS, found[0] if found else (0,) * len(_COLUMNS), strict=True))
    after = _after(before, done)
    work.execute(work.upsert(engaged, _COLUMNS), {"recipient": recipient, **after})
    for kind, column in COUNTED.items():
        now, then = after[column], before[column]
        number = bool(now) - bool(then) if column in FIRSTS else now - then
        work.count(connection, tag, domain, accepted_at, kind, number)
    acts = sum(before[name] for name in ("opens", "machine_opens", "clicks", "machine_clicks"))
    room = max(KEPT - acts, 0)
    work.insert(_keep[work.sqlite], [_row(each) for each in done[:room]])
    for place, each in enumerate(done):
        if place < room or each.act in _ONCE:
            work.tell(each.act.value, recipient, each.at, each.id)


def _after(before: Mapping[str, int], done: Sequence[Engagement]) -> dict[str, int]:
    """What a recipient did in all once it did this, too."""
    after = dict(before)
    for each in done:
        if each.act in _ONCE:
            after[_ONCE[each.act]] = after[_ONCE[each.act]] or each.at
            continue
        verb, first = ("opens", "opened_at") if each.act is Event.OPENED else ("clicks", "clicked_at")
        if each.machine:
            after[f"machine_{verb}"] += 1
        else:
            after[verb] += 1
            after[first] = min(after[first] or each.at, each.at)
    return after


def _row(each: Engagement) -> Mapping[str, object]:
    return {**asdict(each), "act": each.act.value, "target": clean(each.target), "agent": clean(each.agent)}


def _engagement(row: Any) -> Engagement:
    return Engagement(
        row.id, row.recipient, Event[row.act.upper()], row.at, row.machine, row.target, row.address, row.agent
    )


def acts_of(work: Work, recipient: str) -> list[Engagement]:
    """The acts of a recipient that were kept, in order."""
    return [_engagement(row) for row in work.execute(_kept, {"of": recipient})]


def summary(row: Any) -> Engaged:
    """What a row joined with `engaged` says; all is 0 where there was none to join."""
    return Engaged(**{name: getattr(row, name) or 0 for name in _COLUMNS})


def _delivery(work: Work, recipient: str) -> Delivery:
    columns = recipients.c
    found = work.execute(
        sa.select(recipients, messages.c.sender, messages.c.billing, messages.c.size, messages.c.personal)
        .join_from(recipients, messages, messages.c.id == columns.message)
        .where(columns.id == recipient)
    ).first()
    if found is None:
        raise KeyError(recipient)
    return Delivery(
        recipient=found.id,
        message=found.message,
        account=found.account,
        connection=found.connection,
        sender=found.sender,
        address=found.address,
        destination=found.destination,
        route=found.route,
        attempts=found.attempts,
        accepted_at=found.accepted_at,
        expires_at=found.expires_at,
        billing=found.billing,
        size=found.size,
        name=found.name,
        personal=personal_of(found.personal),
    )
