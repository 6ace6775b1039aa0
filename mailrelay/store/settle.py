"""Settling: what became of a leased recipient, its money, its counters and what is remembered of its mailbox.

A settlement holds only while the lease is ours: the row is changed under that condition and tells by coming back that
it was; if not, nothing moves at all (law 4). A final state leaves no reservation behind (law 5). This module never
commits and decides no state: `policy.settlement` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from twisted.logger import Logger

from ..mail.envelope import Settlement, State
from ..policy.bounce import mailbox_full
from ..policy.settlement import HARD_BOUNCE, TRANSITIONS
from ..policy.statistics import DEFERRALS
from .accept import clean
from .attempts import keep
from .report import Reports
from .schema import PENDING, full_mailboxes, recipients, suppressions
from .schema import attempts as past
from .work import Work

_log = Logger()

_attempts = recipients.c.attempts + sa.bindparam("attempted", type_=sa.BigInteger)
_settle = (
    sa.update(recipients)
    .where(recipients.c.id == sa.bindparam("recipient"), recipients.c.lease == sa.bindparam("ours"))
    .values(
        # who still waits is deferred if it was attempted, queued if not
        state=sa.case(
            (sa.bindparam("at_end", type_=sa.SmallInteger) == 1, sa.bindparam("new_state")),
            (_attempts > 0, sa.literal_column(f"'{State.DEFERRED}'")),
            else_=sa.literal_column(f"'{State.QUEUED}'"),
        ),
        lease=sa.literal_column("''"),
        due_at=sa.bindparam("new_due_at"),
        attempts=_attempts,
        last_reply=sa.bindparam("reply"),
        last_host=sa.bindparam("host"),
        last_at=sa.bindparam("at"),
        throttled=recipients.c.throttled + sa.bindparam("throttled", type_=sa.BigInteger),
    )
    .returning(
        recipients.c.account,
        recipients.c.connection,
        recipients.c.tag,
        recipients.c.destination,
        recipients.c.accepted_at,
        recipients.c.reserved,
        recipients.c.key,
        recipients.c.address,
        recipients.c.attempts,
        recipients.c.throttled,
    )
)

_first_asked = (
    sa.select(past.c.at)
    .where(past.c.recipient == sa.bindparam("of"), past.c.host != sa.literal_column("''"))
    .order_by(past.c.number)
    .limit(sa.literal_column("1"))
)

_hold = (
    sa.update(recipients)
    .where(recipients.c.id == sa.bindparam("recipient"), PENDING)
    .values(held=sa.literal_column("1"))
)

_spend = (
    sa.update(recipients)
    .where(recipients.c.id == sa.bindparam("recipient"), recipients.c.reserved == 1)
    .values(reserved=sa.literal_column("0"), billed=sa.bindparam("bill", type_=sa.SmallInteger))
    .returning(recipients.c.id)
)

_end = (
    sa.update(recipients)
    .where(recipients.c.id == sa.bindparam("recipient"), PENDING)
    .values(
        state=sa.bindparam("new_state"),
        lease=sa.literal_column("''"),
        held=sa.literal_column("0"),
        last_reply=sa.bindparam("reply"),
        last_host=sa.literal_column("''"),
        last_at=sa.bindparam("at"),
    )
    .returning(recipients.c.id)
)

_unbill = (
    sa.update(recipients)
    .where(recipients.c.id == sa.bindparam("recipient"))
    .values(billed=sa.literal_column("0"))
    .returning(recipients.c.id)
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What ending a recipient needs to know of it."""

    id: str
    account: str
    connection: str
    tag: str
    destination: str
    accepted_at: int
    state: str
    reserved: int
    billed: int
    host: str


FACTS = (
    recipients.c.id,
    recipients.c.account,
    recipients.c.connection,
    recipients.c.tag,
    recipients.c.destination,
    recipients.c.accepted_at,
    recipients.c.state,
    recipients.c.reserved,
    recipients.c.billed,
    recipients.c.last_host,
)


def facts_of(work: Work, *conditions: sa.ColumnElement[bool] | sa.TextClause, limit: int = 0) -> list[Facts]:
    """The recipients that fit, locked, in the order of their ids."""
    statement = sa.select(*FACTS).where(*conditions).order_by(recipients.c.id)
    if limit:
        statement = statement.limit(limit)
    if not work.sqlite:
        statement = statement.with_for_update(skip_locked=bool(limit))
    return [Facts(*row) for row in work.execute(statement)]


def settle(work: Work, members: Sequence[Settlement], reports: Reports | None = None) -> list[bool]:
    """For each settlement whether the lease was still ours."""
    made: list[tuple[Settlement, int]] = []
    order = sorted(range(len(members)), key=lambda place: members[place].recipient)
    found = work.each(_settle, [_values(work, members[place]) for place in order])
    results = [False] * len(members)
    for place, row in zip(order, found, strict=True):
        settlement = members[place]
        if row is None:
            _log.warn(
                "possible duplicate: recipient {recipient} was settled as {state} without a lease",
                recipient=settlement.recipient,
                state=settlement.state.value,
            )
            work.tell("possible_duplicate", settlement.recipient, settlement.at)
            continue
        results[place] = True
        account, connection, tag, domain, accepted_at, reserved, key, address, attempts, throttled = row
        made.append((settlement, attempts))
        origin = (connection, tag, domain, accepted_at)
        _count(work, origin, settlement.state, attempts > settlement.attempted, attempts > 0)
        if settlement.state.final or settlement.attempted:
            kind = settlement.state.value if settlement.state.final else DEFERRALS
            work.count_provider(connection, clean(settlement.host), accepted_at, kind)
        if settlement.state is State.DELIVERED:
            remote = settlement.took if attempts < 2 else _remote(work, settlement)
            work.count_times(connection, accepted_at, settlement.at - accepted_at, throttled, remote)
        if connection:
            _tell(work, settlement, attempts)
        if reserved and (settlement.charge or settlement.state.final):
            capture = settlement.charge == "capture"
            _spend_reserved(work, settlement.recipient, account, origin, capture, settlement.at)
        if settlement.reply is not None and mailbox_full(settlement.reply):
            _remember_full(work, account, key, settlement.at)
        if settlement.suppression:
            by, until = settlement.recipient, settlement.suppressed_until
            suppress(work, account, key, address, settlement.suppression, by, settlement.at, until)
        if reports is not None and settlement.state in UNDELIVERED:
            subject = reports.about(work, settlement.recipient)
            if subject is not None:
                reports.put(work, subject, settlement.state, subject.reply, subject.host, settlement.at)
        if settlement.hold:
            work.execute(_hold, {"recipient": settlement.recipient})
    keep(work, made)
    return results


def _remote(work: Work, settlement: Settlement) -> int:
    """For how long the receiver had it: since it put the mail off first, or for the attempt alone."""
    for (first,) in work.rows(_first_asked, {"of": settlement.recipient}):
        return max(settlement.at - int(first), settlement.took)
    return settlement.took


def _tell(work: Work, settlement: Settlement, attempts: int) -> None:
    attempt = attempts if settlement.outcome is not None else ""
    if settlement.outcome is not None and settlement.outcome.fallback:
        work.tell("route_failover", settlement.recipient, settlement.at, attempts)
    if settlement.event:
        work.tell(settlement.event, settlement.recipient, settlement.at, attempt)


#: Ends of which the sender is told, where its dialect does so.
UNDELIVERED = frozenset({State.BOUNCED, State.EXPIRED, State.FAILED, State.SUPPRESSED})


def _values(work: Work, settlement: Settlement) -> dict[str, object]:
    return {
        "recipient": settlement.recipient,
        "ours": work.node,
        "at_end": int(settlement.state.final),
        "new_state": settlement.state.value,
        "new_due_at": settlement.due_at,
        "attempted": 1 if settlement.attempted else 0,
        "reply": clean(str(settlement.reply)) if settlement.reply is not None else "",
        "host": clean(settlement.host),
        "at": settlement.at,
        "throttled": settlement.throttled,
    }


#: Where a recipient is counted: its connection, tag and domain, and when it was accepted.
Origin: TypeAlias = tuple[str, str, str, int]


def _count(work: Work, origin: Origin, state: State, before: bool, after: bool = False) -> None:
    """A recipient comes to a state; was it tried in vain before, and is it so now if it still waits?"""
    deferred = (after and not state.final) - before
    if deferred:
        work.count(*origin, State.DEFERRED.value, deferred)
    if state.final:
        work.count(*origin, state.value)


def _spend_reserved(work: Work, recipient: str, account: str, origin: Origin, capture: bool, at: int) -> None:
    """The reservation ends: captured, or given back."""
    if work.each(_spend, ({"recipient": recipient, "bill": int(capture)},))[0] is None:
        return
    purse = work.purse(account)
    if purse is not None:
        purse.move(-1 if capture else 0, -1)
        if capture:
            work.count(*origin, "billed")
            work.enter(recipient, "send", account, -1, "", at)


def _remember_full(work: Work, account: str, key: str, at: int) -> None:
    statement = work.upsert(full_mailboxes, ("account", "key", "at"))
    work.execute(statement, {"account": account, "key": key, "at": at})


def suppress(
    work: Work, account: str, key: str, address: str, reason: str, origin: str, at: int, until: int = 0
) -> None:
    """Suppress an address until an instant, 0 for good. One that is keeps its date and gets the new reason and end; but
    that a host refused it never stands in the place of what a person wants, nor shortens what it was."""
    work.execute(
        _suppress[work.sqlite],
        {
            "account": account,
            "key": key,
            "address": address,
            "reason": reason,
            "origin": origin,
            "created_at": at,
            "expires_at": until,
        },
    )


def _make_suppress(make: Any) -> Any:
    statement = make(suppressions)
    new, kept = statement.excluded, suppressions.c
    over = sa.and_(kept.expires_at != 0, kept.expires_at <= new.created_at)
    longer = sa.and_(kept.expires_at != 0, sa.or_(new.expires_at == 0, new.expires_at > kept.expires_at))
    refused = sa.and_(kept.reason == HARD_BOUNCE, longer)
    return statement.on_conflict_do_update(
        index_elements=["account", "key"],
        set_={
            "reason": new.reason,
            "origin": new.origin,
            "expires_at": new.expires_at,
            "created_at": sa.case((over, new.created_at), else_=kept.created_at),
        },
        where=sa.or_(new.reason != HARD_BOUNCE, over, refused),
    )


_suppress = {True: _make_suppress(sqlite.insert), False: _make_suppress(postgresql.insert)}


def end(
    work: Work,
    members: Sequence[Facts],
    state: State,
    reason: str,
    now: int,
    *,
    refund: bool = False,
    reports: Reports | None = None,
) -> int:
    """Bring pending recipients to an end without an attempt; gives how many. With `refund` what was captured
    returns; with `reports` senders are told."""
    subjects = [reports.about(work, facts.id) for facts in members] if reports is not None else [None] * len(members)
    values = [{"recipient": facts.id, "new_state": state.value, "reply": clean(reason), "at": now} for facts in members]
    ended = 0
    for facts, subject, row in zip(members, subjects, work.each(_end, values), strict=True):
        if row is None:
            continue
        ended += 1
        if reports is not None and subject is not None:
            heard = (subject.reply, subject.host) if state is State.EXPIRED else (reason, "")
            reports.put(work, subject, state, *heard, now)
        origin = (facts.connection, facts.tag, facts.destination, facts.accepted_at)
        _count(work, origin, state, facts.state == State.DEFERRED)
        work.count_provider(facts.connection, facts.host, facts.accepted_at, state.value)
        if facts.connection:
            work.tell(TRANSITIONS[state].event, facts.id, now)
        if facts.reserved:
            capture = not refund and TRANSITIONS[state].attempt == "capture"
            _spend_reserved(work, facts.id, facts.account, origin, capture, now)
        purse = work.purse(facts.account) if refund and facts.billed else None
        if purse is not None:
            work.each(_unbill, ({"recipient": facts.id},))
            purse.move(1)
            work.count(*origin, "billed", -1)
            work.enter(facts.id, "refund", facts.account, 1, clean(reason), now)
    return ended
