"""Claiming: the head of a lane is leased to this process, and judged once more before it is.

Since a recipient was accepted its connection may have been blocked, its address suppressed, its time run out. What is
expired or suppressed ends here, in the same transaction; what belongs to a connection that is not active stays and is
looked at again a minute later; what makes no sense is set aside (`damage`). This module never commits, and reads no
lane but the one it is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ..interfaces.ledger import Lane
from ..mail.envelope import SECOND, Delivery, State, Submission, personal_of
from ..policy.settlement import HARD_BOUNCE
from .damage import SANE, STORED, fault_of, fault_of_source, set_aside
from .once import take_back, told_again
from .report import Reports
from .schema import PENDING, WAITING, connections, holding, messages, recipients, suppressions
from .settle import FACTS, Facts, end, facts_of
from .work import BULK, Work

#: How long a recipient of a connection that is not active is left alone.
BLOCKED_PAUSE = 60 * SECOND

head = (
    sa.select(
        *FACTS,
        recipients.c.message,
        recipients.c.address,
        recipients.c.destination,
        recipients.c.route,
        recipients.c.attempts,
        recipients.c.expires_at,
        recipients.c.name,
        SANE,
        STORED,
        sa.select(messages.c.sender).where(messages.c.id == recipients.c.message).scalar_subquery(),
        sa.select(messages.c.billing).where(messages.c.id == recipients.c.message).scalar_subquery(),
        sa.select(messages.c.size).where(messages.c.id == recipients.c.message).scalar_subquery(),
        sa.select(messages.c.personal).where(messages.c.id == recipients.c.message).scalar_subquery(),
        sa.select(connections.c.status).where(connections.c.id == recipients.c.connection).scalar_subquery(),
        sa.select(suppressions.c.reason)
        .where(
            suppressions.c.account == recipients.c.account,
            suppressions.c.key == recipients.c.key,
            # that another message was refused is for the host to say again: not every dialect heeds it
            suppressions.c.reason != sa.literal_column(f"'{HARD_BOUNCE}'"),
            holding(sa.bindparam("now", type_=sa.BigInteger)),
        )
        .scalar_subquery(),
    )
    .where(
        recipients.c.account == sa.bindparam("lane_account"),
        recipients.c.priority == sa.bindparam("lane_priority", type_=sa.SmallInteger),
        recipients.c.destination == sa.bindparam("lane_destination"),
        recipients.c.due_at <= sa.bindparam("now", type_=sa.BigInteger),
        WAITING,
    )
    .order_by(recipients.c.due_at)
    .limit(sa.bindparam("number", type_=sa.BigInteger))
)
head_locked = head.with_for_update(skip_locked=True, of=recipients)

_lease = (
    sa.update(recipients)
    .where(recipients.c.id == sa.bindparam("recipient"), WAITING)
    .values(lease=sa.bindparam("ours"))
    .returning(recipients.c.id)
)
_postpone = (
    sa.update(recipients)
    .where(recipients.c.id == sa.bindparam("recipient"), WAITING)
    .values(due_at=sa.bindparam("new_due_at"))
    .returning(recipients.c.id)
)
_release = (
    sa.update(recipients)
    .where(recipients.c.id == sa.bindparam("recipient"), recipients.c.lease == sa.bindparam("ours"), PENDING)
    .values(lease=sa.literal_column("''"))
    .returning(recipients.c.id)
)


def claim(
    work: Work, members: Sequence[tuple[Lane, int, int]], reports: Reports | None = None
) -> list[Sequence[Delivery]]:
    """For each (lane, limit, now) what was leased, earliest first."""
    return [_claim(work, lane, limit, now, reports) for lane, limit, now in members]


def _claim(work: Work, lane: Lane, limit: int, now: int, reports: Reports | None) -> Sequence[Delivery]:
    values = {
        "lane_account": lane.account,
        "lane_priority": lane.priority,
        "lane_destination": lane.destination,
        "now": now,
        "number": limit,
    }
    expired, suppressed, idle, taken = [], [], [], []
    for row in work.rows(head if work.sqlite else head_locked, values):
        facts = Facts(*row[: len(FACTS)])
        message, address, destination, route, attempts, expires_at, name, sane, *told = row[len(FACTS) :]
        stored, sender, billing, size, personal, status, reason = told
        fault = fault_of_source(stored, size) or fault_of(sane, address, destination, sender)
        if fault:
            set_aside(work, facts.id, fault, now)
        elif expires_at <= now:
            expired.append(facts)
        elif reason is not None:
            suppressed.append((facts, reason))
        elif status != "active" and facts.connection:
            idle.append(facts)
        else:
            taken.append(
                Delivery(
                    recipient=facts.id,
                    message=message,
                    account=facts.account,
                    connection=facts.connection,
                    sender=sender,
                    address=address,
                    destination=destination,
                    route=route,
                    attempts=attempts,
                    accepted_at=facts.accepted_at,
                    expires_at=expires_at,
                    billing=billing,
                    size=size,
                    name=name,
                    personal=personal_of(personal),
                    priority=lane.priority,
                )
            )
    leased = work.each(_lease, [{"recipient": delivery.recipient, "ours": work.node} for delivery in taken])
    work.each(_postpone, [{"recipient": facts.id, "new_due_at": now + BLOCKED_PAUSE} for facts in idle])
    end(work, expired, State.EXPIRED, EXPIRED_TEXT, now, reports=reports)
    for facts, reason in suppressed:
        end(work, (facts,), State.SUPPRESSED, f"the address is suppressed: {reason}", now, reports=reports)
    return [delivery for delivery, row in zip(taken, leased, strict=True) if row is not None]


#: Our own words for a deadline that passed (RFC 3463 3.5: X.4.7).
EXPIRED_TEXT = "the deadline passed before the message could be delivered"


def release(work: Work, members: Sequence[Collection[str]]) -> list[int]:
    """For each set of recipients how many leases of ours were given back."""
    return [
        sum(
            row is not None for row in work.each(_release, [{"recipient": id, "ours": work.node} for id in sorted(ids)])
        )
        for ids in members
    ]


def leases_of(work: Work, node: str) -> list[str]:
    """The recipients that a node has in hand."""
    statement = sa.select(recipients.c.id).where(recipients.c.lease == node, PENDING).order_by(recipients.c.id)
    return list(work.execute(statement).scalars())


def release_node(work: Work, node: str) -> int:
    """Give back all leases of one node."""
    rows = work.each(_release, [{"recipient": id, "ours": node} for id in leases_of(work, node)])
    return sum(row is not None for row in rows)


def expire(work: Work, members: Sequence[int], reports: Reports | None = None) -> list[int]:
    """For each instant how many recipients, held ones too, ended because their deadline had passed; at most `BULK`."""
    ended = []
    for now in members:
        overdue = facts_of(work, PENDING, recipients.c.lease == "", recipients.c.expires_at <= now, limit=BULK)
        ended.append(end(work, overdue, State.EXPIRED, EXPIRED_TEXT, now, reports=reports))
    return ended


def void(work: Work, submissions: Sequence[Submission], reason: str, now: int) -> None:
    """Take submissions back whose client was left without a reply: what no other process has in hand, and no other
    client was told of under the same idempotency key, ends as failed, and the money returns."""
    for submission in submissions:
        ids = {recipient.id for recipient in submission.recipients}
        if submission.instructions.idempotency_key:
            work.purses((submission.account,))
            ids -= told_again(work, ids)
        ours = facts_of(work, recipients.c.id.in_(ids), PENDING, recipients.c.lease.in_(("", work.node)))
        end(work, ours, State.FAILED, reason, now, refund=True)
        if submission.instructions.idempotency_key:
            take_back(work, [facts.id for facts in ours])


_r, _n = recipients.alias("r"), recipients.alias("n")

#: Of what may be claimed: the next priority of an account, and the first one of the next account. By itself SQLite
#: would rather read all that is free than skip along the lanes, and of two columns side by side it seeks by one.
next_priority = (
    sa.select(recipients.c.account, recipients.c.priority)
    .where(
        WAITING,
        recipients.c.account == sa.bindparam("last_account"),
        recipients.c.priority > sa.bindparam("last_priority", type_=sa.SmallInteger),
    )
    .order_by(recipients.c.priority)
    .limit(1)
)
next_account: Mapping[bool, sa.ClauseElement] = {
    on_sqlite: sa.text(
        f"SELECT account, priority FROM recipients {'INDEXED BY recipients_lane' if on_sqlite else ''} "
        f"WHERE {WAITING.text} AND account > :last_account ORDER BY account, priority LIMIT 1"
    )
    for on_sqlite in (True, False)
}


def _lanes_statement() -> sa.Select[tuple[str, int]]:
    """The lanes of one account and priority, by a loose scan: one step of the lane index for each."""

    def behind(each: Any, destination: Any) -> Any:
        return (
            sa.select(each.c.destination, each.c.due_at, each.c.id)
            .where(
                WAITING,
                each.c.account == sa.bindparam("lane_account"),
                each.c.priority == sa.bindparam("lane_priority", type_=sa.SmallInteger),
                each.c.destination > destination,
            )
            .order_by(each.c.destination, each.c.due_at)
            .limit(1)
        )

    first = behind(recipients, sa.bindparam("last_destination")).subquery("first")
    lane = sa.select(first.c.destination, first.c.due_at).cte("lane", recursive=True)
    following = behind(_n, lane.c.destination).with_only_columns(_n.c.id).correlate(lane).scalar_subquery()
    lane = lane.union_all(sa.select(_r.c.destination, _r.c.due_at).join_from(lane, _r, _r.c.id == following))
    return sa.select(lane.c.destination, lane.c.due_at).limit(sa.bindparam("number", type_=sa.BigInteger))


lanes_of = _lanes_statement()


def _next_queue(work: Work, account: str, priority: int) -> Any:
    found = work.rows(next_priority, {"last_account": account, "last_priority": priority}) if account else []
    found = found or work.rows(next_account[work.sqlite], {"last_account": account})
    return found[0] if found else None


def lanes(work: Work, after: Mapping[tuple[str, int], str], limit: int) -> Sequence[Lane]:
    """The lanes of every account and priority, `limit` of each at most, behind the destinations given."""
    found: list[Lane] = []
    account, priority = "", 0
    while queue := _next_queue(work, account, priority):
        account, priority = queue
        values = {
            "lane_account": account,
            "lane_priority": priority,
            "last_destination": after.get((account, priority), ""),
            "number": limit,
        }
        found += [
            Lane(account, destination, due_at, priority)
            for destination, due_at in work.rows(lanes_of, values)
            if isinstance(due_at, int)  # an instant that is none belongs to a row that is set aside in time
        ]
    return found
